package winsvc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

// manager is the control manager of a test. All runs in a bubble, so that nothing is concurrent when it
// looks.
type manager struct {
	t        *testing.T
	mu       sync.Mutex // of said
	said     []string
	log      []string
	controls chan control
	notifier resource.Notifier
	asked    bool       // the program's context has ended
	release  chan error // the end of the program
	code     chan int
}

func newManager(t *testing.T, o Options) *manager {
	t.Helper()
	m := &manager{t: t, controls: make(chan control), release: make(chan error, 1), code: make(chan int, 1)}
	p := resource.Program{Name: "agent", Run: func(ctx context.Context, n resource.Notifier) error {
		m.notifier = n
		defer context.AfterFunc(ctx, func() { m.asked = true })()
		return <-m.release
	}}
	h := &host{program: p, options: o.withDefaults(), news: make(chan struct{}, 1),
		say: func(s status) {
			name := map[state]string{startPending: "START_PENDING", running: "RUNNING", stopPending: "STOP_PENDING"}[s.state]
			m.mu.Lock()
			defer m.mu.Unlock()
			m.said = append(m.said, fmt.Sprintf("%s %d %v", name, s.checkPoint, s.waitHint))
		},
		log: func(s severity, text string) { m.log = append(m.log, fmt.Sprintf("%d %s", s, text)) }}
	go func() { m.code <- h.execute(m.controls) }()
	synctest.Wait()
	return m
}

func (m *manager) expect(want ...string) {
	m.t.Helper()
	if got := m.heard(); !slices.Equal(got, want) {
		m.t.Errorf("got  %q\nwant %q", got, want)
	}
}

// heard returns what was said since it was asked last.
func (m *manager) heard() []string {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	said := m.said
	m.said = nil
	return said
}

func TestLongStartAndLongDrainAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, Options{WaitHint: 15 * time.Second})
		m.expect("START_PENDING 1 15s")
		time.Sleep(time.Minute)
		m.expect() // nothing is known of its health: nothing is said
		m.notifier.Progress("waits for the lock", time.Minute)
		m.expect("START_PENDING 2 1m30s")
		m.controls <- interrogate
		m.expect("START_PENDING 2 1m30s")
		m.notifier.Ready()
		m.expect("RUNNING 0 0s")
		m.notifier.Progress("works", time.Minute)
		m.expect()
		m.controls <- stopNow
		m.expect("STOP_PENDING 1 15s")
		if !m.asked {
			t.Error("the program was not asked to stop")
		}
		m.notifier.Ready() // too late
		m.notifier.Progress("drains", 30*time.Second)
		m.expect("STOP_PENDING 2 45s")
		m.controls <- stopNow
		m.expect("STOP_PENDING 2 45s")
		m.release <- nil
		if code := <-m.code; code != 0 {
			t.Errorf("exit code %d", code)
		}
		if got := strings.Join(m.log, ","); got != "0 agent starts,0 agent is ready,0 agent is asked to stop,0 agent has stopped" {
			t.Errorf("log: %s", got)
		}
	})
}

func TestCheckpointsGrowWithHealthAndStopWhenItHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, Options{WaitHint: 15 * time.Second})
		m.expect("START_PENDING 1 15s")
		var ill, hangs atomic.Bool
		m.notifier.Healthy(func(ctx context.Context) error {
			if hangs.Load() {
				<-ctx.Done()
			}
			if ill.Load() {
				return errors.New("ill")
			}
			return nil
		})
		time.Sleep(11 * time.Second)
		m.expect("START_PENDING 2 15s", "START_PENDING 3 15s")
		ill.Store(true)
		time.Sleep(time.Minute)
		m.expect()
		ill.Store(false)
		hangs.Store(true)
		m.controls <- stopNow
		m.expect("STOP_PENDING 1 15s")
		time.Sleep(14 * time.Second)
		m.expect()
		hangs.Store(false)
		time.Sleep(16 * time.Second)
		if len(m.heard()) == 0 {
			t.Error("it answers again, and nothing is said")
		}
		m.release <- nil
		<-m.code
	})
}

// A program that announces less than the hint would be taken for hung by its next slow step.
func TestHintIsNeverShorterThanConfigured(t *testing.T) {
	l := newLedger(false, 30*time.Second)
	for next, want := range map[time.Duration]time.Duration{time.Second: 30 * time.Second, 0: 30 * time.Second, time.Minute: 90 * time.Second} {
		if !l.progress(next) || l.waitHint != want {
			t.Errorf("after %v: %v, want %v", next, l.waitHint, want)
		}
	}
}

func TestErrorIsLoggedWithTheExitCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, Options{ReadyAtStart: true, ExitCode: func(err error) int {
			if err == nil {
				return 0
			}
			return 78
		}})
		m.expect("RUNNING 0 0s")
		m.release <- errors.New("no such queue manager")
		if code := <-m.code; code != 78 {
			t.Errorf("exit code %d", code)
		}
		if last := m.log[len(m.log)-1]; last != "1 agent ended with exit code 78: no such queue manager" {
			t.Errorf("log: %s", last)
		}
	})
}

func TestDefaultExitCodes(t *testing.T) {
	code := Options{}.withDefaults().ExitCode
	if code(nil) != 0 || code(errors.New("any")) != 1 {
		t.Error("0 for nil and 1 for an error")
	}
}
