package ocf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/need"
	"github.com/mqha/mqha/lockfile"
	"golang.org/x/sys/unix"
)

// rig is one resource of a cluster manager that the test plays.
type rig struct {
	t     *testing.T
	exe   string
	state string // the resource's own directory
	env   []string
	m     meeting
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "ocf") // short: the path of a unix socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, exe: filepath.Join(dir, agentName), state: filepath.Join(dir, "state")}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(r.state, 0o755), copyFile(r.exe, "/proc/self/exe")); err != nil {
		t.Fatal(err)
	}
	r.env = []string{"OCF_ROOT=/usr/lib/ocf", "OCF_RESOURCE_INSTANCE=r", "HA_RSCTMP=" + dir, "OCF_RESKEY_state=" + r.state, "PATH=" + os.Getenv("PATH"),
		"GORACE=atexit_sleep_ms=0"} // else each process takes a second to end
	r.m = meeting{filepath.Join(dir, "test-r")}
	t.Cleanup(func() {
		r.endDaemon()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) endDaemon() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := errors.Join(r.m.kill(), r.m.awaitEnd(ctx)); err != nil {
		r.t.Error(err)
	}
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// act calls the agent and returns what it wrote.
func (r *rig) act(want Code, action string, env ...string) string {
	r.t.Helper()
	cmd := exec.Command(r.exe, action)
	cmd.Env = append(append([]string{}, r.env...), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	if code := Code(cmd.ProcessState.ExitCode()); code != want {
		r.t.Fatalf("%s: exit %d, want %d: %s", action, code, want, out.String())
	}
	return out.String()
}

// ends waits until no daemon runs. That it was killed is what the action has to see to; when the kernel is done with it is
// the kernel's.
func (r *rig) ends() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	if err := r.m.awaitEnd(ctx); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) file(name string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.state, name), nil, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) pid() int {
	r.t.Helper()
	pid, err := r.m.holder()
	if err != nil || pid == 0 {
		r.t.Fatalf("no daemon runs: %v", err)
	}
	return pid
}

func timeout(ms string) string { return "OCF_RESKEY_CRM_meta_timeout=" + ms }

const deep = "OCF_CHECK_LEVEL=10"

func TestMarginLeavesMostOfTheTime(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{
		time.Second: 500 * time.Millisecond, 5 * time.Second: time.Second, 20 * time.Second: 2 * time.Second, time.Hour: 5 * time.Second,
	} {
		if got := margin(timeout); got != want {
			t.Errorf("of %v: %v, want %v", timeout, got, want)
		}
	}
}

func TestLifeOfAResource(t *testing.T) {
	r := newRig(t)
	r.act(NotRunning, "monitor")
	r.act(Success, "stop")
	r.act(Success, "start")
	pid := r.pid()
	r.act(Success, "monitor")
	r.act(Success, "monitor", deep)
	r.act(Success, "start") // idempotent
	if r.pid() != pid {
		t.Error("a started resource was started again")
	}
	for path, want := range map[string]os.FileMode{r.m.dir: 0o700 | os.ModeDir, r.m.socket(): 0o600 | os.ModeSocket, r.m.lock(): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("the daemon is in session %d, not in its own: %v", sid, err)
	}
	r.file("ill")
	r.act(Success, "monitor")
	if out := r.act(Generic, "monitor", deep); !strings.Contains(out, "ill") {
		t.Errorf("it says %q", out)
	}
	r.act(Success, "stop")
	r.act(NotRunning, "monitor")
	r.act(Success, "stop")
}

// A cluster without fencing starts the resource on the other node before it has ended here.
func TestStartWaitsForTheLockOfAnotherNode(t *testing.T) {
	r := newRig(t)
	other, err := lockfile.TryAcquire(filepath.Join(r.state, "lock"), lockfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(r.exe, "start")
	cmd.Env = r.env
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("waits for the lock\n"))
	if _, err := io.ReadFull(stderr, line); err != nil || string(line) != "waits for the lock\n" {
		t.Fatalf("%q, %v", line, err)
	}
	r.act(Generic, "monitor") // it runs, but is not ready
	if err := other.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	r.act(Success, "monitor")
}

func TestStartThatIsNeverReadyEndsBeforeItsTimeOutAndLeavesNothing(t *testing.T) {
	r := newRig(t)
	t.Parallel() // it waits: the daemon has nine seconds to come to its lock
	other, err := lockfile.TryAcquire(filepath.Join(r.state, "lock"), lockfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if out := r.act(Generic, "start", timeout("10000")); !strings.Contains(out, "not ready within 10s (waits for the lock)") {
		t.Errorf("it says %q", out)
	}
	r.ends()
	if err := other.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.act(NotRunning, "monitor")
}

func TestStartThatFailsGivesTheProgramsCodeAndWords(t *testing.T) {
	for file, want := range map[string]struct {
		code Code
		text string
	}{"wrong": {Configured, "the configuration is wrong"}, "panic": {Generic, "as asked"}} {
		r := newRig(t)
		r.file(file)
		if out := r.act(want.code, "start"); !strings.Contains(out, want.text) {
			t.Errorf("it says %q", out)
		}
		r.act(NotRunning, "monitor")
	}
}

func TestKilledDaemonIsNotRunningAndCanBeStartedAgain(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	if err := unix.Kill(r.pid(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := r.m.awaitEnd(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.act(NotRunning, "monitor")
	r.act(Success, "start")
	r.act(Success, "monitor")
}

// stopProcess returns when each thread has stopped: kill(2) does not wait for that.
func stopProcess(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for running := true; running; {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(threads) == 0 {
			t.Fatalf("no threads of %d: %v", pid, err)
		}
		running = false
		for _, thread := range threads {
			stat, err := os.ReadFile(thread)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) { // that thread has ended: look again
				running = true
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			_, after, _ := strings.Cut(string(stat), ") ")
			running = running || !strings.HasPrefix(after, "T")
		}
	}
}

func TestHungDaemonFailsItsMonitorAndIsKilledByStop(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	stopProcess(t, r.pid())
	r.act(Generic, "monitor", timeout("1000"))
	if out := r.act(Success, "stop", timeout("2000")); !strings.Contains(out, "killed") {
		t.Errorf("it says %q", out)
	}
	r.act(NotRunning, "monitor")
}

func TestProgramThatDoesNotStopIsKilledBeforeTheTimeOut(t *testing.T) {
	r := newRig(t)
	r.file("stubborn")
	r.act(Success, "start")
	if out := r.act(Success, "stop", timeout("2000")); !strings.Contains(out, "killed") {
		t.Errorf("it says %q", out)
	}
	r.act(NotRunning, "monitor")
}

func TestCheckThatHangsFailsTheDeepMonitorOnly(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	r.file("deaf")
	r.file("ill")
	r.act(Generic, "monitor", deep, timeout("2000"))
	r.act(Success, "monitor")
	r.act(Success, "stop")
}

func TestStartAfterAStopThatWasKilledWaitsForTheEndOfTheOldOne(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	old := r.pid()
	if _, err := r.m.ask(request{Ask: "stop"}, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	r.act(Success, "start")
	if r.pid() == old {
		t.Error("the one that was told to stop passes for a new one")
	}
}

func TestStartsAtTheSameTimeStartOneDaemon(t *testing.T) {
	r := newRig(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			cmd := exec.Command(r.exe, "start")
			cmd.Env = r.env
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("start: %v: %s", err, out)
			}
		})
	}
	all.Wait()
	r.act(Success, "monitor")
	r.act(Success, "stop")
	r.act(NotRunning, "monitor")
}

func TestResourceWhoseParametersWereSpoiltCanBeStopped(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	bad := "OCF_RESKEY_count=many"
	r.act(Configured, "validate-all", bad)
	r.act(Success, "monitor", bad)
	r.act(Success, "stop", bad)
	r.act(NotRunning, "monitor", bad)
}

func TestDaemonStopsOnSIGTERM(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	if err := unix.Kill(r.pid(), unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := r.m.awaitEnd(t.Context()); err != nil {
		t.Fatal(err)
	}
	lease, err := lockfile.TryAcquire(filepath.Join(r.state, "lock"), lockfile.Options{})
	if err != nil {
		t.Fatalf("it did not release its lock: %v", err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheJudgeOfTheResourceAgentsPackageAgrees(t *testing.T) {
	tester := need.Program(t, "ocf-tester", "resource-agents")
	need.Program(t, "xmllint", "libxml2-utils") // without it ocf-tester fails for its own reasons
	r := newRig(t)
	cmd := exec.Command(tester, "-n", "r", "-o", "state="+r.state, r.exe)
	cmd.Env = r.env
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "passed all tests") {
		t.Errorf("%v\n%s", err, out)
	}
}
