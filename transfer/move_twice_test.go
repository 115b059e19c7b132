package transfer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqha/mqha/transfer"
)

// moveTwice moves what is at two sources, of which one file may be both, to two destinations.
func moveTwice(t *testing.T, a, b *agent, roots []string, items ...transfer.Item) transfer.Status {
	t.Helper()
	ea, eb := a.open(t, 1, func(o *transfer.Options) { o.ReadRoots = roots }), b.open(t, 1, nil)
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", SourceDisposition: transfer.DeleteSource, Items: items})
	if err != nil {
		t.Fatal(err)
	}
	stop := runBoth(t, ea, eb)
	s := wait(t, ea, id)
	stop()
	closeEngines(t, ea, eb)
	return s
}

// TestSourceThatDidNotArriveUnderBothItsNamesStays: it was deleted as soon as it had arrived as one of them.
func TestSourceThatDidNotArriveUnderBothItsNamesStays(t *testing.T) {
	tooLong := strings.Repeat("n", 256)
	for what, c := range map[string]struct {
		second string // destination
		taken  bool   // its name, at the receiver
		stays  bool
	}{
		"both arrive":            {second: "two"},
		"the second is refused":  {second: "two", taken: true, stays: true},
		"the second is not sent": {second: tooLong, stays: true},
	} {
		t.Run(what, func(t *testing.T) {
			a, b := newAgent(t, "A"), newAgent(t, "B")
			writeFile(t, a.read, "d/x", 1000, 0o600)
			writeFile(t, a.read, "y", 10, 0o600)
			left := []string{"d/"}
			if c.taken {
				writeFile(t, b.got, c.second, 3, 0o600)
			}
			if c.stays {
				left = append(left, "d/x")
			}
			x := filepath.Join(a.read, "d", "x")
			s := moveTwice(t, a, b, []string{a.read}, transfer.Item{Source: a.read, Destination: "one"}, transfer.Item{Source: x, Destination: c.second})
			if s.State != transfer.Completed || s.Left != 0 || (s.Failed == 1) != c.stays {
				t.Errorf("%+v", s)
			}
			wantNames(t, a.read, left...)
		})
	}
}

// TestSourceOfTwoRootsThatDidNotArriveUnderBothItsNamesStays: two ways lead to the one file.
func TestSourceOfTwoRootsThatDidNotArriveUnderBothItsNamesStays(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	writeFile(t, a.read, "x", 1000, 0o600)
	writeFile(t, a.read, "y", 1000, 0o600)
	writeFile(t, b.got, "two/x", 3, 0o600)
	other := filepath.Join(t.TempDir(), "read")
	if err := os.Symlink(a.read, other); err != nil {
		t.Skipf("needs symbolic links: %v", err)
	}
	s := moveTwice(t, a, b, []string{a.read, other}, transfer.Item{Source: a.read, Destination: "one"}, transfer.Item{Source: other, Destination: "two"})
	if s.State != transfer.Completed || s.Failed != 1 {
		t.Errorf("%+v", s)
	}
	wantNames(t, a.read, "x")
}
