package resource_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/mqha/mqha/resource"
	"golang.org/x/sys/unix"
)

// awaitEnd waits for the end of a process that is not our child. The descriptor was opened while
// it lived, so that it is this process and no later one of the same number.
func awaitEnd(t *testing.T, fd int) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 30_000)
		switch {
		case err == unix.EINTR:
		case err != nil:
			t.Fatal(err)
		case n == 0:
			t.Fatal("the process still lives")
		default:
			return
		}
	}
}

func watch(t *testing.T, pid string) int {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(n, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func TestGrandchildrenAreKilledWithTheGroup(t *testing.T) {
	for name, stop := range map[string]func(*resource.Command) error{
		"offline":   func(c *resource.Command) error { return c.Offline(context.Background()) },
		"terminate": func(c *resource.Command) error { c.Terminate(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			out := newOutput()
			c := &resource.Command{New: child("parent"), OnLine: out.add}
			online(t, c)
			fd := watch(t, out.until(t, "pid")) // which the grandchild says itself: two writers' lines come in any order
			out.until(t, "ready")
			if err := stop(c); err != nil {
				t.Fatal(err)
			}
			awaitEnd(t, fd)
		})
	}
}

func TestProcessDoesNotOutliveItsKilledOwner(t *testing.T) {
	out := newOutput()
	owner := &resource.Command{New: child("owner"), OnLine: out.add}
	online(t, owner)
	fd := watch(t, out.until(t, "pid"))
	owner.Terminate() // kills the owner only: the process is in a session of its own
	awaitEnd(t, fd)
}
