package mqconn

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// within runs fn once in a session of m, in a bubble, and returns what Run returned.
func within(t *testing.T, m *manager, c Config, fn func(ctx context.Context, s *Session) error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c.Dialer = m
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		called := false
		err := newConnector(t, c).Run(ctx, func(ctx context.Context, s *Session) error {
			if called {
				cancel(errDone)
				return errDone
			}
			called = true
			return fn(ctx, s)
		})
		if err != nil && !errors.Is(err, errDone) {
			t.Errorf("Run: %v", err)
		}
		if n := m.connections(); n != 0 {
			t.Errorf("%d connections left open", n)
		}
	})
}

func TestFirstTransactedOpenReturnsTheConnectionThatRunDialled(t *testing.T) {
	m := &manager{}
	within(t, m, Config{Endpoints: []string{"a(1414)"}}, func(ctx context.Context, s *Session) error {
		open(t, ctx, s, false)
		open(t, ctx, s, true)
		open(t, ctx, s, true)
		return nil
	})
	var got []DialOptions
	for _, d := range m.records() {
		got = append(got, d.DialOptions)
	}
	want := []DialOptions{{"a(1414)", firstRole, true}, {"a(1414)", "test", false}, {"a(1414)", "test", true}}
	if !slices.Equal(got, want) {
		t.Errorf("dialled %+v", got)
	}
}

func TestErrorHasEndedTheSessionBeforeTheCallReturns(t *testing.T) {
	for _, c := range []struct {
		verb   Verb
		reason mqrc.Reason
		class  Class
		ends   bool
	}{
		{VerbPut, mqrc.ConnectionBroken, BackedOut, true},
		{VerbGet, mqrc.ConnectionBroken, Retry, true},
		{VerbCommit, mqrc.ConnectionBroken, OutcomeUnknown, true},
		{VerbCommit, mqrc.BackedOut, BackedOut, true},
		{VerbGet, mqrc.QMgrQuiescing, Retry, true},
		{VerbPut, mqrc.QFull, Throttle, false},
		{VerbGet, mqrc.GetInhibited, Throttle, false},
		{VerbPut, mqrc.UnknownRemoteQMgr, MessageFault, false},
		{VerbGet, mqrc.TruncatedMsgFailed, MessageFault, false},
		{VerbGet, mqrc.NotAuthorized, Fatal, false},
	} {
		m := &manager{call: func(_ *transport, v Verb, _ string) error {
			if v == c.verb {
				return fault(v, c.reason)
			}
			return nil
		}}
		within(t, m, Config{}, func(ctx context.Context, s *Session) error {
			conn := open(t, ctx, s, true)
			var err error
			switch c.verb {
			case VerbPut:
				err = conn.Put(ctx, Address{Queue: "Q"}, &Message{})
			case VerbGet:
				err = conn.Get(ctx, "Q", &Message{}, GetOptions{Wait: -1})
			case VerbCommit:
				err = conn.Commit(ctx)
			}
			ended := ctx.Err() != nil
			e := asError(t, err)
			if e.Class != c.class || ended != c.ends || e.EndsSession() != c.ends {
				t.Errorf("%s with %v: class %v, session ended %v", c.verb, c.reason, e.Class, ended)
			}
			if ended && context.Cause(ctx) != err {
				t.Errorf("cause %v is not the error", context.Cause(ctx))
			}
			if !ended && conn.Backout(ctx) != nil {
				t.Error("the session should live")
			}
			return nil
		})
	}
}

func TestLossOfOneConnectionEndsAllAndFreesTheirHandles(t *testing.T) {
	m := &manager{call: func(tr *transport, v Verb, _ string) error {
		switch {
		case v == VerbPut && tr.number == 2:
			return fault(v, mqrc.ConnectionBroken)
		case v == VerbGet:
			return errEmpty
		}
		return nil
	}}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		in, out := open(t, ctx, s, true), open(t, ctx, s, false)
		got := make(chan error, 1)
		go func() { got <- in.Get(context.Background(), "IN", &Message{}, GetOptions{Wait: -1}) }()
		lost := asError(t, out.Put(ctx, Address{Queue: "Q"}, &Message{}))
		if lost.Class != OutcomeUnknown {
			t.Errorf("a put outside a unit of work: %v", lost)
		}
		begun := time.Now()
		err := asError(t, <-got)
		if took := time.Since(begun); took > MaxSlice {
			t.Errorf("the waiting get ended after %v", took)
		}
		if !errors.Is(err, ErrSessionEnded) || !errors.Is(err, lost) || err.Class != Retry || err.Reason != mqrc.ConnectionBroken {
			t.Errorf("error of the call that was not made: %v, class %v", err, err.Class)
		}
		if _, err := s.Open(ctx, "late", true); !errors.Is(err, ErrSessionEnded) {
			t.Errorf("Open after the end: %v", err)
		}
		synctest.Wait()
		if m.connections() != 0 {
			t.Error("handles still open although the session has ended")
		}
		return nil
	})
}

func TestContextEndsAWaitWithinOneSlice(t *testing.T) {
	m := &manager{}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second+300*time.Millisecond)
		defer cancel()
		begun := time.Now()
		err := conn.Get(ctx, "Q", &Message{}, GetOptions{Wait: -1})
		if took := time.Since(begun); took != 11*time.Second {
			t.Errorf("ended after %v", took)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		return conn.Commit(context.Background()) // the session lives
	})
}

func TestWaitOfAnyLengthIsSliced(t *testing.T) {
	m := &manager{}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		for _, wait := range []time.Duration{0, time.Millisecond, time.Second, 2500 * time.Millisecond} {
			begun := time.Now()
			if err := conn.Get(ctx, "Q", &Message{}, GetOptions{Wait: wait}); err != ErrNoMessage {
				t.Error(err)
			}
			if took := time.Since(begun); took != wait {
				t.Errorf("waited %v, want %v", took, wait)
			}
		}
		return nil
	})
}

func TestNoMessageIsNotAFaultHoweverATransportSaysIt(t *testing.T) {
	m := &manager{call: func(_ *transport, v Verb, _ string) error { return fault(v, mqrc.NoMsgAvailable) }}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		if err := conn.Get(ctx, "Q", &Message{}, GetOptions{}); err != ErrNoMessage {
			t.Errorf("Get: %v", err)
		}
		if err := conn.Browse(ctx, "Q", &Message{}, true); err != ErrNoMessage {
			t.Errorf("Browse: %v", err)
		}
		return nil
	})
}

func TestOldConnectionsAreClosedBeforeNewOnesAreDialled(t *testing.T) {
	m := &manager{call: func(tr *transport, v Verb, _ string) error {
		switch v {
		case VerbDisconnect:
			time.Sleep(time.Second)
		case VerbPut:
			return fault(v, mqrc.ConnectionBroken)
		}
		return nil
	}}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		open(t, ctx, s, false)
		open(t, ctx, s, false)
		_ = open(t, ctx, s, true).Put(ctx, Address{Queue: "Q"}, &Message{})
		return nil
	})
	for _, d := range m.records() {
		if d.Role == firstRole && d.open != 0 {
			t.Errorf("dialled with %d old connections open", d.open)
		}
	}
	if len(m.records()) != 4 {
		t.Errorf("%d dials", len(m.records()))
	}
}

// The result of a call that was given up comes back when the next generation is at work. Nobody may
// see it, and the old connection must be closed.
func TestResultOfAnOldGenerationReachesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		m := &manager{call: func(tr *transport, v Verb, _ string) error {
			if tr.number == 1 && v == VerbGet {
				<-release
				return nil // a message, at last
			}
			return nil
		}}
		r := &recorder{}
		c := newConnector(t, Config{Dialer: m, OnEvent: r.add, CallLimit: 10 * time.Second})
		err := c.Run(t.Context(), func(ctx context.Context, s *Session) error {
			conn := open(t, ctx, s, true)
			if s.Generation() == 2 {
				if n := c.Status().Stuck; n != 1 {
					t.Errorf("%d stuck calls counted", n)
				}
				close(release)
				synctest.Wait()
				if n := c.Status().Stuck; n != 0 || m.connections() != 1 {
					t.Errorf("%d stuck calls and %d connections after it returned", n, m.connections())
				}
				return conn.Commit(ctx)
			}
			begun := time.Now()
			err := conn.Get(ctx, "Q", &Message{}, GetOptions{Wait: MaxSlice})
			if took := time.Since(begun); took != 11*time.Second {
				t.Errorf("given up after %v", took)
			}
			if e := asError(t, err); !errors.Is(err, ErrStuck) || e.Class != Retry || ctx.Err() == nil {
				t.Errorf("%v, class %v", err, e.Class)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			return err
		})
		if want := []EventKind{Connected, CallStuck, ConnectionLost, Connected}; err != nil || !slices.Equal(r.kinds(), want) {
			t.Errorf("%v, events %v", err, r.kinds())
		}
	})
}

func TestClassOfAStuckCallIsThatOfABrokenConnection(t *testing.T) {
	for _, c := range []struct {
		verb       Verb
		transacted bool
		class      Class
	}{
		{VerbCommit, true, OutcomeUnknown}, {VerbPut, true, BackedOut}, {VerbPut, false, OutcomeUnknown},
	} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			m := &manager{call: func(_ *transport, v Verb, _ string) error {
				if v == c.verb {
					<-release
				}
				return nil
			}}
			_ = newConnector(t, Config{Dialer: m, CallLimit: time.Second}).Run(t.Context(), func(ctx context.Context, s *Session) error {
				if s.Generation() == 2 {
					return nil
				}
				conn := open(t, ctx, s, c.transacted)
				err := conn.Put(ctx, Address{Queue: "Q"}, &Message{})
				if c.verb == VerbCommit {
					err = conn.Commit(ctx)
				}
				if e := asError(t, err); e.Class != c.class || !errors.Is(err, ErrStuck) {
					t.Errorf("%s: %v, class %v", c.verb, err, e.Class)
				}
				return nil
			})
			close(release)
		})
	}
}

// A call under way when its context ends has a little time left, because it mostly succeeds, and then
// its result counts. After that it is given up.
func TestCallUnderWayWhenItsContextEnds(t *testing.T) {
	for _, c := range []struct {
		lasts time.Duration
		stuck bool
	}{{1500 * time.Millisecond, false}, {time.Hour, true}} {
		m := &manager{call: func(tr *transport, v Verb, _ string) error {
			if v == VerbPut {
				time.Sleep(c.lasts)
			}
			return nil
		}}
		within(t, m, Config{CallLimit: -1}, func(ctx context.Context, s *Session) error {
			conn := open(t, ctx, s, true)
			begun := time.Now()
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			err := conn.Put(short, Address{Queue: "Q"}, &Message{})
			if c.stuck != errors.Is(err, ErrStuck) || !c.stuck && err != nil || c.stuck != (ctx.Err() != nil) {
				t.Errorf("call of %v: %v", c.lasts, err)
			}
			if took := time.Since(begun); took > 100*time.Millisecond+grace {
				t.Errorf("ended after %v", took)
			}
			time.Sleep(2 * time.Hour) // the end of the stuck call
			return nil
		})
	}
}

func TestHungDialIsGivenUpAndTheNextEndpointTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		m := &manager{dial: func(_ context.Context, o DialOptions, n int) error {
			if o.Endpoint == "dead" && n == 1 {
				<-release // as a connect inside the MQ client does: deaf to the context
			}
			return nil
		}}
		r := &recorder{}
		c := newConnector(t, Config{Dialer: m, OnEvent: r.add, Endpoints: []string{"dead", "good"}})
		begun := time.Now()
		_ = c.Run(t.Context(), func(ctx context.Context, s *Session) error {
			if took := time.Since(begun); took != defaultDialLimit+MaxSlice {
				t.Errorf("connected after %v", took)
			}
			if n := c.Status().Stuck; n != 1 {
				t.Errorf("%d stuck calls", n)
			}
			close(release)
			synctest.Wait()
			if n := c.Status().Stuck; n != 0 || m.connections() != 1 {
				t.Errorf("late success: %d stuck calls, %d connections", n, m.connections())
			}
			return nil
		})
		events := r.all()
		if len(events) != 2 || !errors.Is(events[0].Err, ErrStuck) || asError(t, events[0].Err).Endpoint != "dead" {
			t.Errorf("events %+v", events)
		}
	})
}

func TestDialsThatHangForEverDoNotTakeAllThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		m := &manager{dial: func(context.Context, DialOptions, int) error { <-release; return nil }}
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		c := newConnector(t, Config{Dialer: m})
		err := c.Run(ctx, nil)
		if n := len(m.records()); n != maxStuck || c.Status().Stuck != maxStuck {
			t.Errorf("%d dials, %d stuck", n, c.Status().Stuck)
		}
		if !errors.Is(err, ErrStuck) {
			t.Error(err)
		}
		close(release)
	})
}

func TestIdleConnectionIsProbedAndItsLossNoticed(t *testing.T) {
	var broken atomic.Bool
	m := &manager{}
	m.call = func(tr *transport, v Verb, _ string) error {
		if broken.Load() && v == VerbCommit {
			return fault(v, mqrc.ConnectionBroken)
		}
		return nil
	}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, false)
		time.Sleep(time.Minute + time.Second)
		if n := m.calls(2); n != 12 {
			t.Errorf("%d calls in a minute of idleness", n)
		}
		if err := conn.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
			t.Error(err)
		}
		broken.Store(true)
		begun := time.Now()
		<-ctx.Done()
		if took := time.Since(begun); took > probeAfter {
			t.Errorf("loss noticed after %v", took)
		}
		if e := asError(t, context.Cause(ctx)); e.Class != Retry {
			t.Errorf("a probe has no outcome to be unknown: %v", e)
		}
		broken.Store(false)
		return nil
	})
}

func TestProbeNeverCommitsAnOpenUnitOfWork(t *testing.T) {
	m := &manager{}
	var commits atomic.Int32
	m.call = func(tr *transport, v Verb, _ string) error {
		if v == VerbCommit {
			commits.Add(1)
		}
		return nil
	}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		for _, work := range []func() error{
			func() error { return conn.Put(ctx, Address{Queue: "Q"}, &Message{}) },
			func() error { return conn.Get(ctx, "Q", &Message{}, GetOptions{}) },
		} {
			commits.Store(0)
			if err := work(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if n := commits.Load(); n != 0 {
				t.Errorf("%d commits that nobody asked for", n)
			}
			if err := conn.Backout(ctx); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if commits.Load() == 0 {
				t.Error("not probed after the unit of work")
			}
		}
		return nil
	})
}

func TestHoldWaitsForTheQueueEveryFiftyMilliseconds(t *testing.T) {
	var held atomic.Bool
	held.Store(true)
	asked := 0
	m := &manager{call: func(_ *transport, v Verb, _ string) error {
		if v == VerbOpen {
			if asked++; held.Load() {
				return fault(v, mqrc.ObjectInUse)
			}
		}
		return nil
	}}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		bounded, cancel := context.WithTimeout(ctx, time.Second+time.Millisecond)
		defer cancel()
		err := conn.Hold(bounded, "MQHA.A.IN")
		if e := asError(t, err); e.Class != InUse || e.Queue != "MQHA.A.IN" || !errors.Is(err, context.DeadlineExceeded) || asked != 21 {
			t.Errorf("%v after %d tries", err, asked)
		}
		time.AfterFunc(time.Second, func() { held.Store(false) })
		if err := conn.Hold(ctx, "MQHA.A.IN"); err != nil {
			t.Error(err)
		}
		return nil
	})
}

func TestOpenThatFailsEndsTheSession(t *testing.T) {
	for _, reason := range []mqrc.Reason{mqrc.NotAuthorized, mqrc.MaxConnsLimitReached, mqrc.HostNotAvailable} {
		m := &manager{dial: func(_ context.Context, o DialOptions, _ int) error {
			if o.Role != firstRole {
				return fault(VerbConnect, reason)
			}
			return nil
		}}
		within(t, m, Config{}, func(ctx context.Context, s *Session) error {
			_, err := s.Open(ctx, "out", false)
			if asError(t, err).Reason != reason || ctx.Err() == nil {
				t.Errorf("%v, session ended %v", err, ctx.Err() != nil)
			}
			return nil
		})
	}
}

func TestOpenIsBoundedByItsContextAndTheSessionLives(t *testing.T) {
	m := &manager{dial: func(ctx context.Context, o DialOptions, _ int) error {
		if o.Role != firstRole {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		bounded, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := s.Open(bounded, "out", false); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			t.Errorf("%v, session %v", err, ctx.Err())
		}
		return nil
	})
}

func TestSessionHasOneQueueManager(t *testing.T) {
	m := &manager{name: func(o DialOptions) string {
		if o.Role == firstRole {
			return "QMA"
		}
		return "QMB" // what a load balancer might do
	}}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		_, err := s.Open(ctx, "out", false)
		if asError(t, err).Class != Retry || ctx.Err() == nil {
			t.Errorf("%v, session ended %v", err, ctx.Err() != nil)
		}
		return nil
	})
}

func TestClosedConnectionLeavesTheSessionAlive(t *testing.T) {
	m := &manager{}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		a, b := open(t, ctx, s, true), open(t, ctx, s, true)
		for range 2 {
			if err := a.Close(); err != nil || m.connections() != 1 {
				t.Errorf("%v, %d connections", err, m.connections())
			}
		}
		if err := a.Commit(ctx); err != ErrClosed {
			t.Error(err)
		}
		return b.Commit(ctx)
	})
}

func TestTransportThatBreaksItsContractIsNotTrusted(t *testing.T) {
	odd := errors.New("neither a Fault nor ErrNoMessage")
	m := &manager{call: func(_ *transport, v Verb, _ string) error {
		if v == VerbGet {
			return odd
		}
		return nil
	}}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		err := open(t, ctx, s, true).Get(ctx, "Q", &Message{}, GetOptions{})
		if !errors.Is(err, odd) || asError(t, err).Class != Retry || ctx.Err() == nil {
			t.Error(err)
		}
		return nil
	})
}

// What is under way when another connection is lost, under a context that knows nothing of the
// Session, ends with it all the same.
func TestEndOfTheSessionEndsWhatIsUnderWay(t *testing.T) {
	var release chan struct{} // belongs to the bubble
	m := &manager{
		dial: func(ctx context.Context, o DialOptions, n int) error {
			if n == 4 {
				<-ctx.Done()
				return context.Cause(ctx)
			}
			return nil
		},
		call: func(tr *transport, v Verb, _ string) error {
			switch {
			case v == VerbPut && tr.number == 2:
				<-release
			case v == VerbPut:
				return fault(v, mqrc.ConnectionBroken)
			}
			return nil
		},
	}
	within(t, m, Config{CallLimit: -1, DialLimit: -1}, func(ctx context.Context, s *Session) error {
		release = make(chan struct{})
		stuck, breaks := open(t, ctx, s, false), open(t, ctx, s, false)
		put, opened := make(chan error, 1), make(chan error, 1)
		go func() { put <- stuck.Put(context.Background(), Address{Queue: "Q"}, &Message{}) }()
		go func() {
			_, err := s.Open(context.Background(), "hangs", false)
			opened <- err
		}()
		synctest.Wait()
		begun := time.Now()
		_ = breaks.Put(ctx, Address{Queue: "Q"}, &Message{})
		if err := <-opened; !errors.Is(err, ErrSessionEnded) || time.Since(begun) != 0 {
			t.Errorf("Open: %v after %v", err, time.Since(begun))
		}
		if err := <-put; !errors.Is(err, ErrStuck) || time.Since(begun) != grace {
			t.Errorf("Put: %v after %v", err, time.Since(begun))
		}
		close(release)
		return nil
	})
}

func TestConnectionInUseIsNotProbed(t *testing.T) {
	m := &manager{}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, false)
		for range 20 {
			time.Sleep(4 * time.Second)
			if err := conn.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
				return err
			}
		}
		if n := m.calls(2); n != 20 {
			t.Errorf("%d calls, 20 of them puts", n)
		}
		return nil
	})
}

// null does nothing, so that only the hand-off is measured.
type null struct{ Transport }

func (null) Put(Address, *Message) error            { return nil }
func (null) Get(string, *Message, GetOptions) error { return nil }
func (null) Commit() error                          { return nil }
func (null) Info() Info                             { return Info{} }
func (null) Close() error                           { return nil }

type nullDialer struct{}

func (nullDialer) Dial(context.Context, DialOptions) (Transport, error) { return null{}, nil }

func TestHandOffDoesNotAllocate(t *testing.T) {
	err := newConnector(t, Config{Dialer: nullDialer{}}).Run(t.Context(), func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		m := &Message{}
		work := func() {
			if conn.Put(ctx, Address{Queue: "Q"}, m) != nil || conn.Get(ctx, "Q", m, GetOptions{Wait: -1}) != nil || conn.Commit(ctx) != nil {
				t.Error("failed")
			}
		}
		if n := testing.AllocsPerRun(1000, work); n != 0 {
			t.Errorf("%v allocations for three calls", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func BenchmarkHandOff(b *testing.B) {
	b.ReportAllocs()
	c, err := New(Config{Dialer: nullDialer{}})
	if err != nil {
		b.Fatal(err)
	}
	err = c.Run(b.Context(), func(ctx context.Context, s *Session) error {
		conn, err := s.Open(ctx, "bench", true)
		if err != nil {
			return err
		}
		m := &Message{}
		for b.Loop() {
			if err := conn.Put(ctx, Address{Queue: "Q"}, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
