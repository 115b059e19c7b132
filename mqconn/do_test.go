package mqconn

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

func TestDoIsACallLikeTheOthers(t *testing.T) {
	m := &manager{}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		var got Transport
		if err := conn.Do(ctx, VerbGet, "Q", func(tr Transport) error { got = tr; return ErrNoMessage }); err != ErrNoMessage {
			t.Errorf("Do: %v", err)
		}
		if got != Transport(m.made[0]) {
			t.Errorf("it got %v", got)
		}
		throttled := conn.Do(ctx, VerbPut1, "Q", func(Transport) error { return fault(VerbPut1, mqrc.QFull) })
		if e := asError(t, throttled); e.Class != Throttle || e.Queue != "Q" || ctx.Err() != nil {
			t.Errorf("got %+v", e)
		}
		unknown := conn.Do(ctx, VerbCommit, "", func(Transport) error { return fault("", mqrc.ConnectionBroken) })
		if e := asError(t, unknown); e.Class != OutcomeUnknown || e.Verb != VerbCommit || ctx.Err() == nil {
			t.Errorf("got %+v, and the session is as before", e)
		}
		called := false
		if err := conn.Do(ctx, VerbGet, "Q", func(Transport) error { called = true; return nil }); !errors.Is(err, ErrSessionEnded) || called {
			t.Errorf("after the end: %v, called %t", err, called)
		}
		return nil
	})
}

// An idle connection is probed by a commit, which would commit what Do has put.
func TestUnitOfWorkOfDoIsNotCommittedByAProbe(t *testing.T) {
	for _, c := range []struct {
		verb Verb
		err  error
		open bool
	}{
		{VerbPut, nil, true}, {VerbPut1, nil, true}, {VerbPut1, fault(VerbPut1, mqrc.QFull), true}, {VerbGet, nil, true},
		{VerbGet, ErrNoMessage, false}, {VerbOpen, nil, false},
	} {
		for _, end := range []Verb{VerbCommit, VerbBackout} {
			var probes atomic.Int32
			m := &manager{call: func(_ *transport, v Verb, _ string) error {
				if v == VerbCommit {
					probes.Add(1)
				}
				return nil
			}}
			within(t, m, Config{}, func(ctx context.Context, s *Session) error {
				conn := open(t, ctx, s, true)
				_ = conn.Do(ctx, c.verb, "Q", func(Transport) error { return c.err })
				time.Sleep(time.Minute)
				if n := probes.Swap(0); (n == 0) != c.open {
					t.Errorf("%s, %v: %d probes", c.verb, c.err, n)
				}
				if err := conn.Do(ctx, end, "", func(Transport) error { return nil }); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute)
				if probes.Load() == 0 {
					t.Errorf("%s, then %s: not probed", c.verb, end)
				}
				return nil
			})
		}
	}
}

func TestDoThatDoesNotReturnIsGivenUp(t *testing.T) {
	m := &manager{}
	within(t, m, Config{CallLimit: time.Minute}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		release := make(chan struct{})
		defer close(release)
		err := conn.Do(ctx, VerbGet, "Q", func(Transport) error { <-release; return nil })
		if !errors.Is(err, ErrStuck) || ctx.Err() == nil {
			t.Errorf("got %v", err)
		}
		return nil
	})
}

func TestDoMayWaitForASliceOnTopOfItsLimit(t *testing.T) {
	within(t, &manager{}, Config{CallLimit: time.Millisecond}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		err := conn.Do(ctx, VerbGet, "Q", func(Transport) error { time.Sleep(MaxSlice); return ErrNoMessage })
		if err != ErrNoMessage {
			t.Errorf("got %v", err)
		}
		return nil
	})
}
