package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestDiskThatIsAwayHoldsUpNoOther: 25 transfers that waited for one disk had all the turns, and what came from another waited
// as long as they did.
func TestDiskThatIsAwayHoldsUpNoOther(t *testing.T) {
	for name, again := range map[string]bool{"submitted here": false, "by an earlier engine, and over a new link": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { diskAway(t, again) })
		})
	}
}

func diskAway(t *testing.T, again bool) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	other := t.TempDir()
	y := filepath.Join(other, "y")
	if err := os.WriteFile(y, []byte("y"), 0o600); err != nil {
		t.Fatal(err)
	}
	roots := func(o *Options) {
		o.RetryInterval = time.Minute
		o.ReadRoots = append(o.ReadRoots, other)
	}
	ea, eb := a.open(t, goodLease(1), roots), b.open(t, goodLease(1), nil)
	x := a.file(t, "x", 10)
	var waiting []ID
	for range 3 * maxSources {
		waiting = append(waiting, submit(t, ea, "B", x, NewID().String()))
	}
	id := submit(t, ea, "B", y, "y")
	if err := errors.Join(os.Rename(a.read, a.read+".away"), os.Mkdir(a.read, 0o755)); err != nil {
		t.Fatal(err)
	}
	la, lb := Pipe()
	stopA, stopB := start(ea, la), start(eb, lb)
	if again {
		synctest.Wait()
		stopA()
		closed(t, ea)
		ea = a.open(t, goodLease(2), roots)
		stopA = start(ea, la)
		synctest.Wait()
		stopA()
		stopA = start(ea, la)
	}
	defer func() { stopA(); stopB(); closed(t, ea); closed(t, eb) }()
	if s, ok := ends(t, ea, id, 30*time.Minute); !ok || s.State != Completed {
		t.Errorf("%+v", s)
	}
	if err := errors.Join(os.Remove(a.read), os.Rename(a.read+".away", a.read)); err != nil {
		t.Fatal(err)
	}
	for _, id := range waiting {
		if s, ok := ends(t, ea, id, time.Hour); !ok || s.State != Completed || s.Failed > 0 {
			t.Fatalf("%+v", s)
		}
	}
}
