//go:build unix

package ha

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
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

// Standard error is a file on the disk that hangs, or goes to a reader that is stopped: the process kept the lock, with the
// last word on its lips.
func TestMainEndsWhenNobodyTakesItsLastWords(t *testing.T) {
	t.Parallel()
	reader, full, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer full.Close()
	for err == nil {
		if err = full.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err == nil {
			_, err = full.Write(make([]byte, 1<<12))
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(within(t), exe)
	cmd.Env = append(os.Environ(), "HA_TEST_ROLE=main", "HA_TEST_TASK={}") // no state directory: 78
	cmd.Stderr = full
	if _, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err = cmd.Run(); cmd.ProcessState.ExitCode() != 78 {
		t.Errorf("it did not end: %v", err)
	}
}
