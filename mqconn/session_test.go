package mqconn

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// within runs fn once in a session of m, in a bubble, and returns what Run returned.
func within(t *testing.T, m *manager, c Config, fn func(ctx context.Context, s *Session) error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c.Dialer, c.Repeatable = m, true
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
				err = errors.Join(conn.Put(ctx, Address{Queue: "Q"}, &Message{}), conn.Commit(ctx))
			}
			ended := ctx.Err() != nil
			e := asError(t, err)
			if e.Class != c.class || ended != c.ends || e.EndsSession() != c.ends {
				t.Errorf("%s with %v: class %v, session ended %v", c.verb, c.reason, e.Class, ended)
			}
			if ended && context.Cause(ctx) != error(e) {
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
		synctest.Wait()
		if n := s.c.Status().Connections; n != 0 {
			t.Errorf("%d connections are counted after the end", n)
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
