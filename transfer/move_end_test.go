package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mqha/mqha/internal/core/stream"
)

// endedWith leaves a transfer at a whose sources are to be deleted: its receiver's last word was the last thing that
// the instance has taken in. All of a.read goes to "in".
func endedWith(t *testing.T, a *seat, r result) ID {
	t.Helper()
	e := a.open(t, goodLease(1), nil)
	id, err := e.Submit(t.Context(), Request{To: "B", Items: []Item{{Source: a.read, Destination: "in"}}, SourceDisposition: DeleteSource})
	if err != nil {
		t.Fatal(err)
	}
	durable := make(chan struct{})
	if err := e.call(t.Context(), func() {
		e.record(record{OutEnd: &endRecord{ID: id, Answer: stream.Completed, result: r}}, nil)
		e.syncJournal(func(time.Time) { close(durable) })
	}); err != nil {
		t.Fatal(err)
	}
	<-durable
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestOnlyWhatSurelyArrivedIsDeleted: the receiver's last word counts what failed, and names it or does not, or names what
// nobody has sent it. As long as it is not known which file failed, all stay.
func TestOnlyWhatSurelyArrivedIsDeleted(t *testing.T) {
	failed := func(names ...string) (f []FileFailure) {
		for _, n := range names {
			f = append(f, FileFailure{Name: n, Reason: "bad block"})
		}
		return f
	}
	for name, c := range map[string]struct {
		last   result
		stay   []string
		unsure bool
	}{
		"all arrived":               {last: result{}},
		"one failed":                {last: result{Failed: 1, Failures: failed("in/x")}, stay: []string{"x"}},
		"a directory and its files": {last: result{Failed: 2, Failures: failed("in/d", "in/d/z")}, stay: []string{"d/z"}},
		"one failed, not named":     {last: result{Failed: 1}, stay: []string{"d/z", "x", "y"}, unsure: true},
		"two failed, one is named":  {last: result{Failed: 2, Failures: failed("in/x")}, stay: []string{"d/z", "x", "y"}, unsure: true},
		"an unknown one failed":     {last: result{Failed: 1, Failures: failed("in/nobody")}, stay: []string{"d/z", "x", "y"}, unsure: true},
		"one failed, and an unknown one": {
			last: result{Failed: 2, Failures: failed("in/x", "x")}, stay: []string{"d/z", "x", "y"}, unsure: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newSeat(t, "A")
			for _, n := range []string{"x", "y", "d/z"} {
				a.file(t, n, 10)
			}
			id := endedWith(t, a, c.last)
			e := a.open(t, goodLease(2), nil)
			s, ok := ends(t, e, id, patience)
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			if !ok || s.State != Completed || s.Failed != c.last.Failed || (s.Left == 3) != c.unsure || !c.unsure && s.Left > 0 {
				t.Errorf("%+v", s)
			}
			var here []string
			for _, n := range []string{"d/z", "x", "y"} {
				if _, err := os.Stat(filepath.Join(a.read, filepath.FromSlash(n))); err == nil {
					here = append(here, n)
				}
			}
			if d := cmp.Diff(c.stay, here); d != "" {
				t.Error(d)
			}
			for _, f := range s.LeftFiles {
				if !strings.Contains(f.Reason, "does not name all") {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

// TestMoveIsCompletedOnlyWhenThatIsDurable: Status and Wait said completed as soon as the last record was on its way to the
// journal. A producer that relies on it uses the name again, and the instance is killed: the next one, which knows
// nothing of the end, was deleting again, and reported the new file as a source that it had to leave.
func TestMoveIsCompletedOnlyWhenThatIsDurable(t *testing.T) {
	for _, last := range []string{"written", "synced"} {
		t.Run(last, func(t *testing.T) {
			a := newSeat(t, "A")
			x := a.file(t, "x", 10)
			id := endedWith(t, a, result{})
			fence, killed := &hookFence{epoch: 2}, errors.New("killed")
			var appended, synced atomic.Int64
			reached, goOn := make(chan struct{}), make(chan struct{})
			wait := sync.OnceFunc(func() { close(reached); <-goOn })
			fence.set(func(stack string) error {
				if strings.Contains(stack, "(*journal).append") {
					appended.Add(1) // DELETING, then the end
				}
				if strings.Contains(stack, "(*journal).sync") && appended.Load() > 1 {
					synced.Add(1)
				}
				if last == "written" && appended.Load() > 1 || synced.Load() > 0 {
					wait()
					return killed
				}
				return nil
			})
			e := a.open(t, fence, nil) // which begins to delete
			<-reached
			_, err := os.Stat(x)
			s, statusErr := e.Status(id)
			if s.State.Ended() {
				a.file(t, "x", 10)
			}
			close(goOn)
			<-e.bad
			if !errors.Is(err, os.ErrNotExist) || statusErr != nil || s.State != Deleting {
				t.Errorf("the source: %v; %+v, %v", err, s, statusErr)
			}
			if err := e.Close(); !errors.Is(err, killed) {
				t.Error(err)
			}
			e = a.open(t, goodLease(3), nil)
			if s, ok := ends(t, e, id, patience); !ok || s.State != Completed || s.Left != 0 {
				t.Errorf("%+v", s)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEmptyMoveWhoseListIsGoneIsOver: nothing has to be deleted. Every instance that found such a journal fell over the
// manifest that is missing, and the agent never came up again.
func TestEmptyMoveWhoseListIsGoneIsOver(t *testing.T) {
	for _, suffix := range []string{".manifest", ".sources"} {
		a := newSeat(t, "A")
		id := endedWith(t, a, result{})
		lists, err := filepath.Glob(filepath.Join(a.state, "out.*"+suffix))
		if err != nil || len(lists) != 1 {
			t.Fatal(lists, err)
		}
		if err := os.Remove(lists[0]); err != nil {
			t.Fatal(err)
		}
		e := a.open(t, goodLease(2), nil)
		if s, ok := ends(t, e, id, patience); !ok || s.State != Completed || s.Left != 0 || len(s.LeftFiles) != 0 {
			t.Errorf("without %s: %+v", suffix, s)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
