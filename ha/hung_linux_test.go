package ha

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// hang puts a disk over dir that does not answer, until the test ends: a FUSE file system whose server, here, reads every
// question. asked is closed at the first one.
func hang(t *testing.T, dir string) (asked <-chan struct{}) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a disk that hangs")
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("needs /dev/fuse, to mount a disk that hangs: %v", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)
	if err := unix.Mount("hangs", dir, "fuse.hangs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		_ = unix.Close(fd)
		t.Skipf("needs the right to mount: %v", err)
	}
	first, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		listen(t, fd, first)
	}()
	t.Cleanup(func() {
		_ = unix.Unmount(dir, unix.MNT_FORCE) // has every call that hangs return, and may find the disk busy because of them
		_ = unix.Unmount(dir, unix.MNT_DETACH)
		<-over
		_ = unix.Close(fd)
	})
	return first
}

// listen takes the questions of the kernel, of struct fuse_in_header, and answers FUSE_INIT alone; fuse(4).
func listen(t *testing.T, fd int, first chan<- struct{}) {
	const initialise = 26
	b := make([]byte, 1<<17)
	for asked := false; ; {
		if _, err := unix.Read(fd, b); err == unix.EINTR || err == unix.EAGAIN {
			continue
		} else if err != nil {
			return // unmounted
		}
		if binary.NativeEndian.Uint32(b[4:]) != initialise {
			if !asked {
				asked = true
				close(first)
			}
			continue
		}
		answer := make([]byte, 16+64) // struct fuse_out_header, struct fuse_init_out
		binary.NativeEndian.PutUint32(answer, uint32(len(answer)))
		copy(answer[8:16], b[8:16]) // unique
		binary.NativeEndian.PutUint32(answer[16:], 7)
		binary.NativeEndian.PutUint32(answer[20:], 31)
		binary.NativeEndian.PutUint32(answer[16+20:], 1<<16) // max_write
		if _, err := unix.Write(fd, answer); err != nil {
			t.Errorf("FUSE_INIT: %v", err)
			return
		}
	}
}

// A node that loses its network loses the queue manager and the disk at once. The look for a standby hung on that disk, and
// the agent did not stop: it ended as one that overran.
func TestHungDiskKeepsNoAgentWithoutItsQueueManager(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c, road := s.quick("SRC")
	c.StopTimeout = lossLimit
	standbys := mkdir(t, c.StateDir, "agent.lck.standbys")
	a := start(t, c)
	a.event(CodeActive, 1)
	asked := hang(t, standbys)
	road.close(2538, s)
	<-asked
	if err := a.stop(); err != nil {
		t.Errorf("Run: %v\n%s", err, a.story())
	}
}

// What a standby has announced hung with the disk, and it did not stop.
func TestHungDiskKeepsNoStandby(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c, _ := s.quick("SRC")
	c.StopTimeout = lossLimit
	a := start(t, c)
	a.event(CodeActive, 1)
	b := start(t, c)
	b.event(CodeStandby, 1)
	b.event(CodeReady, 1)
	hang(t, mkdir(t, c.StateDir, "agent.lck.standbys"))
	if err := b.stop(); err != nil {
		t.Errorf("Run: %v\n%s", err, b.story())
	}
}

// An instance was not active before its announcement was withdrawn: whatever the disk does to that, the lock is held.
func TestHungAnnouncementDelaysNoTakeover(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c, _ := s.quick("SRC")
	a := start(t, c)
	a.event(CodeActive, 1)
	b := start(t, c)
	b.event(CodeStandby, 1)
	b.event(CodeReady, 1)
	hang(t, mkdir(t, c.StateDir, "agent.lck.standbys"))
	if err := a.stop(); err != nil {
		t.Error(err)
	}
	b.event(CodeActive, 1)
}

// An instance that waits for its disk looks for it, and did not end while that hung.
func TestHungDiskKeepsNoInstanceThatWaitsForIt(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.StopTimeout = lossLimit
	asked := hang(t, c.StateDir)
	a := start(t, c)
	<-asked
	if err := a.stop(); err != nil {
		t.Errorf("Run: %v\n%s", err, a.story())
	}
}

// The same of one that stands back, and looks whether another one has been active.
func TestHungDiskKeepsNoInstanceThatStandsBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.StopTimeout = lossLimit
	c.Work = func(context.Context, *Active) error { return errors.New("not here") }
	a := start(t, c)
	a.event(CodeStandsBack, 1)
	asked := hang(t, c.StateDir)
	<-asked
	if err := a.stop(); err != nil {
		t.Errorf("Run: %v\n%s", err, a.story())
	}
}
