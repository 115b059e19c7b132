package ocf

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/lockfile"
	"golang.org/x/sys/unix"
)

// begin calls start and does not wait for it.
func (r *rig) begin() (cmd *exec.Cmd, stderr io.Reader) {
	r.t.Helper()
	cmd = exec.Command(r.exe, "start")
	cmd.Env = r.env
	stderr, err := cmd.StderrPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	return cmd, stderr
}

// early makes the next daemon wait before it has its lock.
func (r *rig) early() string {
	r.t.Helper()
	name := filepath.Join(r.state, "early")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		r.t.Fatal(err)
	}
	return name
}

// launched is the number of the latest daemon, which may not have its lock.
func (r *rig) launched() int {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.state, "pid"))
	if err != nil {
		r.t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		r.t.Fatal(err)
	}
	return pid
}

func (r *rig) ran() bool {
	_, err := os.Stat(filepath.Join(r.state, "ran"))
	return err == nil
}

// Start used to wait for the first word of its daemon without a limit.
func TestDaemonThatHangsBeforeItAnnouncesItselfIsKilledInTime(t *testing.T) {
	r := newRig(t)
	t.Parallel() // it waits: the daemon has nine seconds to come to its pipe
	early := r.early()
	if out := r.act(Generic, "start", timeout("10000")); !strings.Contains(out, "silent") {
		t.Errorf("it says %q", out)
	}
	if err := unix.Kill(r.launched(), 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("it left its daemon behind: %v", err)
	}
	r.act(NotRunning, "monitor")
	if err := os.Remove(early); err != nil {
		t.Fatal(err)
	}
	r.act(Success, "start")
}

func TestDaemonThatDiesBeforeItAnnouncesItselfFailsItsStart(t *testing.T) {
	r := newRig(t)
	r.file("dies early")
	if out := r.act(Generic, "start"); !strings.Contains(out, "ended at once") {
		t.Errorf("it says %q", out)
	}
	r.act(NotRunning, "monitor")
}

// The cluster manager kills a start that is late, and stops the resource: the stop finds no lock. A daemon that
// came to life after that would run here while the resource is started elsewhere.
func TestDaemonWhoseStartWasKilledEndsBeforeItRuns(t *testing.T) {
	r := newRig(t)
	early := r.early()
	cmd, _ := r.begin()
	letGo, err := os.OpenFile(early, os.O_WRONLY, 0) // returns when the daemon is there
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	r.act(Success, "stop")
	fd, err := unix.PidfdOpen(r.launched(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := letGo.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 30_000); n != 1 || err != nil {
		t.Errorf("it lives: %v", err)
	}
	if r.ran() {
		t.Error("the program ran")
	}
	r.act(NotRunning, "monitor")
}

func TestProgramThatIsNeverReadyNorStopsIsKilledInTime(t *testing.T) {
	r := newRig(t)
	r.file("deaf in the start")
	if out := r.act(Generic, "start", timeout("2000")); !strings.Contains(out, "killed") {
		t.Errorf("it says %q", out)
	}
	r.ends()
	r.act(NotRunning, "monitor")
}

func TestProgramThatIsNeverReadyIsToldToStopFirst(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	if fate, err := r.m.abandon(time.Minute); fate != "told to stop" || err != nil {
		t.Errorf("%s, %v", fate, err)
	}
	if _, err := os.Stat(r.m.farewell()); err != nil {
		t.Errorf("it did not say good-bye: %v", err)
	}
}

func TestStopDuringAStartEndsBoth(t *testing.T) {
	r := newRig(t)
	other, err := lockfile.TryAcquire(filepath.Join(r.state, "lock"), lockfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cmd, stderr := r.begin()
	line := make([]byte, len("waits for the lock\n"))
	if _, err := io.ReadFull(stderr, line); err != nil {
		t.Fatal(err)
	}
	r.act(Success, "stop")
	r.act(NotRunning, "monitor")
	_, _ = io.Copy(io.Discard, stderr) // until its end
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != int(Generic) {
		t.Errorf("start: %v", err)
	}
	if err := other.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// A start that met the daemon of another one between its lock and its socket took it for one that ends, and at
// its time-out told it to stop.
func TestStartWaitsForADaemonThatDoesNotListenYet(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	pid := r.pid()
	away := r.m.socket() + ".away"
	if err := os.Rename(r.m.socket(), away); err != nil {
		t.Fatal(err)
	}
	decoy, err := net.Listen("unix", r.m.socket())
	if err != nil {
		t.Fatal(err)
	}
	cmd, _ := r.begin()
	conn, err := decoy.Accept() // it has tried once
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.Close(), decoy.Close(), os.Rename(away, r.m.socket())); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("start: %v", err)
	}
	if r.pid() != pid {
		t.Error("the daemon was exchanged")
	}
}

func TestDirectoryThatCannotBeMadeIsSaid(t *testing.T) {
	r := newRig(t)
	file := filepath.Join(r.state, "file")
	r.file("file")
	if out := r.act(Generic, "start", "HA_RSCTMP="+file); !strings.Contains(out, file) {
		t.Errorf("it says %q", out)
	}
}

// sizes are those of out and out.1.
func (r *rig) sizes() (out, older int64) {
	r.t.Helper()
	for name, size := range map[string]*int64{r.m.out(): &out, r.m.older(): &older} {
		info, err := os.Stat(name)
		if err != nil {
			r.t.Fatal(err)
		}
		*size = info.Size()
	}
	return out, older
}

// The file out grew until the disk was full, on a daemon that lives for months.
func TestOutputIsBoundedWhoeverWritesIt(t *testing.T) {
	r := newRig(t)
	r.file("talks")
	r.act(Success, "start")
	within, cancel := time.NewTicker(outLook), time.NewTimer(30*time.Second)
	defer within.Stop()
	defer cancel.Stop()
	for {
		if info, err := os.Stat(r.m.out()); err != nil {
			t.Fatal(err)
		} else if info.Size() <= outLimit {
			break
		}
		select {
		case <-within.C:
		case <-cancel.C:
			t.Fatal("out is not emptied")
		}
	}
	if _, older := r.sizes(); older < outLimit/2 || older > outLimit {
		t.Errorf("out.1 has %d bytes", older)
	}
	r.act(Success, "stop") // it talks again, and ends at once
	if out, older := r.sizes(); out > outLimit || older < outLimit/2 || older > outLimit {
		t.Errorf("at the end out has %d bytes and out.1 %d", out, older)
	}
	text, err := os.ReadFile(r.m.older())
	if err != nil || !strings.Contains(string(text), "\n0123456789abcde\n") {
		t.Errorf("out.1 holds %.40q: %v", text, err)
	}
}

func TestLastWordsOfTheLifeBeforeAreKept(t *testing.T) {
	r := newRig(t)
	r.file("panic")
	r.act(Generic, "start")
	if err := os.Remove(filepath.Join(r.state, "panic")); err != nil {
		t.Fatal(err)
	}
	r.act(Success, "start")
	if text, err := os.ReadFile(r.m.older()); err != nil || !strings.Contains(string(text), "as asked") {
		t.Errorf("out.1 holds %q: %v", text, err)
	}
	if text, err := os.ReadFile(r.m.out()); err != nil || strings.Contains(string(text), "as asked") {
		t.Errorf("out holds %q: %v", text, err)
	}
}

// The name may be removed, and the next start makes a new one; this daemon's output stays bounded.
func TestOutputThatNobodySeesIsBounded(t *testing.T) {
	m := meeting{t.TempDir()}
	out, err := m.openOut()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := errors.Join(os.Remove(m.out()), os.Mkdir(m.older(), 0o700)); err != nil { // and out.1 cannot be written
		t.Fatal(err)
	}
	if _, err := out.Write(make([]byte, 2*outLimit)); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	close(over)
	m.watchOut(out, over)
	if info, err := out.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("%d bytes: %v", info.Size(), err)
	}
}
