package mqconn

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn/mqrc"
)

var writeReasons = flag.Bool("write-reasons", false, "write REASONS.md instead of comparing it")

// given is a reason with the calls that can give it, from mqrc/reasons.txt.
type given struct {
	reason mqrc.Reason
	verbs  []Verb
}

var callLetters = map[rune]Verb{
	'c': VerbConnect, 'o': VerbOpen, 'p': VerbPut, 'q': VerbPut1, 'g': VerbGet, 'm': VerbCommit, 'b': VerbBackout, 'i': VerbInquire,
}

func readGiven(t *testing.T) []given {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("mqrc", "reasons.txt"))
	if err != nil {
		t.Fatal(err)
	}
	numbers := make(map[string]mqrc.Reason)
	for r := mqrc.Reason(0); r < 10000; r++ {
		numbers[r.Name()] = r
	}
	var all []given
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(line, "#") || fields[0] == "NO_MSG_AVAILABLE" { // which is ErrNoMessage, and never classified
			continue
		}
		g := given{reason: numbers["MQRC_"+fields[0]]}
		for _, letter := range fields[1] {
			if v, ok := callLetters[letter]; ok {
				g.verbs = append(g.verbs, v)
			}
		}
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b given) int { return int(a.reason - b.reason) })
	if len(all) < 300 {
		t.Fatalf("%d reasons read", len(all))
	}
	return all
}

// Every reason that a call can give is decided by a rule that names it, not by what is left over. The
// ends of a unit of work are the exception: there everything that is not known to be harmless counts as
// an unknown outcome, and one rule says so.
func TestEveryReasonThatACallCanGiveIsInTheTable(t *testing.T) {
	used := make(map[string]bool) // rule and reason
	pairs := 0
	for _, g := range readGiven(t) {
		for _, v := range g.verbs {
			for _, bindings := range []bool{false, true} {
				pairs++
				i := slices.IndexFunc(rules, func(r rule) bool { return r.fits(Fault{Verb: v, Reason: g.reason, Bindings: bindings}) })
				if i < 0 || rules[i].reasons == nil && !slices.Contains(ending, v) {
					t.Errorf("%s can give %v, and no rule names it", v, g.reason)
					continue
				}
				used[fmt.Sprint(i, g.reason)] = true
			}
		}
	}
	t.Logf("%d pairs of call and reason, in bindings and by client", pairs)
	// The other way round: a row that nothing reaches is a mistake of ours. What reads a message may
	// also meet the reasons of its properties, whose calls are not in the list.
	reported := []mqrc.Reason{mqrc.PropertyNotAvailable, mqrc.PropertyValueTooBig, mqrc.HandleNotAvailable}
	for i, r := range rules {
		if r.source == "" {
			t.Errorf("rule %d has no source", i)
		}
		for _, reason := range r.reasons {
			if !used[fmt.Sprint(i, reason)] && !slices.Contains(reported, reason) {
				t.Errorf("rule %d (%v) names %v, which none of its calls gives", i, r.class, reason)
			}
		}
	}
}

func TestPageOfReasonsIsUpToDate(t *testing.T) {
	page := reasonsPage(readGiven(t))
	if *writeReasons {
		if err := os.WriteFile("REASONS.md", page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("REASONS.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(have, []byte("\r\n"), []byte("\n")), page) {
		t.Error("REASONS.md: run go test ./mqconn -run TestPageOfReasonsIsUpToDate -write-reasons")
	}
}

const pageHead = `# What each reason code means to mqconn

Made by a test of package mqconn from its table of rules and from mqrc/reasons.txt. The reasons that each call
can give are those that IBM MQ's documentation lists for it; nothing here was tried against a real queue manager.

| class | what the call's caller sees | what the Connector does |
|---|---|---|
| retry | the Session has ended, nothing of the call has happened, or it does no harm to repeat it | connects again, for ever |
| next endpoint | the same | tries the next endpoint; before the first good connection five rounds of nothing else, ` + "`Max`" + ` apart, end Run; after it for ever |
| not here | the same | the same |
| in use | another connection has the queue; the Session lives | nothing; Hold tries again every 50 ms |
| throttle | a resource is short; the Session lives, the same call may succeed later | at connect: tries again; see Session.Open |
| message fault | this message or destination is at fault; the Session lives | nothing |
| backed out | the Session has ended, the whole unit of work must be repeated | connects again, for ever |
| outcome unknown | the Session has ended, nobody knows whether the call took effect | connects again only if Config.Repeatable |
| fatal | somebody must mend it; the Session lives | at connect: before the first good connection five rounds, ` + "`Max`" + ` apart, then Run ends; after it for ever, at least 30 s apart |

A put that was lost in a unit of work is "backed out" and outside one "outcome unknown"; where that makes a difference
both stand below, first outside. A reason that is not here counts as a broken connection, as a warning as a message fault.

| reason | meaning | call | class | source |
|---|---|---|---|---|
`

func reasonsPage(all []given) []byte {
	b := []byte(pageHead)
	for _, g := range all {
		type row struct{ class, source string }
		var order []row
		calls := make(map[row][]string)
		add := func(call string, r row) {
			if calls[r] == nil {
				order = append(order, r)
			}
			calls[r] = append(calls[r], call)
		}
		for _, v := range g.verbs {
			client, bindings := classesOf(g.reason, v, false), classesOf(g.reason, v, true)
			source, _ := find(Fault{Verb: v, Reason: g.reason, CompletionCode: 2})
			if client == bindings {
				add(string(v), row{client, source.source})
				continue
			}
			local, _ := find(Fault{Verb: v, Reason: g.reason, CompletionCode: 2, Bindings: true})
			add(string(v)+" by client", row{client, source.source})
			add(string(v)+" in bindings", row{bindings, local.source})
		}
		for _, r := range order {
			b = fmt.Appendf(b, "| %v | %s | %s | %s | %s |\n", g.reason, g.reason.Meaning(), strings.Join(calls[r], ", "), r.class, r.source)
		}
	}
	return b
}

func classesOf(r mqrc.Reason, v Verb, bindings bool) string {
	f := Fault{Verb: v, Reason: r, CompletionCode: 2, Bindings: bindings}
	outside := Classify(f)
	f.Syncpoint = true
	if inside := Classify(f); inside != outside {
		return outside.String() + " / " + inside.String()
	}
	return outside.String()
}

// The page for people names tests and examples as its proof, and codes; it must not name what is gone.
func TestPageOnReconnectingNamesWhatIsThere(t *testing.T) {
	page, err := os.ReadFile("RECONNECTING.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var source []byte
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, text...)
	}
	named := regexp.MustCompile("`((?:Test|Example)[A-Za-z0-9_]+)`").FindAllSubmatch(page, -1)
	if len(named) < 15 {
		t.Fatalf("%d tests are named", len(named))
	}
	for _, n := range named {
		if !bytes.Contains(source, []byte("func "+string(n[1])+"(")) {
			t.Errorf("%s is named and is not there", n[1])
		}
	}
	for k := DialFailed; k <= Missed; k++ {
		if code := (Event{Kind: k}).Code(); !bytes.Contains(page, []byte("| "+code+" |")) {
			t.Errorf("the code %s of %q is missing", code, k)
		}
	}
}
