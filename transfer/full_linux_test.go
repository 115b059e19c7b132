package transfer_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mqha/mqha/transfer"
	"golang.org/x/sys/unix"
)

// TestFullDiskIsWaitedFor delivers to a disk that has no room until somebody removes something. No
// file fails for it, and none is delivered in part.
func TestFullDiskIsWaitedFor(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	smallDisk(t, b.got, "24m")
	for i, size := range []int{1 << 20, 5000, 10 << 20, 0, 3 << 20} {
		writeFile(t, a.read, string(rune('a'+i)), size, 0o644)
	}
	filler := filepath.Join(b.got, "filler")
	if err := os.WriteFile(filler, make([]byte, 20<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWatcher()
	ea, eb := a.open(t, 1, nil), b.openWith(t, newLease(1), w, nil)
	defer closeEngines(t, ea, eb)
	defer runBoth(t, ea, eb)()
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: a.read, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	w.wait(t, "stalled", func(e transfer.Event) bool { return e.Kind == transfer.EventStalled })
	if s, err := ea.Status(id); err != nil || s.State.Ended() {
		t.Errorf("with a full disk: %+v, %v", s, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if s := wait(t, ea, id); s.State != transfer.Completed || s.Failed != 0 {
		t.Errorf("status %+v", s)
	}
	if d := cmp.Diff(facts(t, a.read), facts(t, b.got)); d != "" {
		t.Error(d)
	}
}

// TestCancelWhileTheDiskIsFull: a transfer that waits for room can be given up, and takes its part with it.
func TestCancelWhileTheDiskIsFull(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	smallDisk(t, b.got, "8m")
	writeFile(t, a.read, "big", 20<<20, 0o600)
	w := newWatcher()
	ea, eb := a.open(t, 1, nil), b.openWith(t, newLease(1), w, nil)
	defer closeEngines(t, ea, eb)
	defer runBoth(t, ea, eb)()
	id := submitAll(t, a, ea)
	w.wait(t, "stalled", func(e transfer.Event) bool { return e.Kind == transfer.EventStalled })
	if err := ea.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if s := wait(t, ea, id); s.State != transfer.Cancelled {
		t.Errorf("%+v", s)
	}
	if p := partsIn(t, b.got); len(p) > 0 {
		t.Errorf("left behind: %v", p)
	}
}

// smallDisk mounts a disk of that size on dir for the test.
func smallDisk(t *testing.T, dir, size string) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if errors.Is(err, unix.EPERM) {
			t.Skip("needs root, to mount a small tmpfs")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
}

// TestFIFOInPlaceOfADirectoryIsNotWaitedFor: the opening of a FIFO waits for a writer, for ever.
func TestFIFOInPlaceOfADirectoryIsNotWaitedFor(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	writeFile(t, a.read, "d/x", 1000, 0o600)
	writeFile(t, a.read, "y", 1000, 0o600)
	if err := os.Mkdir(filepath.Join(b.got, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(b.got, "in", "d"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFailures(t, submitAndWait(t, a, b, nil), map[string]string{"in/d": "exists", "in/d/x": "not a directory"})
}
