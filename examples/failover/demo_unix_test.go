//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// The processes share the demo's standard error: it reaches its end when the last one has gone.
func interrupted(t *testing.T, how func(t *testing.T, demo *exec.Cmd, stdout io.Closer)) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-source", smallSource(t), "-dir", dir, "-big", "8MiB", "-pace", "8s")
	cmd.Env = append(os.Environ(), playDemo+"=1")
	// A group of its own, as a shell makes for a terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !readUntil(t, stdout, "submitted") {
		t.Fatal("the demo ended early")
	}
	how(t, cmd, stdout)
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(io.Discard, stdout)
	}()
	told, err := io.ReadAll(stderr)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(told), "ended by itself") {
		t.Errorf("a process ended before it was told to: %s", told)
	}
	<-read
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// readUntil reads lines up to one that contains text.
func readUntil(t *testing.T, from io.Reader, text string) bool {
	t.Helper()
	var seen []byte
	buffer := make([]byte, 1)
	for {
		if _, err := from.Read(buffer); err != nil {
			t.Logf("%s", seen)
			return false
		}
		seen = append(seen, buffer[0])
		if bytes.Contains(seen, []byte(text)) {
			return true
		}
	}
}

// A terminal sends Ctrl-C, and SIGHUP when it is closed, to every process of the group. SIGHUP ended the
// demo before it had removed its files, and its processes before it could say in which order.
func TestInterruptedDemoLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			interrupted(t, func(t *testing.T, demo *exec.Cmd, _ io.Closer) {
				if err := syscall.Kill(-demo.Process.Pid, s); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// SIGPIPE ended the demo in the middle of "failover | head".
func TestDemoWhoseOutputNobodyReadsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	interrupted(t, func(t *testing.T, _ *exec.Cmd, stdout io.Closer) {
		if err := stdout.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A role ends when its standard input closes: a signal to the whole group is for the first process.
func TestRolesLeaveSignalsOfTheTerminalToTheDemo(t *testing.T) {
	t.Setenv(playDemo, "1")
	s := newTold()
	c, err := startChild("queue manager", s.handle, unexpected(t), "", roleQueueManager, "-listen=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	<-s.more // it listens
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
		if err := c.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.stop(stopLimit); err != nil {
		t.Errorf("%v; told: %s", err, s.text())
	}
}
