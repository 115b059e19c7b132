package transfer

import (
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/vfs"
)

// crampedDir has no room for another name while full is set.
type crampedDir struct {
	vfs.Dir
	full *atomic.Bool
}

func (d *crampedDir) Rename(from, to string) error {
	if d.full.Load() {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.ENOSPC}
	}
	return d.Dir.Rename(from, to)
}

// TestFullDiskIsWaitedForAtATakeover: the name of a part grows with the epoch, and a directory may have no room for it. The
// engine stopped, and each that came after it, with all other transfers.
func TestFullDiskIsWaitedForAtATakeover(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	id := unfinished(t, a, b)
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		full.Store(true)
		mount := func(dir string) (vfs.Dir, error) {
			d, err := vfs.OpenRoot(dir)
			if err == nil && dir == b.got {
				d = &crampedDir{d, &full}
			}
			return d, err
		}
		stalled := make(chan string, 100)
		eb, err := openOn(t.Context(), mount, b.state, goodLease(2), Options{Name: "B", WriteRoot: b.got, OnEvent: func(ev Event) {
			if ev.Kind == EventStalled {
				stalled <- ev.Reason
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		ea := a.open(t, goodLease(2), nil)
		la, lb := Pipe()
		stopA, stopB := start(ea, la), start(eb, lb)
		select {
		case why := <-stalled:
			if !strings.Contains(why, "full") {
				t.Error(why)
			}
		case <-eb.bad:
			t.Error(eb.failure())
		}
		full.Store(false)
		s, ended := ends(t, ea, id, time.Hour)
		if !ended || s.State != Completed || s.Failed > 0 {
			t.Errorf("%+v", s)
		}
		stopA()
		stopB()
		closed(t, ea)
		closed(t, eb)
	})
	if got := namesIn(t, b.got, ""); len(got) != 1 || got[0] != "x" {
		t.Errorf("delivered: %v", got)
	}
}
