package conformance

import (
	"errors"
	"slices"
	"testing"

	"github.com/mqha/mqha/mqconn"
)

// Foreign is a queue manager that the test did not start, a real one for example, with Definitions.
type Foreign struct {
	Name string
	User string // that messages of the connection have: MCAUSER, or the user that connects
	// Depth and Inhibit are an operator's view of a queue, CURDEPTH and PUT(DISABLED) GET(DISABLED).
	Depth   func(queue string) (int, error)
	Inhibit func(queue string, puts, gets bool) error
}

// breaking are the rows for which the queue manager has to be broken, or to end. Nobody breaks a foreign one.
var breaking = []string{
	"quiesce ends waits and refuses work",
	"an orderly stop ends waits",
	"a cut breaks every connection",
	"the answer of a commit is lost",
	"the n-th call fails",
}

// RunForeign is Run for a queue manager that is not ours to break: it leaves out the rows that do, empties the
// queues before each of the others, and returns the names of the rows that the transport does not claim to keep.
// The Target has a Foreign and no QueueManager.
func RunForeign(t *testing.T, target Target) (skipped []string) {
	t.Helper()
	for _, row := range rows {
		if slices.Contains(breaking, row.name) {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			r := rig{T: t, Target: target}
			r.empty()
			if row.needs != nil && !row.needs(r.dial(false).Info()) {
				skipped = append(skipped, row.name)
				t.Skip("Info says that this transport does not do it")
			}
			row.run(r)
		})
	}
	return skipped
}

// empty takes away what an earlier row has left, and lets puts and gets in again.
func (r rig) empty() {
	r.Helper()
	r.inhibit(false, false)
	c, err := r.Dialer.Dial(r.Context(), mqconn.DialOptions{Endpoint: r.Endpoint, Role: "test"})
	r.must(err)
	for _, queue := range []string{"A", "B", "HELD", "SMALL"} {
		for err = nil; err == nil; {
			err = c.Get(queue, new(mqconn.Message), mqconn.GetOptions{})
		}
		if !errors.Is(err, mqconn.ErrNoMessage) {
			r.Fatal(err)
		}
	}
	r.must(c.Close())
}
