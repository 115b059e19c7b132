package mqconn

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// A connection that does not close is left behind and counted, and the next one is not kept waiting by it for longer than
// a call may take that has begun.
func TestCloseThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		m := &manager{call: func(tr *transport, v Verb, _ string) error {
			switch {
			case v == VerbDisconnect && tr.number == 1:
				<-release
			case v == VerbPut && tr.number == 1:
				return fault(v, mqrc.ConnectionBroken)
			}
			return nil
		}}
		c := newConnector(t, Config{Dialer: m})
		begun := time.Now()
		err := c.Run(t.Context(), func(ctx context.Context, s *Session) error {
			if s.Generation() == 2 {
				if n, took := c.Status().Stuck, time.Since(begun); n != 1 || took > grace+time.Second {
					t.Errorf("connected again after %v with %d calls stuck", took, n)
				}
				return errDone
			}
			return open(t, ctx, s, true).Put(ctx, Address{Queue: "Q"}, &Message{})
		})
		close(release)
		synctest.Wait()
		if err != errDone || c.Status().Stuck != 0 || m.connections() != 0 {
			t.Errorf("%v, status %+v, %d connections", err, c.Status(), m.connections())
		}
	})
}

// Whatever Run is doing, the end of its context ends it, within what a call that has begun may still take, and no
// goroutine is left: the bubble would not end.
func TestContextEndsRunInEveryPhase(t *testing.T) {
	away := func(context.Context, DialOptions, int) error { return fault(VerbConnect, mqrc.HostNotAvailable) }
	untilCancelled := func(ctx context.Context, s *Session) error { <-ctx.Done(); return errDone }
	for _, c := range []struct {
		name    string
		dial    func(release <-chan struct{}) func(context.Context, DialOptions, int) error
		call    func(release <-chan struct{}, v Verb) error
		fn      func(ctx context.Context, s *Session) error
		within  time.Duration
		fnError bool // what fn returned is what Run returns
	}{
		{name: "dialing", within: 0, dial: func(<-chan struct{}) func(context.Context, DialOptions, int) error {
			return func(ctx context.Context, _ DialOptions, _ int) error { <-ctx.Done(); return ctx.Err() }
		}},
		{name: "dialing, deaf", within: MaxSlice, dial: func(release <-chan struct{}) func(context.Context, DialOptions, int) error {
			return func(context.Context, DialOptions, int) error { <-release; return nil }
		}},
		{name: "waiting", within: 0, dial: func(<-chan struct{}) func(context.Context, DialOptions, int) error { return away }},
		{name: "live", within: 0, fn: untilCancelled, fnError: true},
		{name: "live, in a get", within: MaxSlice, fnError: true, fn: func(ctx context.Context, s *Session) error {
			conn, _ := s.Open(ctx, "test", true)
			return errors.Join(errDone, conn.Get(ctx, "Q", &Message{}, GetOptions{Wait: -1}))
		}},
		{name: "live, in a put that hangs", within: grace, fnError: true, fn: func(ctx context.Context, s *Session) error {
			conn, _ := s.Open(ctx, "test", true)
			return errors.Join(errDone, conn.Put(ctx, Address{Queue: "Q"}, &Message{}))
		}, call: func(release <-chan struct{}, v Verb) error {
			if v == VerbPut {
				<-release
			}
			return errEmptyFor(v)
		}},
		{name: "live, opening", within: 0, fnError: true, fn: func(ctx context.Context, s *Session) error {
			_, _ = s.Open(ctx, "first", true)
			_, err := s.Open(ctx, "no place", true)
			return errors.Join(errDone, err)
		}, dial: func(<-chan struct{}) func(context.Context, DialOptions, int) error {
			return func(_ context.Context, o DialOptions, _ int) error {
				if o.Role == "no place" {
					return fault(VerbConnect, mqrc.MaxConnsLimitReached)
				}
				return nil
			}
		}},
		{name: "ending", within: time.Hour, fn: func(ctx context.Context, s *Session) error {
			conn, _ := s.Open(ctx, "test", true)
			err := conn.Commit(ctx)
			time.Sleep(time.Hour) // fn ignores its ctx, and Run waits for it
			return err
		}, call: func(_ <-chan struct{}, v Verb) error {
			if v == VerbCommit {
				return fault(v, mqrc.ConnectionBroken)
			}
			return errEmptyFor(v)
		}},
		{name: "closing", within: grace, fn: untilCancelled, fnError: true, call: func(release <-chan struct{}, v Verb) error {
			if v == VerbDisconnect {
				<-release
			}
			return errEmptyFor(v)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				m := &manager{call: func(_ *transport, v Verb, _ string) error { return errEmptyFor(v) }}
				if c.dial != nil {
					m.dial = c.dial(release)
				}
				if c.call != nil {
					m.call = func(_ *transport, v Verb, _ string) error { return c.call(release, v) }
				}
				const after = 1700 * time.Millisecond
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				begun := time.Now()
				connector := newConnector(t, Config{Dialer: m, Min: FTERetry, CallLimit: -1, DialLimit: -1})
				err := connector.Run(ctx, c.fn)
				if took := time.Since(begun) - after; took < 0 || took > c.within {
					t.Errorf("Run ended %v after its context", took)
				}
				if c.fnError != errors.Is(err, errDone) || !c.fnError && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Run returned %v", err)
				}
				close(release)
				synctest.Wait()
				if n := m.connections(); n != 0 || connector.Status().Stuck != 0 {
					t.Errorf("%d connections are left, status %+v", n, connector.Status())
				}
				if err := connector.Run(ctx, c.fn); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Run under a context that has ended returned %v", err)
				}
			})
		})
	}
}

// lyingDialer says that all is well and gives nothing, a few times.
type lyingDialer struct {
	manager
	lies int
}

func (d *lyingDialer) Dial(ctx context.Context, o DialOptions) (Transport, error) {
	if d.lies--; d.lies >= 0 {
		return nil, nil
	}
	return d.manager.Dial(ctx, o)
}

func TestDialerThatGivesNothingIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		c := newConnector(t, Config{Dialer: &lyingDialer{lies: 2}, OnEvent: r.add})
		err := c.Run(t.Context(), func(ctx context.Context, s *Session) error { return open(t, ctx, s, true).Commit(ctx) })
		if want := []EventKind{DialFailed, DialFailed, Connected}; err != nil || !slices.Equal(r.kinds(), want) {
			t.Fatalf("%v, events %v", err, r.kinds())
		}
		if e := asError(t, r.all()[0].Err); e.Class != Retry || !errors.Is(e, errNothingDialled) {
			t.Errorf("%v, class %v", e, e.Class)
		}
	})
}

// A panic of the program's function goes where it would, and takes the connections with it.
func TestPanicOfTheFunctionGivesTheConnectionsBack(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := &manager{call: func(_ *transport, v Verb, _ string) error {
				if lost && v == VerbPut {
					return fault(v, mqrc.ConnectionBroken)
				}
				return nil
			}}
			c := newConnector(t, Config{Dialer: m})
			run := func(end func()) {
				defer func() { _ = recover() }()
				_ = c.Run(t.Context(), func(ctx context.Context, s *Session) error {
					_ = open(t, ctx, s, true).Put(ctx, Address{Queue: "Q"}, &Message{})
					end()
					return nil
				})
				t.Error("Run returned")
			}
			run(func() { panic("a defect of the program") })
			exited := make(chan struct{})
			go func() {
				defer close(exited)
				run(runtime.Goexit)
			}()
			<-exited
			if n := m.connections(); n != 0 || len(m.records()) != 2 {
				t.Errorf("%d connections are left of %d", n, len(m.records()))
			}
			if err := c.Run(t.Context(), func(context.Context, *Session) error { return errDone }); err != errDone {
				t.Errorf("the next Run: %v", err)
			}
		})
	}
}

// panicVariable makes this test's process the program whose Dialer panics.
const panicVariable = "MQCONN_TEST_PANIC"

func TestPanicOfADialerEndsTheProcess(t *testing.T) {
	if os.Getenv(panicVariable) != "" {
		m := &manager{dial: func(context.Context, DialOptions, int) error { panic("a defect of the Dialer") }}
		_ = newConnector(t, Config{Dialer: m}).Run(t.Context(), nil)
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), panicVariable+"=1")
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || !strings.Contains(string(out), "panic: a defect of the Dialer") {
		t.Errorf("%v\n%s", err, out)
	}
}
