package transfer

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/vfs"
)

// unreadableRoots mounts the directories of this system, and has reads below one of them answered with EIO.
type unreadableRoots struct {
	root string
	sick func(name string, at int64) bool
	off  atomic.Bool
}

func (s *unreadableRoots) mount(dir string) (vfs.Dir, error) {
	d, err := vfs.OpenRoot(dir)
	if err != nil || dir != s.root {
		return d, err
	}
	return &unreadableDir{d, s}, nil
}

type unreadableDir struct {
	vfs.Dir
	of *unreadableRoots
}

func (d *unreadableDir) Open(name string) (vfs.File, error) {
	f, err := d.Dir.Open(name)
	if err != nil {
		return nil, err
	}
	return &unreadableFile{f, name, d.of}, nil
}

type unreadableFile struct {
	vfs.File
	name string
	of   *unreadableRoots
}

func (f *unreadableFile) ReadAt(b []byte, at int64) (int, error) {
	if !f.of.off.Load() && f.of.sick(f.name, at) {
		return 0, &os.PathError{Op: "read", Path: f.name, Err: syscall.EIO}
	}
	return f.File.ReadAt(b, at)
}

// awayRig sends three files, the second of which has many frames, and says when a source was waited for.
type awayRig struct {
	a, b    *seat
	from    *Engine
	to      *Engine
	id      ID
	stalled chan Event
	stop    func()
}

const bigFile = 5<<20 + 3

func newAwayRig(t *testing.T, mount func(a *seat) vfs.Mount, before func(a *seat)) *awayRig {
	t.Helper()
	r := &awayRig{a: newSeat(t, "A"), b: newSeat(t, "B"), stalled: make(chan Event, 100)}
	for name, size := range map[string]int{"1": 100, "2": bigFile, "3": 3000, "4": 5} {
		r.a.file(t, name, size)
	}
	r.open(t, 1, mount(r.a))
	r.to = r.b.open(t, goodLease(1), nil)
	r.id = submit(t, r.from, "B", r.a.read, "got")
	if before != nil {
		before(r.a)
	}
	r.run()
	t.Cleanup(func() {
		r.stop()
		r.from.Close()
		r.to.Close()
	})
	return r
}

func (r *awayRig) run() {
	la, lb := Pipe()
	stopTo, stopFrom := start(r.to, lb), start(r.from, la)
	r.stop = func() { stopFrom(); stopTo() }
}

func (r *awayRig) open(t *testing.T, epoch uint64, mount vfs.Mount) {
	t.Helper()
	o := Options{Name: "A", ReadRoots: []string{r.a.read}, RetryInterval: 30 * time.Millisecond, OnEvent: func(e Event) {
		if e.Kind == EventStalled && e.Transfer != (ID{}) {
			r.stalled <- e
		}
	}}
	var err error
	if r.from, err = openOn(t.Context(), mount, r.a.state, goodLease(epoch), o); err != nil {
		t.Fatal(err)
	}
}

func (r *awayRig) arrives(t *testing.T, failed ...string) {
	t.Helper()
	s, ok := ends(t, r.from, r.id, patience)
	if !ok || s.State != Completed || s.Failed != len(failed) {
		t.Fatalf("%+v", s)
	}
	for i, name := range failed {
		if s.Failures[i].Name != "got/"+name || s.Failures[i].Reason != "the sender: "+syscall.EIO.Error() {
			t.Errorf("%+v", s.Failures)
		}
	}
	for _, name := range []string{"1", "2", "3", "4"} {
		want, err := os.ReadFile(filepath.Join(r.a.read, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(r.b.got, "got", name))
		if fails := len(failed) > 0 && name == failed[0]; fails != (err != nil) || !fails && !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// waits waits until a source was waited for.
func (r *awayRig) waits(t *testing.T) Event {
	t.Helper()
	select {
	case e := <-r.stalled:
		return e
	case <-time.After(patience):
		s, err := r.from.Status(r.id)
		t.Fatalf("not waited for: %+v, %v", s, err)
		return Event{}
	}
}

func systemMount(*seat) vfs.Mount { return vfs.OpenRoot }

// TestSourceThatIsNotMountedIsWaitedFor: after a takeover a disk may come later than the agent. No file is reported
// missing that lies on it.
func TestSourceThatIsNotMountedIsWaitedFor(t *testing.T) {
	for name, empty := range map[string]bool{"no directory": false, "the empty one below": true} {
		t.Run(name, func(t *testing.T) {
			r := newAwayRig(t, systemMount, func(a *seat) {
				if err := os.Rename(a.read, a.read+".away"); err != nil {
					t.Fatal(err)
				}
				if empty {
					if err := os.Mkdir(a.read, 0o700); err != nil {
						t.Fatal(err)
					}
				}
			})
			if e := r.waits(t); e.Transfer != r.id || e.Peer != "B" || !e.Sending || e.Reason == "" {
				t.Errorf("%+v", e)
			}
			if empty {
				if err := os.Remove(r.a.read); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Rename(r.a.read+".away", r.a.read); err != nil {
				t.Fatal(err)
			}
			r.arrives(t)
		})
	}
}

// TestFileThatIsGoneFailsAlone where its directory is the one that was listed.
func TestFileThatIsGoneFailsAlone(t *testing.T) {
	r := newAwayRig(t, systemMount, func(a *seat) {
		if err := os.Remove(filepath.Join(a.read, "3")); err != nil {
			t.Fatal(err)
		}
	})
	if s, ok := ends(t, r.from, r.id, patience); !ok || s.Failed != 1 || s.Failures[0].Name != "got/3" || len(r.stalled) > 0 {
		t.Errorf("%+v, %d stalls", s, len(r.stalled))
	}
}

// TestSourceDiskThatFailsIsWaitedFor has all reads fail from some place on, or those of one file or block.
func TestSourceDiskThatFailsIsWaitedFor(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sick  func(name string, at int64) bool
		waits bool
		fails []string
	}{
		{"everything", func(string, int64) bool { return true }, true, nil},
		{"everything from the middle of a file on", func(name string, at int64) bool { return name == "2" && at > 1<<20 || name > "2" }, true, nil},
		{"all of the last file", func(name string, _ int64) bool { return name == "4" }, false, []string{"4"}},
		{"one file", func(name string, _ int64) bool { return name == "2" }, false, []string{"2"}},
		{"one block", func(name string, at int64) bool { return name == "2" && at>>18 == 3 }, false, []string{"2"}},
		{"the last block of the last large file", func(name string, at int64) bool { return name == "2" && at>>18 == bigFile>>18 }, false, []string{"2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			roots := &unreadableRoots{sick: tt.sick}
			r := newAwayRig(t, func(a *seat) vfs.Mount { roots.root = a.read; return roots.mount }, nil)
			if tt.waits {
				r.waits(t)
				roots.off.Store(true)
			}
			r.arrives(t, tt.fails...)
			if got := len(r.stalled) > 0; got {
				t.Errorf("stalled once more: %v", <-r.stalled)
			}
		})
	}
}

// TestNextInstanceGoesOnWhereTheSourceWasAway: the engine ends while it waits, and at once.
func TestNextInstanceGoesOnWhereTheSourceWasAway(t *testing.T) {
	roots := &unreadableRoots{sick: func(name string, at int64) bool { return name == "2" && at > 1<<20 || name > "2" }}
	r := newAwayRig(t, func(a *seat) vfs.Mount { roots.root = a.read; return roots.mount }, nil)
	r.waits(t)
	r.stop()
	if err := r.from.Close(); err != nil {
		t.Error(err)
	}
	roots.off.Store(true)
	r.open(t, 2, roots.mount)
	r.run()
	r.arrives(t)
}

// TestDrainDoesNotWaitForASourceThatIsAway, and the drained engine does not go on when it is back.
func TestDrainDoesNotWaitForASourceThatIsAway(t *testing.T) {
	roots := &unreadableRoots{sick: func(name string, at int64) bool { return name == "2" && at > 1<<20 || name > "2" }}
	r := newAwayRig(t, func(a *seat) vfs.Mount { roots.root = a.read; return roots.mount }, nil)
	r.waits(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.from.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	roots.off.Store(true)
	if s, err := r.from.Status(r.id); err != nil || s.State.Ended() {
		t.Errorf("%+v, %v", s, err)
	}
	r.stop()
	if err := r.from.Close(); err != nil {
		t.Error(err)
	}
	r.open(t, 2, roots.mount)
	r.run()
	r.arrives(t)
}

// TestCancelWhileTheSourceIsAway leaves nothing behind.
func TestCancelWhileTheSourceIsAway(t *testing.T) {
	roots := &unreadableRoots{sick: func(name string, at int64) bool { return name == "2" && at > 1<<20 || name > "2" }}
	r := newAwayRig(t, func(a *seat) vfs.Mount { roots.root = a.read; return roots.mount }, nil)
	r.waits(t)
	if err := r.from.Cancel(t.Context(), r.id); err != nil {
		t.Fatal(err)
	}
	if s, ok := ends(t, r.from, r.id, patience); !ok || s.State != Cancelled {
		t.Errorf("%+v", s)
	}
	for _, pattern := range []string{".*.part", "got/.*.part"} {
		if left, err := filepath.Glob(filepath.Join(r.b.got, pattern)); err != nil || len(left) > 0 {
			t.Errorf("%v, %v", left, err)
		}
	}
}

// A source is not taken for deleted where the directory that it is below, or any, is not mounted.
func TestSourceStaysWhereItsDirectoryIsNotMounted(t *testing.T) {
	for _, empty := range []bool{false, true} {
		a := newSeat(t, "A")
		id := completedNotDeleted(t, a)
		elsewhere := *a
		elsewhere.read = filepath.Join(t.TempDir(), "mount point")
		if empty {
			if err := os.Mkdir(elsewhere.read, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		wantLeft(t, a, elsewhere.open(t, goodLease(2), nil), id, 2, "not the one that was read")
	}
}
