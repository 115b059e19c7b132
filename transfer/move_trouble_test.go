package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// TestReadOnlyDirectoryKeepsItsSources: that is no error of the transfer, and is said of each.
func TestReadOnlyDirectoryKeepsItsSources(t *testing.T) {
	files := newCrashFiles(t)
	for _, readOnly := range []string{"", "b/"} {
		var w *crashWorld
		c := crashCase{side: "A", consumer: stays, prepare: func(world *crashWorld) {
			w = world
			moves(world)
		}}
		c.first = func(*crashLife) crashdisk.Plan {
			return func(op crashdisk.Op) crashdisk.Fate {
				aside := strings.Contains(op.Name, asideSuffix)
				if aside && strings.HasPrefix(op.Name, readOnly) && (op.Kind == "Mkdir" || op.Kind == "Remove") {
					return crashdisk.Fate{Err: syscall.EROFS}
				}
				return crashdisk.Goes
			}
		}
		r := c.run(t, files)
		r.report(t, "read-only %q", readOnly)
		want := 0
		for name := range files.want {
			if strings.HasPrefix(name, readOnly) {
				want++
			}
		}
		if here := w.a.disk.Files("/out"); len(here) != want || r.status.Left != want || len(r.status.LeftFiles) != want {
			t.Errorf("%d files stay, want %d; said of %d: %v", len(here), want, r.status.Left, r.status.LeftFiles)
		}
		for _, f := range r.status.LeftFiles {
			if !strings.Contains(f.Reason, "read-only") {
				t.Errorf("%s: %s", f.Name, f.Reason)
			}
		}
	}
}

// exchanged is a case in which a producer exchanges the file of that number between the look and the rename, the only time
// in which its new file is touched; what becomes of the operations after the rename is up to then.
func exchanged(w **crashWorld, number int, put func(), then func(l *crashLife, after int, op crashdisk.Op) crashdisk.Fate) crashCase {
	c := crashCase{side: "A", consumer: stays, prepare: func(world *crashWorld) {
		*w = world
		moves(world)
	}}
	name := fmt.Sprintf("%s/%d.1", asideDir(ID{15: 1}), number)
	c.first = func(l *crashLife) crashdisk.Plan {
		var renamed atomic.Int64 // the number of that operation
		return func(op crashdisk.Op) crashdisk.Fate {
			if op.Kind == "RenameNoReplace" && strings.HasSuffix(op.Name, name) {
				put()
				renamed.Store(int64(op.Number))
			}
			if n := renamed.Load(); n > 0 {
				return then(l, op.Number-int(n), op)
			}
			return crashdisk.Goes
		}
	}
	return c
}

// TestNewFileInTheWindowIsPutBack, also when its sender is stopped before or after any operation that follows.
func TestNewFileInTheWindowIsPutBack(t *testing.T) {
	files := newCrashFiles(t)
	runs, putBack := 0, 0
	for name, number := range map[string]int{"a/empty": 1, "big": 6, "z": 8} {
		f := files.want[name]
		f.Data = append(append([]byte(nil), f.Data...), "new"...)
		for n := range 12 * 3 * 2 {
			at, kept, done := n/6, crashdisk.Kept(n/2%3), n%2 == 0
			var w *crashWorld
			c := exchanged(&w, number, func() { w.a.disk.Put("/out/"+name, f.Data, f.Mode, f.Modified) },
				func(l *crashLife, after int, op crashdisk.Op) crashdisk.Fate {
					if after != at {
						return crashdisk.Goes
					}
					if op.Kind == "PutBack" {
						putBack++
					}
					l.end()
					return crashdisk.Fate{Done: done, Stop: true}
				})
			c.seed, c.kept = uint64(number*100+n), kept
			r := c.run(t, files)
			w.sources(&r, map[string]crashdisk.Found{name: f}, false)
			if r.status.Left != 1 || !strings.Contains(r.status.LeftFiles[0].Reason, "another file has its name") {
				r.problems = append(r.problems, fmt.Sprintf("left: %v", r.status.LeftFiles))
			}
			r.report(t, "%s, %d operations after its rename, done %v, keeps %v", name, at, done, kept)
			runs++
		}
	}
	t.Logf("%d runs, stopped %d times while it was put back", runs, putBack)
	if putBack == 0 {
		t.Error("never stopped while it was put back")
	}
}

// TestPutBackIntoATakenNameIsSaid: the producer has used the name a third time. Its second file stays aside, and the
// answer of a put-back may be lost as well.
func TestPutBackIntoATakenNameIsSaid(t *testing.T) {
	files := newCrashFiles(t)
	f := files.want["big"]
	for _, lost := range []error{nil, os.ErrNotExist, os.ErrExist, syscall.EIO} {
		var w *crashWorld
		put := func(data string) func() {
			return func() { w.a.disk.Put("/out/big", []byte(data), f.Mode, f.Modified) }
		}
		c := exchanged(&w, 6, put("second"), func(_ *crashLife, _ int, op crashdisk.Op) crashdisk.Fate {
			switch {
			case op.Kind == "PutBack" && lost == nil:
				put("third")()
			case op.Kind == "PutBack":
				return crashdisk.Fate{Done: true, Err: lost}
			}
			return crashdisk.Goes
		})
		r := c.run(t, files)
		r.report(t, "answer %v", lost)
		want := map[string]string{"big": "second"}
		if lost == nil {
			want = map[string]string{"big": "third", asideDir(ID{15: 1}) + "/6.1": "second"}
		}
		here := w.a.disk.Files("/out")
		for name, data := range want {
			if string(here[name].Data) != data {
				t.Errorf("answer %v: %s is %.20q, want %q", lost, name, here[name].Data, data)
			}
		}
		if len(here) != len(want) || r.status.Left == 0 || !strings.Contains(r.status.LeftFiles[0].Reason, "lies in") {
			t.Errorf("answer %v: %d files, said: %v", lost, len(here), r.status.LeftFiles)
		}
	}
}

// completedNotDeleted leaves a transfer at a whose file has arrived and whose source is not deleted yet.
func completedNotDeleted(t *testing.T, a *seat) ID {
	t.Helper()
	b := newSeat(t, "B")
	fence := &hookFence{epoch: 1}
	var gone atomic.Bool
	fence.set(func(stack string) error {
		if strings.Contains(stack, "(*remover).change") {
			gone.Store(true)
		}
		if gone.Load() {
			return errors.New("lease lost")
		}
		return nil
	})
	ea, eb := a.open(t, fence, nil), b.open(t, goodLease(1), nil)
	la, lb := Pipe()
	stopA, stopB := start(ea, la), start(eb, lb)
	id, err := ea.Submit(t.Context(), Request{
		To: "B", Items: []Item{{Source: a.file(t, "x", 1000), Destination: "x"}}, SourceDisposition: DeleteSource,
	})
	if err != nil {
		t.Fatal(err)
	}
	<-ea.bad
	stopA()
	stopB()
	if err := ea.Close(); !errors.Is(err, ErrFenced) {
		t.Fatal(err)
	}
	if err := eb.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

// wantLeft wants the source and so many names in all to be reported as left.
func wantLeft(t *testing.T, a *seat, e *Engine, id ID, left int, reason string) {
	t.Helper()
	s, ok := ends(t, e, id, patience)
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if !ok || s.State != Completed || s.Left != left || len(s.LeftFiles) != left || !strings.Contains(s.LeftFiles[0].Reason, reason) {
		t.Errorf("%+v", s)
	}
	if _, err := os.Stat(filepath.Join(a.read, "x")); err != nil {
		t.Error(err)
	}
}

// The producer writes the next file of the same name, with the size, the time and even the inode number of the one that
// was sent. Only the time of its creation tells them apart.
func TestNewFileWithTheInodeOfTheOldOneStays(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the time of creation here")
	}
	a := newSeat(t, "A")
	id := completedNotDeleted(t, a)
	p := filepath.Join(a.read, "x")
	before, err := os.Stat(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p); err != nil {
		t.Fatal(err)
	}
	spare := t.TempDir() // whose files take up the numbers that are free before that one
	found := false
	for n := 0; n < 3000 && !found; n++ {
		q := filepath.Join(spare, fmt.Sprint(n))
		if err := os.WriteFile(q, bytes.Repeat([]byte("n"), 1000), 0o640); err != nil {
			t.Fatal(err)
		}
		now, err := os.Stat(q)
		if err != nil {
			t.Fatal(err)
		}
		if found = os.SameFile(before, now); found {
			err = errors.Join(os.Chtimes(q, before.ModTime(), before.ModTime()), os.Rename(q, p))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !found {
		t.Skip("this file system does not use an inode number again soon")
	}
	wantLeft(t, a, a.open(t, goodLease(2), nil), id, 1, "another file has its name")
}

// A release that knows no deletion takes the transfer for ended, and removes its lists.
func TestSourcesStayWhenTheirListIsGone(t *testing.T) {
	for _, suffix := range []string{".manifest", ".sources"} {
		a := newSeat(t, "A")
		id := completedNotDeleted(t, a)
		lists, err := filepath.Glob(filepath.Join(a.state, "out.*"+suffix))
		if err != nil || len(lists) != 1 {
			t.Fatal(lists, err)
		}
		if err := os.Remove(lists[0]); err != nil {
			t.Fatal(err)
		}
		wantLeft(t, a, a.open(t, goodLease(2), nil), id, 1, "list of sources")
		e := a.open(t, goodLease(3), nil) // and it is said only once
		if s, err := e.Status(id); err != nil || s.Left != 1 || s.State != Completed {
			t.Errorf("%+v, %v", s, err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The source, and the directory in which an earlier instance may have set it aside.
func TestSourceBelowNoRootStays(t *testing.T) {
	a := newSeat(t, "A")
	id := completedNotDeleted(t, a)
	wantLeft(t, a, a.open(t, goodLease(2), func(o *Options) { o.ReadRoots = nil }), id, 2, "may not read there")
}

// TestDeletionNeedsNoLink: what has completed is deleted also when the queue manager is away.
func TestDeletionNeedsNoLink(t *testing.T) {
	a := newSeat(t, "A")
	id := completedNotDeleted(t, a)
	e := a.open(t, goodLease(2), func(o *Options) { o.RecoveryTimeout = 10 * o.RetryInterval })
	if s, ok := ends(t, e, id, patience); !ok || s.State != Completed || s.Left != 0 {
		t.Errorf("%+v", s)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if names, err := os.ReadDir(a.read); err != nil || len(names) != 0 {
		t.Errorf("%v, %v", names, err)
	}
}

// A disk of sources that hangs holds up neither the loop nor other transfers.
func TestDiskThatHangsWhileItDeletesHoldsUpNobody(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	fence, gate, hangs := &hookFence{epoch: 1}, make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	fence.set(func(stack string) error {
		if strings.Contains(stack, "(*remover).change") && once.CompareAndSwap(false, true) {
			close(hangs)
			<-gate
		}
		return nil
	})
	ea, eb := a.open(t, fence, nil), b.open(t, goodLease(1), nil)
	la, lb := Pipe()
	stopA, stopB := start(ea, la), start(eb, lb)
	moved, err := ea.Submit(t.Context(), Request{
		To: "B", Items: []Item{{Source: a.file(t, "x", 1000), Destination: "x"}}, SourceDisposition: DeleteSource,
	})
	if err != nil {
		t.Fatal(err)
	}
	<-hangs
	if s, ok := ends(t, ea, submit(t, ea, "B", a.file(t, "y", 1000), "y"), patience); !ok || s.State != Completed {
		t.Errorf("the other: %+v", s)
	}
	if s, err := ea.Status(moved); err != nil || s.State != Deleting || s.Durable != s.Bytes {
		t.Errorf("%+v, %v", s, err)
	}
	close(gate)
	if s, ok := ends(t, ea, moved, patience); !ok || s.State != Completed || s.Left != 0 {
		t.Errorf("%+v", s)
	}
	stopA()
	stopB()
	if err := errors.Join(ea.Close(), eb.Close()); err != nil {
		t.Error(err)
	}
}

// TestWhatIsBeingDeletedIsNotSentAgain: a transfer of the directory in which another one deletes.
func TestWhatIsBeingDeletedIsNotSentAgain(t *testing.T) {
	a := newSeat(t, "A")
	a.file(t, "x", 1)
	a.file(t, asideDir(NewID())+"/1.1", 1)
	e := a.open(t, goodLease(1), nil)
	s, err := e.Status(submit(t, e, "B", a.read, "."))
	if err != nil || s.Files != 1 || s.Failed != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzAsideName(f *testing.F) {
	f.Add("3.7", uint64(7))
	f.Add("3.07", uint64(1))
	f.Fuzz(func(t *testing.T, s string, epoch uint64) {
		e, ok := parseAside(s, epoch)
		if ok && asideName(e, epoch) != s {
			t.Fatalf("%q: %+v is %q", s, e, asideName(e, epoch))
		}
		if ok && e.Epoch == epoch && epoch > 0 {
			t.Fatalf("%q of this epoch %d: %+v", s, epoch, e)
		}
	})
}
