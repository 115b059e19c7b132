package transfer

import (
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/vfs"
)

// fullDir has no room for what is written below it while full is set.
type fullDir struct {
	vfs.Dir
	full  *atomic.Bool
	wrote *atomic.Int64
}

func (d *fullDir) Create(name string) (vfs.File, error) { return d.fullFile(d.Dir.Create(name)) }
func (d *fullDir) Reopen(name string) (vfs.File, error) { return d.fullFile(d.Dir.Reopen(name)) }

func (d *fullDir) fullFile(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &fullFile{f, d}, nil
}

type fullFile struct {
	vfs.File
	on *fullDir
}

func (f *fullFile) WriteAt(b []byte, at int64) (int, error) {
	if f.on.full.Load() {
		return 0, &os.PathError{Op: "write", Err: syscall.ENOSPC}
	}
	f.on.wrote.Add(1)
	return f.File.WriteAt(b, at)
}

// TestDrainedEngineDoesNotGoOnWhenThereIsRoomAgain: a transfer that waited for room waits for the next engine. Drain had
// passed over it, and the drained engine went on with it a little later.
func TestDrainedEngineDoesNotGoOnWhenThereIsRoomAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSeat(t, "A"), newSeat(t, "B")
		var full atomic.Bool
		var wrote atomic.Int64
		full.Store(true)
		mount := func(dir string) (vfs.Dir, error) {
			d, err := vfs.OpenRoot(dir)
			if err != nil || dir != b.got {
				return d, err
			}
			return &fullDir{d, &full, &wrote}, nil
		}
		stalled := make(chan Event, 1)
		open := func(epoch uint64) *Engine {
			e, err := openOn(t.Context(), mount, b.state, goodLease(epoch), Options{Name: "B", WriteRoot: b.got, OnEvent: func(e Event) {
				if e.Kind == EventStalled {
					stalled <- e
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		from, to := a.open(t, goodLease(1), nil), open(1)
		defer from.Close()
		id := submit(t, from, "B", a.file(t, "x", 1000), "x")
		la, lb := Pipe()
		stopTo, stopFrom := start(to, lb), start(from, la)
		<-stalled
		if err := to.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		full.Store(false)
		time.Sleep(time.Hour)
		if n := wrote.Load(); n > 0 {
			t.Errorf("the drained engine wrote %d times", n)
		}
		stopTo()
		stopFrom()
		if err := to.Close(); err != nil {
			t.Error(err)
		}
		to = open(2)
		defer to.Close()
		la, lb = Pipe()
		defer start(to, lb)()
		defer start(from, la)()
		if s, err := from.Wait(t.Context(), id); err != nil || s.State != Completed || s.Failed > 0 || wrote.Load() == 0 {
			t.Errorf("%+v, %v, %d writes", s, err, wrote.Load())
		}
	})
}
