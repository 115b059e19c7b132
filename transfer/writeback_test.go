package transfer

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mqha/mqha/internal/vfs"
)

type span struct{ From, Bytes int64 }

// writeBacks notes what the disk was set to work on, of parts, and what was written before that.
type writeBacks struct {
	mu      sync.Mutex
	begun   []span
	written int64
	early   bool // it was set to work on what was not written
}

func (w *writeBacks) mount(dir string) (vfs.Dir, error) {
	d, err := vfs.OpenRoot(dir)
	return &writeBackDir{d, w}, err
}

type writeBackDir struct {
	vfs.Dir
	of *writeBacks
}

func (d *writeBackDir) Create(name string) (vfs.File, error) {
	f, err := d.Dir.Create(name)
	if err == nil && strings.HasSuffix(name, ".part") {
		f = &writeBackFile{f, d.of}
	}
	return f, err
}

type writeBackFile struct {
	vfs.File
	of *writeBacks
}

func (f *writeBackFile) WriteAt(b []byte, offset int64) (int, error) {
	n, err := f.File.WriteAt(b, offset)
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	f.of.written = max(f.of.written, offset+int64(n))
	return n, err
}

func (f *writeBackFile) BeginWriteBack(from, n int64) error {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	f.of.begun = append(f.of.begun, span{from, n})
	f.of.early = f.of.early || from+n > f.of.written
	return f.File.BeginWriteBack(from, n)
}

// TestDiskWorksOnEachPieceAsSoonAsItIsWritten: a piece is half of what a checkpoint waits for, and 2 MiB at the most. Each is begun once, and
// what is less than one is left to the sync.
func TestDiskWorksOnEachPieceAsSoonAsItIsWritten(t *testing.T) {
	for name, c := range map[string]struct {
		frame       int
		checkpoint  int64
		size        int
		piece, want int64
	}{
		"small checkpoints":  {4 << 10, 32 << 10, 100_000, 8 << 10, 12},
		"common checkpoints": {256 << 10, 0, 9 << 20, 2 << 20, 4},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newSeat(t, "A"), newSeat(t, "B")
			ea := a.open(t, goodLease(1), func(o *Options) { o.FrameBytes = c.frame })
			w := new(writeBacks)
			eb, err := openOn(t.Context(), w.mount, b.state, goodLease(1), Options{Name: "B", WriteRoot: b.got, FrameBytes: c.frame, CheckpointBytes: c.checkpoint})
			if err != nil {
				t.Fatal(err)
			}
			la, lb := Pipe()
			stopA, stopB := start(ea, la), start(eb, lb)
			s, ok := ends(t, ea, submit(t, ea, "B", a.file(t, "x", c.size), "x"), patience)
			stopA()
			stopB()
			if err := errors.Join(ea.Close(), eb.Close()); err != nil || !ok || s.Failed > 0 {
				t.Errorf("%+v, %v", s, err)
			}
			var want []span
			for n := range c.want {
				want = append(want, span{n * c.piece, c.piece})
			}
			if d := cmp.Diff(want, w.begun); d != "" || w.early {
				t.Errorf("before it was written: %v; %s", w.early, d)
			}
		})
	}
}

// TestDiskIsSetToWorkOnNothingWithoutTheFence, nor on what lay there before this instance.
func TestDiskIsSetToWorkOnNothingWithoutTheFence(t *testing.T) {
	w := new(writeBacks)
	d, err := w.mount(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f, err := d.Create("x.part")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fence := &hookFence{epoch: 1}
	e := &Engine{fence: fence, opt: Options{CheckpointBytes: 40}}
	p := &part{file: f, begun: 100} // taken over with so much
	for _, end := range []int64{105, 112} {
		if err := e.beginWriteBack(p, end); err != nil {
			t.Error(err)
		}
	}
	lost := errors.New("lease lost")
	fence.set(func(string) error { return lost })
	if err := e.beginWriteBack(p, 130); !errors.Is(err, lost) {
		t.Error(err)
	}
	if want := []span{{100, 12}}; !slices.Equal(w.begun, want) {
		t.Errorf("%v, want %v", w.begun, want)
	}
}
