package resource

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent: an application that outlives us would still write to the disk when another node
// starts its own.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// waitExit returns when the process has ended, and kills the rest of its group while the process is
// not waited for yet (WNOWAIT, waitid(2)): until then nobody else can have its number, afterwards
// nothing is signalled any more.
func (t *tree) waitExit() {
	t.mu.Lock()
	pid := t.pgid
	t.mu.Unlock()
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	t.finish()
}
