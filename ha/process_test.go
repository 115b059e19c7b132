package ha

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// task is what a child process is to do.
type task struct {
	Addr  string // of the queue manager
	Dir   string // state directory
	Stuck bool   // Work does not end
	Lock  string // lock file; empty: the default
	User  int    // to become before anything else; 0: stay
	Write string // directory to deliver to; empty: no transfers
}

func (k task) config() Config {
	c := Config{Name: "SRC", StateDir: k.Dir, LockFile: k.Lock, Work: untilCancelled,
		MQ: mqconn.Config{Dialer: &mqtest.TCP{}, Endpoints: []string{k.Addr}},
		OnEvent: func(ev Event) {
			ev.Detail = nil
			line, err := json.Marshal(ev)
			if err != nil {
				panic(err)
			}
			fmt.Println(string(line))
		}}
	if c.Transfer.WriteRoot = k.Write; k.Write != "" {
		c.AfterLoss = Exit // so that a test sees what it exits with
	}
	if k.Stuck {
		c.StopTimeout = lossLimit
		c.Work = func(context.Context, *Active) error { select {} }
	}
	return c
}

// child is the main function of a child process; its tests run it by role.
func child(role string) {
	var k task
	if err := json.Unmarshal([]byte(os.Getenv("HA_TEST_TASK")), &k); err != nil {
		panic(err)
	}
	go func() { // it must not outlive the test, however that ends
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(3)
	}()
	if k.User != 0 {
		if err := become(k.User); err != nil {
			panic(err)
		}
	}
	switch role {
	case "main":
		Main(k.config())
	case "overrun":
		c := k.config()
		ctx, cancel := context.WithCancel(context.Background())
		onEvent := c.OnEvent
		c.OnEvent = func(ev Event) {
			onEvent(ev)
			if ev.Code == CodeActive {
				cancel()
			}
		}
		a, err := New(c)
		if err != nil {
			panic(err)
		}
		err = a.Run(ctx)
		_, lockErr := lockfile.TryAcquire(filepath.Join(c.StateDir, "agent.lck"), lockfile.Options{})
		fmt.Fprintf(os.Stderr, "overrun %v, lock held %v: %v\n", errors.Is(err, ErrOverrun), errors.Is(lockErr, lockfile.ErrHeld), err)
		os.Exit(ExitCode(err))
	}
}

// process is a child process with the events that it prints.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	events chan Event
	stderr bytes.Buffer
}

func spawn(t *testing.T, role string, k task) *process {
	t.Helper()
	arg, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(exe), events: make(chan Event, 1024)}
	p.cmd.Env = append(os.Environ(), "HA_TEST_ROLE="+role, "HA_TEST_TASK="+string(arg))
	p.cmd.Stderr = &p.stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(p.events)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var ev Event
			if err := json.Unmarshal(lines.Bytes(), &ev); err == nil {
				p.events <- ev
			}
		}
	}()
	t.Cleanup(func() {
		stdin.Close()
		_ = p.cmd.Process.Kill()
		<-read
		_ = p.cmd.Wait() // reaped already, where the test waited for it
	})
	return p
}

func (p *process) event(code Code) Event {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case ev, ok := <-p.events:
			if !ok {
				p.t.Fatalf("the process ended before %s; stderr:\n%s", code, p.stderr.String())
			}
			if ev.Code == code {
				return ev
			}
		case <-timeout:
			p.t.Fatalf("no event %s", code)
		}
	}
}

// exit waits for the end of the process and gives its exit code.
func (p *process) exit() int {
	p.t.Helper()
	for range p.events {
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// servedSite is a site whose queue manager other processes can reach.
func servedSite(t *testing.T) (s *site, k task) {
	t.Helper()
	s = newSite(t, "SRC")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.qm.Serve(l); err != nil {
		t.Fatal(err)
	}
	return s, task{Addr: l.Addr().String(), Dir: s.dir}
}

func TestStandbyTakesOverWhenActiveIsKilled(t *testing.T) {
	t.Parallel()
	s, k := servedSite(t)
	first := spawn(t, "main", k)
	if ev := first.event(CodeActive); ev.Epoch != 1 {
		t.Errorf("first epoch %d", ev.Epoch)
	}
	second := spawn(t, "main", k)
	if ev := second.event(CodeStandby); !strings.Contains(ev.Text, fmt.Sprintf("process %d", first.cmd.Process.Pid)) {
		t.Errorf("the standby does not say who holds the lock: %s", ev.Text)
	}
	old, err := s.client("SRC").Ping(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if ev := second.event(CodeActive); ev.Epoch != 2 {
		t.Errorf("epoch %d after takeover", ev.Epoch)
	}
	pong, err := s.client("SRC").Ping(within(t))
	if err != nil || pong.Epoch != 2 || pong.Instance == old.Instance {
		t.Errorf("%+v answered, %v", pong, err)
	}
	if err := s.client("SRC").Stop(within(t), pong.Instance, Immediate); err != nil {
		t.Fatal(err)
	}
	if code := second.exit(); code != 0 {
		t.Errorf("exit %d after a stop; stderr:\n%s", code, second.stderr.String())
	}
}

func TestMainSaysWhatIsMissingAndExits78(t *testing.T) {
	t.Parallel()
	p := spawn(t, "main", task{})
	if code := p.exit(); code != 78 || !strings.Contains(p.stderr.String(), "StateDir") {
		t.Errorf("exit %d; stderr:\n%s", code, p.stderr.String())
	}
}

// Without HardStop Run returns, and the lock stays with the process that still works.
func TestOverrunKeepsTheLockUntilTheProcessEnds(t *testing.T) {
	t.Parallel()
	s, k := servedSite(t)
	k.Stuck = true
	p := spawn(t, "overrun", k)
	if code := p.exit(); code != 70 || !strings.Contains(p.stderr.String(), "overrun true, lock held true") ||
		!strings.Contains(p.stderr.String(), "did not end in time: work") {
		t.Errorf("exit %d; stderr:\n%s", code, p.stderr.String())
	}
	l, err := lockfile.TryAcquire(filepath.Join(s.dir, "agent.lck"), lockfile.Options{})
	if err != nil {
		t.Fatalf("the process is gone, the lock is not: %v", err)
	}
	if err := l.Release(within(t)); err != nil {
		t.Error(err)
	}
}
