package transfer

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTimeThatCannotBeCarriedIsSaid: 64 bits of nanoseconds end in 2262, some file systems later. Such a file arrived with
// another time.
func TestTimeThatCannotBeCarriedIsSaid(t *testing.T) {
	a := newSeat(t, "A")
	x := a.file(t, "x", 1)
	late := time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
	at := unix.Timespec{Sec: late.Unix()}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, x, []unix.Timespec{at, at}, 0); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(x); err != nil || !fi.ModTime().Equal(late) {
		t.Skip("this file system has no such time:", err)
	}
	e := a.open(t, goodLease(1), nil)
	defer closed(t, e)
	s, err := e.Status(submit(t, e, "B", a.read, "."))
	if err != nil || s.Files != 0 || s.Failed != 1 || !strings.Contains(s.Failures[0].Reason, "2300") {
		t.Errorf("%+v, %v", s, err)
	}
}
