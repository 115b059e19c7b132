//go:build unix

package resource

import (
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// tree is a process and what it has forked, as long as that stays in its process group.
type tree struct {
	mu     sync.Mutex
	pgid   int
	closed bool // the number may be somebody else's
}

func (t *tree) start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid = true // the leader of a session leads a process group of the same number
	dieWithParent(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pgid = cmd.Process.Pid
	return nil
}

// interrupt asks the whole group to end, as systemd's KillMode=control-group does: a program that
// waits for its workers need not pass the signal on. SIGCONT wakes those that are stopped,
// who would not see SIGTERM before. It reports whether there is a grace period.
func (t *tree) interrupt() bool {
	t.signal(syscall.SIGTERM)
	t.signal(syscall.SIGCONT)
	return true
}

func (t *tree) kill() { t.signal(syscall.SIGKILL) }

// signal is silent about a group that is gone: the end of the process is what counts.
func (t *tree) signal(s syscall.Signal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		_ = syscall.Kill(-t.pgid, s)
	}
}

// groupPoll and groupLimit bound the wait for processes that were killed but are not ours to wait
// for. Where nobody reaps orphans (a container without an init) they never go.
const (
	groupPoll  = 5 * time.Millisecond
	groupLimit = 2 * time.Second
)

// close kills what is left of the group and waits for it a moment: whoever unmounts a disk next
// would find it busy.
func (t *tree) close() {
	pgid := t.finish()
	limit := time.NewTimer(groupLimit)
	defer limit.Stop()
	poll := time.NewTicker(groupPoll)
	defer poll.Stop()
	for syscall.Kill(-pgid, 0) == nil {
		select {
		case <-poll.C:
		case <-limit.C:
			return
		}
	}
}

// finish sends the last signal. While a member of the group is left, no new process gets the
// number (fork(2)); from then on it may.
func (t *tree) finish() int {
	t.kill()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	return t.pgid
}
