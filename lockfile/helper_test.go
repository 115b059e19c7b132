package lockfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const roleHelper = "helper"

// helperRole plays the other process of Check, well or badly.
func helperRole(role string) int {
	switch broken, isBroken := strings.CutPrefix(role, "broken helper: "); {
	case isBroken:
		return brokenHelper(broken)
	case role == "silent helper":
		io.Copy(io.Discard, os.Stdin)
	case role == "mute":
	default:
		CheckHelper()
	}
	return 0
}

// brokenHelper does one request as a file system would that cannot carry a lock.
func brokenHelper(broken string) int {
	a, err := newActor(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	answers, requests := json.NewEncoder(os.Stdout), json.NewDecoder(os.Stdin)
	self, err := identity("")
	h := hello{helperName, self.Host, self.BootID, primitive}
	if broken == "other kind of lock" {
		h.Primitive = "other"
	}
	if err == nil {
		err = answers.Encode(h)
	}
	for err == nil {
		var q request
		if err = requests.Decode(&q); err == nil {
			err = answers.Encode(doBroken(a, broken, q))
		}
	}
	return 0
}

func doBroken(a *actor, broken string, q request) reply {
	switch {
	case broken == "sees other files" && q.Do == "get":
		q.Name += ".other"
		return a.do(q)
	case broken == "locks nothing" && q.Do == "lock":
		return reply{Got: true}
	case broken == "claims twice" && q.Do == "claim":
		r := a.do(q)
		return reply{Which: append(r.Which, 0)}
	case broken == "removes then renames" && q.Do == "move": // the path leads to the old file, as a stale handle does
		return reply{}
	case broken == "overwrites blocks" && q.Do == "blocks":
		r := a.do(q)
		f, err := a.root.OpenFile(q.Name, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt(bytes.Repeat([]byte{0}, blockSize), blockSize) // its own first block, as if a page without it was written back later
			f.Close()
		}
		if err != nil {
			r.Error = err.Error()
		}
		return r
	case broken == "loses updates" && q.Do == "count":
		q.Count--
		return a.do(q)
	case broken == "creates nothing" && q.Do == "put" && filepath.Base(q.Name) == "listed":
		a.root.Remove(q.Name)
		return reply{}
	case broken == "sees half" && q.Do == "watch":
		q.Name += ".half"
		if err := a.root.WriteFile(q.Name, version(1)[:100], 0o644); err != nil {
			return reply{Error: err.Error()}
		}
		return a.do(q)
	case broken == "repeats the epoch" && q.Do == "acquire":
		r := a.do(q)
		r.Epoch += 1000
		return r
	}
	return a.do(q)
}
