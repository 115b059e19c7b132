package ocf

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// await returns when the program has made a file in its directory.
func (r *rig) await(name string) {
	r.t.Helper()
	poll, over := time.NewTicker(pollDaemon), time.NewTimer(30*time.Second)
	defer poll.Stop()
	defer over.Stop()
	for {
		if _, err := os.Stat(filepath.Join(r.state, name)); err == nil {
			return
		}
		select {
		case <-poll.C:
		case <-over.C:
			r.t.Fatalf("the program made no file %s", name)
		}
	}
}

// One EMFILE of accept(2) made the daemon deaf for the rest of its life: each monitor failed, and each stop killed.
func TestDaemonThatWasShortOfDescriptorsAnswersAgain(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	var old unix.Rlimit
	if err := unix.Prlimit(r.pid(), unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	tight := unix.Rlimit{Cur: 3, Max: old.Max}
	if err := unix.Prlimit(r.pid(), unix.RLIMIT_NOFILE, &tight, nil); err != nil {
		t.Fatal(err)
	}
	r.act(Generic, "monitor", timeout("2000"))
	if err := unix.Prlimit(r.pid(), unix.RLIMIT_NOFILE, &old, nil); err != nil {
		t.Fatal(err)
	}
	r.act(Success, "monitor")
}

// Without its socket nobody told the daemon to stop: it was killed just before the time-out, and its lock not
// released.
func TestDaemonThatCannotBeAskedStopsInGoodOrder(t *testing.T) {
	for name, stop := range map[string]func(*rig){
		"stop": func(r *rig) {
			if out := r.act(Success, "stop"); strings.Contains(out, "killed") {
				r.t.Errorf("it says %q", out)
			}
		},
		"a start that gives up": func(r *rig) {
			if fate, err := r.m.abandon(20 * time.Second); fate != "told to stop" || err != nil {
				r.t.Errorf("%s, %v", fate, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.act(Success, "start")
			if err := os.Remove(r.m.socket()); err != nil {
				t.Fatal(err)
			}
			stop(r)
			if _, err := os.Stat(r.m.farewell()); err != nil {
				t.Errorf("it did not say good-bye: %v", err)
			}
			r.act(NotRunning, "monitor")
		})
	}
}

// abandonedCheck leaves a check behind that hangs for ten minutes, as the monitor that asked for it was killed.
func (r *rig) abandonedCheck() {
	r.t.Helper()
	r.file("deaf")
	cmd := exec.Command(r.exe, "monitor")
	cmd.Env = append(append([]string{}, r.env...), deep, timeout("600000"))
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.await("asked")
	if err := cmd.Process.Kill(); err != nil {
		r.t.Fatal(err)
	}
	_ = cmd.Wait() // killed
}

// A deep monitor whose check hung was waited for at the end for as long as its time-out: stop killed the daemon.
func TestCheckThatHangsDoesNotHoldUpStop(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	r.abandonedCheck()
	if out := r.act(Success, "stop"); out != "" {
		t.Errorf("it says %q", out)
	}
}

func TestCheckThatHangsDoesNotHoldUpAProgramThatEndsByItself(t *testing.T) {
	r := newRig(t)
	quits := filepath.Join(r.state, "quits")
	if err := unix.Mkfifo(quits, 0o600); err != nil {
		t.Fatal(err)
	}
	r.act(Success, "start")
	r.abandonedCheck()
	if err := os.WriteFile(quits, nil, 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.m.awaitEnd(ctx); err != nil {
		t.Error(err)
	}
}

// A stop whose answer comes late is followed by SIGTERM, which must not cut the good order short.
func TestDaemonThatIsToldTwiceStopsInGoodOrder(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	late := filepath.Join(r.state, "late")
	if err := unix.Mkfifo(late, 0o600); err != nil {
		t.Fatal(err)
	}
	pid := r.pid()
	if _, err := r.m.ask(request{Ask: "stop"}, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	letGo, err := os.OpenFile(late, os.O_WRONLY, 0) // returns when the program stops
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := unix.Kill(pid, unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	if answer, err := r.m.ask(request{Ask: "status"}, 30*time.Second); err != nil || answer.State != stopping {
		t.Errorf("it says %+v, %v", answer, err)
	}
	if err := letGo.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.m.awaitEnd(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.m.farewell()); err != nil {
		t.Errorf("it did not say good-bye: %v", err)
	}
}

// daemon is a descriptor of the process that holds the lock, and ends it after the test: without the lock
// nobody else finds it.
func (r *rig) daemon() (pidfd int) {
	r.t.Helper()
	pidfd, err := unix.PidfdOpen(r.pid(), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0) // it has ended, if all went well
		unix.Close(pidfd)
	})
	return pidfd
}

// gone returns when the process has ended.
func (r *rig) gone(pidfd int) {
	r.t.Helper()
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 30_000); n != 1 || err != nil {
		r.t.Fatalf("it lives: %v", err)
	}
}

// Without its directory a daemon passed for not running: stop said 0 while it lived on, for ever.
func TestDaemonWhoseDirectoryWasRemovedEnds(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	daemon := r.daemon()
	if err := os.RemoveAll(r.m.dir); err != nil {
		t.Fatal(err)
	}
	r.gone(daemon)
	r.act(NotRunning, "monitor")
	r.act(Success, "start")
	r.act(Success, "monitor")
}

func TestDaemonWhoseDirectoryWasExchangedLeavesItsSuccessorAlone(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	daemon := r.daemon()
	late := filepath.Join(r.state, "late")
	if err := errors.Join(unix.Mkfifo(late, 0o600), os.Rename(r.m.dir, r.m.dir+".away")); err != nil {
		t.Fatal(err)
	}
	letGo, err := os.OpenFile(late, os.O_WRONLY, 0) // returns when the program stops
	if err != nil {
		t.Fatal(err)
	}
	cmd, stderr := r.begin()
	line := make([]byte, len("waits for the lock\n"))
	if _, err := io.ReadFull(stderr, line); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(late), letGo.Close()); err != nil {
		t.Fatal(err)
	}
	r.gone(daemon)
	_, _ = io.Copy(io.Discard, stderr) // until its end
	if err := cmd.Wait(); err != nil {
		t.Fatalf("start: %v", err)
	}
	if _, err := os.Stat(r.m.farewell()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it said good-bye for its successor: %v", err)
	}
	r.act(Success, "monitor", deep)
}
