package mqconn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// crowded lets the first connection in, and refuses n others with reason.
func crowded(reason mqrc.Reason, n int) *manager {
	m := &manager{}
	m.dial = func(_ context.Context, o DialOptions, _ int) error {
		if o.Role != firstRole && n != 0 {
			n--
			return fault(VerbConnect, reason)
		}
		return nil
	}
	return m
}

func TestConnectionThatFindsNoPlaceWaitsAndTheSessionLives(t *testing.T) {
	for _, reason := range []mqrc.Reason{mqrc.MaxConnsLimitReached, mqrc.ChannelNotAvailable} {
		r := &recorder{}
		m := crowded(reason, 5)
		within(t, m, Config{OnEvent: r.add}, func(ctx context.Context, s *Session) error {
			in := open(t, ctx, s, true)
			begun := time.Now()
			open(t, ctx, s, false)
			if took := time.Since(begun); took != 5*defaultMax || ctx.Err() != nil {
				t.Errorf("%v: took %v, session ended %v", reason, took, ctx.Err())
			}
			return in.Commit(ctx)
		})
		refused := 0
		for _, e := range r.all() {
			if e.Kind == DialFailed && e.Generation == 1 && e.NextTry == defaultMax && asError(t, e.Err).Class == Throttle {
				refused++
			}
		}
		if refused != 5 {
			t.Errorf("%v: %d events", reason, refused)
		}
	}
}

func TestConnectionThatNeverFindsAPlaceEndsTheSession(t *testing.T) {
	within(t, crowded(mqrc.MaxConnsLimitReached, -1), Config{}, func(ctx context.Context, s *Session) error {
		begun := time.Now()
		_, err := s.Open(ctx, "second", false)
		if e := asError(t, err); e.Reason != mqrc.MaxConnsLimitReached || ctx.Err() == nil {
			t.Errorf("%v, session %v", err, ctx.Err())
		}
		if took := time.Since(begun); took > defaultDialLimit || took < defaultDialLimit-2*defaultMax {
			t.Errorf("after %v", took)
		}
		return nil
	})
}

func TestContextEndsTheWaitForAPlaceAndTheSessionLives(t *testing.T) {
	within(t, crowded(mqrc.ChannelNotAvailable, -1), Config{}, func(ctx context.Context, s *Session) error {
		short, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := s.Open(short, "second", false)
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil || time.Since(begun) != 1500*time.Millisecond {
			t.Errorf("%v after %v, session %v", err, time.Since(begun), ctx.Err())
		}
		return open(t, ctx, s, true).Commit(ctx)
	})
}

// IT42017: an agent of IBM MQ ended because one open found no handle (2017). Here only that call fails.
func TestShortageOfHandlesFailsOneCallAloneIT42017(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := true
		m := &manager{call: func(_ *transport, v Verb, _ string) error {
			if v == VerbPut && short {
				short = false
				return fault(VerbOpen, mqrc.HandleNotAvailable)
			}
			return nil
		}}
		err := newConnector(t, Config{Dialer: m}).Run(t.Context(), func(ctx context.Context, s *Session) error {
			conn := open(t, ctx, s, true)
			first := conn.Put(ctx, Address{Queue: "Q"}, &Message{})
			if e := asError(t, first); e.Class != Throttle || e.EndsSession() {
				t.Errorf("%v, class %v", first, e.Class)
			}
			return errors.Join(conn.Put(ctx, Address{Queue: "Q"}, &Message{}), conn.Commit(ctx), errDone)
		})
		if !errors.Is(err, errDone) || len(m.records()) != 1 {
			t.Errorf("%v after %d dials", err, len(m.records()))
		}
	})
}
