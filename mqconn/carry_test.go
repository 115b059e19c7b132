package mqconn

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// orders is a program that puts one order, and asks its receiver, over MQ, when it is told of an unknown outcome. The commit of
// generation 1 breaks, and the question of generation 2.
type orders struct {
	manager
	generation uint64
	puts       int
	told       []*Error // of each generation
}

func newOrders() *orders {
	o := &orders{}
	o.call = func(_ *transport, v Verb, _ string) error {
		if v == VerbCommit && o.generation == 1 || v == VerbGet && o.generation == 2 {
			return fault(v, mqrc.ConnectionBroken)
		}
		return nil
	}
	return o
}

func (o *orders) run(t *testing.T) func(ctx context.Context, s *Session) error {
	return func(ctx context.Context, s *Session) error {
		o.generation = s.Generation()
		o.told = append(o.told, s.Unknown())
		conn := open(t, ctx, s, true)
		if s.Unknown() != nil {
			if err := conn.Get(ctx, "REPLY", &Message{}, GetOptions{}); err != nil {
				return err
			}
			return errDone // the order has arrived
		}
		o.puts++
		if err := conn.Put(ctx, Address{Queue: "ORDERS"}, &Message{}); err != nil {
			return err
		}
		return errors.Join(conn.Commit(ctx), errDone)
	}
}

// The Session that was told is lost before the answer has come. Once only the Session before was remembered, and the one after
// put the order again.
func TestUnknownOutcomeIsToldAgainWhenTheSessionThatWasToldIsLost(t *testing.T) {
	for _, repeatable := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			o := newOrders()
			c := newConnector(t, Config{Dialer: o, Repeatable: repeatable})
			err := c.Run(t.Context(), o.run(t))
			if !repeatable {
				if e := asError(t, err); e.Class != OutcomeUnknown || o.generation != 1 {
					t.Errorf("%v after %d generations", err, o.generation)
				}
				err = c.Run(t.Context(), o.run(t))
			}
			if !errors.Is(err, errDone) || o.generation != 3 || o.puts != 1 || o.told[1] == nil || o.told[2] != o.told[1] {
				t.Errorf("repeatable %v: %v, the order was put %d times, told %v", repeatable, err, o.puts, o.told)
			}
			// It has returned with its Session whole: what it was told of is over.
			o.generation = 0
			if err := c.Run(t.Context(), o.run(t)); !errors.Is(err, errDone) || o.puts != 2 || o.told[3] != nil {
				t.Errorf("after the answer: %v, put %d times, told %v", err, o.puts, o.told[3])
			}
		})
	}
}

// endsUnseen is a context that has ended, and whose Done has not told yet: the dial that succeeds meanwhile comes first.
type endsUnseen struct {
	context.Context
	ended atomic.Bool
}

func (c *endsUnseen) Err() error {
	if c.ended.Load() {
		return context.Canceled
	}
	return nil
}

// Run's ctx ends in the moment in which its dial succeeds. The Session that is made then is seen by nobody, and nobody is told.
func TestUnknownOutcomeSurvivesARunThatEndsWhileItDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ends endsUnseen
		o := newOrders()
		o.name = func(DialOptions) string { ends.ended.Store(true); return "QM1" }
		c := newConnector(t, Config{Dialer: o})
		first := asError(t, c.Run(t.Context(), o.run(t)))
		ends.Context = t.Context()
		ends.ended.Store(false)
		err := c.Run(&ends, func(context.Context, *Session) error { t.Error("called"); return nil })
		if !errors.Is(err, context.Canceled) || c.Status().Generation != 2 {
			t.Errorf("%v, %d generations", err, c.Status().Generation)
		}
		_ = c.Run(t.Context(), func(_ context.Context, s *Session) error {
			if s.Unknown() != first || s.Generation() < 3 {
				t.Errorf("generation %d is told of %v", s.Generation(), s.Unknown())
			}
			return nil
		})
	})
}

// The commit of another goroutine of the function is under way when the function returns, and breaks, or never returns, before
// the connections are closed.
func TestUnknownOutcomeAfterTheFunctionHasReturned(t *testing.T) {
	for _, lasts := range []time.Duration{time.Second, time.Hour} {
		for _, lost := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				m := &manager{call: func(_ *transport, v Verb, _ string) error {
					switch v {
					case VerbGet:
						return fault(v, mqrc.ConnectionBroken)
					case VerbCommit:
						time.Sleep(lasts)
						return fault(v, mqrc.ConnectionBroken)
					}
					return nil
				}}
				c := newConnector(t, Config{Dialer: m})
				calls := 0
				err := c.Run(t.Context(), func(ctx context.Context, s *Session) error {
					if calls++; calls == 2 {
						t.Errorf("called again, told of %v", s.Unknown())
						return errDone
					}
					in, out := open(t, ctx, s, true), open(t, ctx, s, true)
					if err := out.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
						t.Error(err)
					}
					go func() { _ = out.Commit(ctx) }()
					synctest.Wait()
					if lost {
						return in.Get(ctx, "IN", &Message{}, GetOptions{})
					}
					return errDone
				})
				var e *Error
				if lost && (!errors.As(err, &e) || e.Class != OutcomeUnknown) || !lost && err != errDone {
					t.Errorf("commit of %v, session lost %v: %v", lasts, lost, err)
				}
				_ = c.Run(t.Context(), func(_ context.Context, s *Session) error {
					if s.Unknown() == nil || s.Unknown().Verb != VerbCommit {
						t.Errorf("commit of %v, session lost %v: the next Run is told of %v", lasts, lost, s.Unknown())
					}
					return nil
				})
				time.Sleep(2 * time.Hour) // the call comes back
			})
		}
	}
}

// A function that goes on with other work says when it has found out. Until then each Session is told, and of the oldest; after
// it of what came later.
func TestUnknownOutcomeIsToldUntilTheFunctionSaysThatItIsResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []*Error
		m := &manager{call: func(_ *transport, v Verb, _ string) error {
			if g := len(told); v == VerbGet || v == VerbCommit && (g == 1 || g == 2 || g == 4) {
				return fault(v, mqrc.ConnectionBroken)
			}
			return nil
		}}
		var failed [7]error
		_ = newConnector(t, Config{Dialer: m, Repeatable: true}).Run(t.Context(), func(ctx context.Context, s *Session) error {
			told = append(told, s.Unknown())
			g := len(told)
			if g == len(failed)-1 {
				return errDone
			}
			if g == 4 {
				s.Resolved()
			}
			conn := open(t, ctx, s, true)
			if err := conn.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
				t.Error(err)
			}
			if failed[g] = conn.Commit(ctx); failed[g] != nil {
				return failed[g]
			}
			return conn.Get(ctx, "IN", &Message{}, GetOptions{}) // lost, and no outcome unknown
		})
		if len(told) != 6 || told[0] != nil {
			t.Fatalf("told %v", told)
		}
		for g, want := range []error{1: failed[1], 2: failed[1], 3: failed[1], 4: failed[4], 5: failed[4]} {
			if want != nil && error(told[g]) != want {
				t.Errorf("generation %d is told of %v, want %v", g+1, told[g], want)
			}
		}
	})
}
