//go:build unix

package sdnotify_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/need"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/resource/sdnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// systemd is the socket of the service manager.
type systemd struct {
	t    *testing.T
	conn *net.UnixConn
}

func newSystemd(t *testing.T) *systemd {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") // short: the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(conn.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "")
	return &systemd{t, conn}
}

// hears returns the next message.
func (s *systemd) hears() string {
	s.t.Helper()
	buf := make([]byte, 4096)
	if err := s.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	n, err := s.conn.Read(buf)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(buf[:n])
}

func (s *systemd) expect(want ...string) {
	s.t.Helper()
	for _, w := range want {
		if got := s.hears(); got != w {
			s.t.Fatalf("got %q, want %q", got, w)
		}
	}
}

// service runs a program that does what the test says.
type service struct {
	t        *testing.T
	notifier chan resource.Notifier
	release  chan error // the end of the program
	stop     context.CancelFunc
	done     chan error
}

func startService(t *testing.T, o sdnotify.Options) (*service, resource.Notifier) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s := &service{t, make(chan resource.Notifier, 1), make(chan error, 1), stop, make(chan error, 1)}
	p := resource.Program{Name: "service", Run: func(_ context.Context, n resource.Notifier) error {
		s.notifier <- n
		return <-s.release
	}}
	go func() { s.done <- sdnotify.Run(ctx, p, o) }()
	return s, <-s.notifier
}

func (s *service) end(err error) {
	s.t.Helper()
	s.release <- err
	if got := <-s.done; !errors.Is(got, err) {
		s.t.Errorf("Run: %v", got)
	}
}

func TestSystemdHearsTheWholeLife(t *testing.T) {
	d := newSystemd(t)
	s, n := startService(t, sdnotify.Options{})
	n.Progress("waits for the lock\nREADY=1", 10*time.Second)
	d.expect("STATUS=waits for the lock READY=1\nEXTEND_TIMEOUT_USEC=15000000")
	n.Ready()
	n.Ready()
	d.expect("READY=1\nSTATUS=ready")
	n.Progress("replays", 10*time.Second)
	d.expect("STATUS=replays")
	s.stop()
	d.expect("STOPPING=1\nSTATUS=stopping")
	n.Progress("drains", 20*time.Second)
	d.expect("STATUS=drains\nEXTEND_TIMEOUT_USEC=30000000")
	s.end(nil)
}

func TestErrorIsTheLastStatus(t *testing.T) {
	d := newSystemd(t)
	s, _ := startService(t, sdnotify.Options{})
	s.end(errors.New("no queue manager"))
	d.expect("STATUS=ended: no queue manager")
}

func TestStandbyIsUpWhenTheUnitSaysSo(t *testing.T) {
	d := newSystemd(t)
	s, n := startService(t, sdnotify.Options{ReadyAtStart: true})
	d.expect("READY=1")
	n.Progress("stands by", time.Hour)
	d.expect("STATUS=stands by")
	n.Ready()
	d.expect("STATUS=ready")
	s.end(nil)
}

func TestWatchdogIsFedByHealthAlone(t *testing.T) {
	d := newSystemd(t)
	t.Setenv("WATCHDOG_USEC", "15000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	s, n := startService(t, sdnotify.Options{})
	d.expect("WATCHDOG=1", "WATCHDOG=1") // it lives, more was not promised
	var state, good atomic.Int64         // 0 healthy, 1 ill, 2 hangs
	hung := make(chan struct{})
	hangs := sync.OnceFunc(func() { close(hung) }) // it may be asked again before the test sees the first time
	n.Healthy(func(ctx context.Context) error {
		switch state.Load() {
		case 1:
			return errors.New("ill")
		case 2:
			hangs()
			<-ctx.Done()
			return ctx.Err()
		}
		good.Add(1)
		return nil
	})
	before := good.Load()
	for d.hears() != "WATCHDOG=1" || good.Load() == before {
	}
	state.Store(1)
	for d.hears() != "STATUS=not healthy: ill" {
	}
	for range 5 { // from its first bad answer on nothing feeds it
		d.expect("STATUS=not healthy: ill")
	}
	state.Store(2)
	<-hung
	state.Store(0)
	for d.hears() != "STATUS=not healthy: context deadline exceeded" {
	}
	d.expect("WATCHDOG=1\nSTATUS=healthy again", "WATCHDOG=1")
	s.end(nil)
}

// One failed check left its "not healthy" in systemctl status for the rest of the service's life.
func TestStatusAfterAFailedCheckIsThatOfTheProgramAgain(t *testing.T) {
	d := newSystemd(t)
	t.Setenv("WATCHDOG_USEC", "15000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	s, n := startService(t, sdnotify.Options{})
	var ill atomic.Bool
	n.Healthy(func(context.Context) error {
		if ill.Load() {
			return errors.New("ill")
		}
		return nil
	})
	for _, step := range []struct {
		do   func()
		want string
	}{
		{n.Ready, "STATUS=ready"},
		{func() { n.Progress("replays\nREADY=1", 0) }, "STATUS=replays READY=1"},
		{s.stop, "STATUS=stopping"},
	} {
		step.do()
		for got := ""; !strings.HasSuffix(got, step.want); got = d.hears() {
		}
		ill.Store(true)
		for d.hears() != "STATUS=not healthy: ill" {
		}
		ill.Store(false)
		got := d.hears()
		for got == "STATUS=not healthy: ill" {
			got = d.hears()
		}
		if got != "WATCHDOG=1\n"+step.want {
			t.Fatalf("got %q, want %s", got, step.want)
		}
	}
	s.end(nil)
}

func TestProgramRunsWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	s, n := startService(t, sdnotify.Options{OnError: func(err error) { t.Error(err) }})
	n.Ready()
	n.Progress("works", time.Second)
	s.end(nil)
}

func TestSystemdThatIsGoneIsReportedAndNoTrouble(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	var errs []error
	s, n := startService(t, sdnotify.Options{OnError: func(err error) { errs = append(errs, err) }})
	n.Ready()
	s.end(nil)
	if len(errs) != 1 || !errors.Is(errs[0], os.ErrNotExist) {
		t.Errorf("%v", errs)
	}
}

func TestUnitFileIsUnderstoodBySystemd(t *testing.T) {
	analyze := need.Program(t, "systemd-analyze", "systemd")
	unit, err := os.ReadFile("mqha-agent.service")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mqha-agent.service")
	text := strings.Replace(string(unit), "/usr/local/bin/agent", "/bin/true", 1) // it looks for the program
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// A service that says more than a slow systemd takes does not wait, and what counts is not lost.
func TestWhatCountsIsNotLostAmongMuchProgress(t *testing.T) {
	d := newSystemd(t)
	s, n := startService(t, sdnotify.Options{})
	n.Ready()
	for k := range 5000 {
		n.Progress(fmt.Sprint("step ", k), 0)
	}
	s.stop()
	s.release <- nil
	var got []string
	for {
		message := d.hears()
		got = append(got, message)
		if strings.HasPrefix(message, "STOPPING=1") {
			break
		}
	}
	if err := <-s.done; err != nil || !slices.Contains(got, "READY=1\nSTATUS=ready") {
		t.Errorf("%v; first %q", err, got[0])
	}
}
