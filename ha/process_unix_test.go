//go:build unix

package ha

import (
	"strings"
	"syscall"
	"testing"
)

func TestMainStopsInOrderOnSIGTERM(t *testing.T) {
	t.Parallel()
	s, k := servedSite(t)
	p := spawn(t, "main", k)
	p.event(CodeActive)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.event(CodeStopped)
	if code := p.exit(); code != 0 {
		t.Errorf("exit %d; stderr:\n%s", code, p.stderr.String())
	}
	if _, held := s.qm.Handles(); held != 0 {
		t.Errorf("%d queues are still held", held)
	}
}

func TestMainEndsTheProcessWhenWorkDoesNotEnd(t *testing.T) {
	t.Parallel()
	_, k := servedSite(t)
	k.Stuck = true
	p := spawn(t, "main", k)
	p.event(CodeActive)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 70 || !strings.Contains(p.stderr.String(), "did not end in time: work") {
		t.Errorf("exit %d; stderr:\n%s", code, p.stderr.String())
	}
}
