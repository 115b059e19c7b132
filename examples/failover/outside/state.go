package outside

import (
	"fmt"
	"os"
	"regexp"
)

var (
	journal = regexp.MustCompile(`^journal\.[0-9]+\.[0-9]+$`)
	tail    = regexp.MustCompile(`^tail\.[0-9]+\.[0-9]+$`)
)

// Unsettled says what is wrong with the directory of journals of an agent that has stopped and has
// nothing left to do. A transfer that goes on has a list of its files there; without one there is the
// file incarnation, one journal, at most one log of what arrived last, and nothing else.
func Unsettled(dir string) (wrong []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	kept := map[string]int{"incarnation": 0, "journal": 0}
	for _, e := range entries {
		switch name := e.Name(); {
		case !e.Type().IsRegular():
			wrong = append(wrong, fmt.Sprintf("%s: not a regular file", name))
		case journal.MatchString(name):
			kept["journal"]++
		case tail.MatchString(name):
			kept["tail"]++
		case name == "incarnation":
			kept[name]++
		default:
			wrong = append(wrong, fmt.Sprintf("%s: left behind beside the journal", name))
		}
	}
	for _, name := range []string{"incarnation", "journal"} {
		if n := kept[name]; n != 1 {
			wrong = append(wrong, fmt.Sprintf("%d files %s, not one", n, name))
		}
	}
	if n := kept["tail"]; n > 1 {
		wrong = append(wrong, fmt.Sprintf("%d files tail, not one", n))
	}
	return wrong, nil
}
