package ocf

import (
	"context"
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
	if _, err := r.m.ask(request{Ask: "stop"}, 5*time.Second); err != nil {
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
	if answer, err := r.m.ask(request{Ask: "status"}, 5*time.Second); err != nil || answer.State != stopping {
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
