package transfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/vfs"
)

// TestFailedSyncCountsWhileTheDiskIsFull: a file was renamed, and the sync of its directory failed while the disk was found
// full. What is under way then no longer counts, so the directory was synced again when there was room: that says
// yes, because the system tells of an error once. The file was completed, its source deleted, and its name not durable.
func TestFailedSyncCountsWhileTheDiskIsFull(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	for name, size := range map[string]int{"a": 100, "b": 9000} {
		if err := os.WriteFile(filepath.Join(a.read, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	delivered, stalled := make(chan struct{}), make(chan struct{})
	var syncs, writes atomic.Int64
	sick := sickness{
		write: func() error {
			if writes.Add(1) != 2 { // the first of b
				return nil
			}
			<-delivered
			return syscall.ENOSPC
		},
		syncDir: func() error {
			if syncs.Add(1) != 3 { // the first two make the manifest's directories and the names of the parts durable
				return nil
			}
			close(delivered)
			<-stalled
			return syscall.EIO
		},
	}
	mount := func(dir string) (vfs.Dir, error) {
		d, err := vfs.OpenRoot(dir)
		if dir == b.got && err == nil {
			d = &sickDir{d, sick}
		}
		return d, err
	}
	ea := a.open(t, goodLease(1), nil)
	defer ea.Close()
	var once sync.Once
	eb, err := openOn(t.Context(), mount, b.state, goodLease(1), Options{Name: "B", WriteRoot: b.got, OnEvent: func(ev Event) {
		if ev.Kind == EventStalled {
			once.Do(func() { close(stalled) })
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer eb.Close()
	id := submit(t, ea, "B", a.read, ".")
	la, lb := Pipe()
	defer start(ea, la)()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		defer cancel()
		_, _ = ea.Wait(ctx, id)
	}()
	if err := eb.Run(ctx, lb); !errors.Is(err, ErrDurability) {
		s, _ := ea.Status(id)
		t.Errorf("%v; the sender believes: %+v", err, s)
	}
}

// shortDir has no descriptor for the first rename, nor to look what came of it.
type shortDir struct {
	vfs.Dir
	once  *sync.Once
	short *atomic.Bool
}

func (d *shortDir) RenameNoReplace(from, to string) (err error) {
	d.once.Do(func() {
		d.short.Store(true)
		err = &os.PathError{Op: "openat", Path: from, Err: syscall.EMFILE}
	})
	if err != nil {
		return err
	}
	return d.Dir.RenameNoReplace(from, to)
}

func (d *shortDir) Lstat(name string) (os.FileInfo, error) {
	if d.short.CompareAndSwap(true, false) {
		return nil, &os.PathError{Op: "statat", Path: name, Err: syscall.EMFILE}
	}
	return d.Dir.Lstat(name)
}

// TestRenameWithoutDescriptorsIsWaitedFor: where none was free to look whether the file was delivered, the engine stopped.
func TestRenameWithoutDescriptorsIsWaitedFor(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	mount := func(dir string) (vfs.Dir, error) {
		d, err := vfs.OpenRoot(dir)
		if dir == b.got && err == nil {
			d = &shortDir{d, new(sync.Once), new(atomic.Bool)}
		}
		return d, err
	}
	ea := a.open(t, goodLease(1), nil)
	defer closed(t, ea)
	eb, err := openOn(t.Context(), mount, b.state, goodLease(1), Options{Name: "B", WriteRoot: b.got, RetryInterval: 30 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, eb)
	la, lb := Pipe()
	defer start(ea, la)()
	defer start(eb, lb)()
	id := submit(t, ea, "B", a.file(t, "x", 1000), "x")
	if s, ended := ends(t, ea, id, patience); !ended || s.State != Completed || s.Failed > 0 {
		t.Errorf("%+v, %v", s, eb.failure())
	}
}
