package ocf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The daemon holds a traditional record lock (fcntl(2), F_SETLK) while it lives. Its traps do not
// matter here: no child inherits it, and the one descriptor of the file that the daemon ever opens is
// closed by its end. What matters is that F_GETLK tells the number of the process that holds it.

// hold takes the lock until the file that it returns is closed.
func (m meeting) hold() (*os.File, error) {
	f, err := os.OpenFile(m.lock(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &l); err != nil {
		return nil, errors.Join(fmt.Errorf("another daemon runs: %w", err), f.Close())
	}
	return f, nil
}

// lostName: the file that the daemon has locked is not the one that the actions find. It opens nothing: closing
// another descriptor of the file would release the lock.
func (m meeting) lostName(lock *os.File) bool {
	own, err := lock.Stat()
	if err != nil {
		return false
	}
	found, err := os.Stat(m.lock())
	return errors.Is(err, os.ErrNotExist) || err == nil && !os.SameFile(own, found)
}

// lockLook is how often the daemon looks whether its lock has its name.
const lockLook = 100 * time.Millisecond

// watchLock ends a daemon whose lock has lost its name, until over is closed: to the actions nothing runs, and
// the next start makes another one.
func (m meeting) watchLock(lock *os.File, over <-chan struct{}, stop func()) {
	tick := time.NewTicker(lockLook)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-over:
			return
		}
		if m.lostName(lock) {
			fmt.Fprintf(os.Stderr, "%s was removed: this daemon ends\n", m.lock())
			stop()
			return
		}
	}
}

// holder is the number of the process that holds the lock; 0: none does.
func (m meeting) holder() (pid int, err error) {
	f, err := os.Open(m.lock()) // not for writing: its disk may have become read-only
	switch {
	case errors.Is(err, os.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l); err != nil {
		return 0, err
	}
	switch {
	case l.Type == unix.F_UNLCK:
		return 0, nil
	case l.Pid <= 0:
		return 0, fmt.Errorf("%s is held by a process of another pid namespace", m.lock())
	}
	return int(l.Pid), nil
}

// pollDaemon is the time between two looks whether a daemon runs.
const pollDaemon = 20 * time.Millisecond

// awaitEnd returns nil when no daemon runs any more.
func (m meeting) awaitEnd(ctx context.Context) error {
	poll := time.NewTicker(pollDaemon)
	defer poll.Stop()
	for {
		pid, err := m.holder()
		if err != nil || pid == 0 {
			return err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("process %d still runs", pid)
		}
	}
}

// kill ends the daemon by force.
func (m meeting) kill() error { return m.signal(unix.SIGKILL) }

// signal sends a signal to the daemon, if one runs. The number is that of the holder of the lock when it is looked at
// again through a descriptor of the process, so it cannot have become somebody else's.
func (m meeting) signal(sig unix.Signal) error {
	pid, err := m.holder()
	if err != nil || pid == 0 {
		return err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	} else if err != nil {
		return err
	}
	defer unix.Close(fd)
	if again, err := m.holder(); err != nil || again != pid {
		return err
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}
