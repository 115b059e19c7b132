package mqconn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// breaks is a manager whose first connections break under one verb, and a program that puts one message
// and commits it, once for each generation.
func breaks(v Verb, r mqrc.Reason) *manager {
	failed := false
	return &manager{call: func(_ *transport, now Verb, _ string) error {
		if now == v && !failed {
			failed = true
			return fault(v, r)
		}
		return nil
	}}
}

func TestUnknownOutcomeIsNotRepeatedByAccident(t *testing.T) {
	for _, c := range []struct {
		name       string
		breaks     Verb
		reason     mqrc.Reason
		transacted bool
		put        bool
		unknown    bool
	}{
		{"commit", VerbCommit, mqrc.ConnectionBroken, true, true, true},
		{"commit by a stopping queue manager", VerbCommit, mqrc.QMgrStopping, true, true, true},
		{"commit of nothing", VerbCommit, mqrc.ConnectionBroken, true, false, false},
		{"commit that was backed out", VerbCommit, mqrc.BackedOut, true, true, false},
		{"put outside a unit of work", VerbPut, mqrc.ConnectionBroken, false, true, true},
		{"put that did not begin", VerbPut, mqrc.QMgrQuiescing, false, true, false},
		{"put in a unit of work", VerbPut, mqrc.ConnectionBroken, true, true, false},
		{"get outside a unit of work, whose repetition harms nobody", VerbGet, mqrc.ConnectionBroken, false, false, false},
	} {
		for _, repeatable := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				m := breaks(c.breaks, c.reason)
				var told *Error
				generations := 0
				connector := newConnector(t, Config{Dialer: m, Repeatable: repeatable})
				run := func(ctx context.Context, s *Session) error {
					generations++
					told = s.Unknown()
					conn := open(t, ctx, s, c.transacted)
					if c.put {
						if err := conn.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
							return err
						}
					}
					if c.breaks == VerbGet {
						if err := conn.Get(ctx, "Q", &Message{}, GetOptions{}); err != nil {
							return err
						}
					}
					return errors.Join(conn.Commit(ctx), errDone)
				}
				err := connector.Run(t.Context(), run)
				if !c.unknown || repeatable {
					if !errors.Is(err, errDone) || generations != 2 || (told != nil) != c.unknown {
						t.Errorf("%s, repeatable %v: %v after %d generations, told of %v", c.name, repeatable, err, generations, told)
					}
					return
				}
				e := asError(t, err)
				if e.Class != OutcomeUnknown || e.Reason != c.reason || e.Verb != c.breaks || generations != 1 {
					t.Errorf("%s: %v, class %v, after %d generations", c.name, err, e.Class, generations)
				}
				// The program that has found out goes on, and is still told.
				if err := connector.Run(t.Context(), run); !errors.Is(err, errDone) || told != e || generations != 2 {
					t.Errorf("%s, Run again: %v, told of %v", c.name, err, told)
				}
			})
		}
	}
}

// One connection finds the link broken, and that ends the session; the commit on the other is then the
// second to fail, and its outcome is as unknown as if it had been the first.
func TestUnknownOutcomeCountsAlsoWhereAnotherCallEndedTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := make(chan struct{})
		m := &manager{call: func(tr *transport, v Verb, _ string) error {
			switch v {
			case VerbGet:
				defer close(broken)
				return fault(v, mqrc.ConnectionBroken)
			case VerbCommit:
				<-broken
				synctest.Wait()
				return fault(v, mqrc.ConnectionBroken)
			}
			return nil
		}}
		err := newConnector(t, Config{Dialer: m}).Run(t.Context(), func(ctx context.Context, s *Session) error {
			in, out := open(t, ctx, s, true), open(t, ctx, s, true)
			if err := out.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
				t.Error(err)
			}
			committed := make(chan error)
			go func() { committed <- out.Commit(ctx) }()
			synctest.Wait()
			got := in.Get(ctx, "IN", &Message{}, GetOptions{})
			return errors.Join(got, <-committed)
		})
		if e := asError(t, err); e.Class != OutcomeUnknown || e.Verb != VerbCommit {
			t.Errorf("%v, class %v", err, e.Class)
		}
	})
}

// The session is lost after the commit was answered and before the function has returned. Nothing is unknown, and the
// function is called again: doc.go says so, and ExampleSession_Unknown keeps a note.
func TestFunctionIsCalledAgainWhenItsSessionIsLostAfterItsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := breaks(VerbGet, mqrc.ConnectionBroken)
		calls := 0
		err := newConnector(t, Config{Dialer: m}).Run(t.Context(), func(ctx context.Context, s *Session) error {
			if calls++; s.Unknown() != nil {
				t.Errorf("told of %v", s.Unknown())
			}
			work, other := open(t, ctx, s, true), open(t, ctx, s, true)
			if err := work.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
				t.Error(err)
			}
			if err := work.Commit(ctx); err != nil {
				t.Error(err)
			}
			_ = other.Get(ctx, "IN", &Message{}, GetOptions{})
			return nil
		})
		if err != nil || calls != 2 {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
}

// A browse takes nothing: whatever becomes of it, there is nothing that could have happened. A get outside a unit of work may
// have taken the message.
func TestBrokenBrowseLeavesNothingUnknown(t *testing.T) {
	for _, c := range []struct {
		name string
		call func(ctx context.Context, conn *Conn) error
		want Class
	}{
		{"browse", func(ctx context.Context, conn *Conn) error { return conn.Browse(ctx, "Q", &Message{}, false) }, Retry},
		{"browse through Do", func(ctx context.Context, conn *Conn) error {
			return conn.Do(ctx, VerbInquire, "Q", func(Transport) error { return fault(VerbGet, mqrc.ConnectionBroken) })
		}, Retry},
		{"get", func(ctx context.Context, conn *Conn) error { return conn.Get(ctx, "Q", &Message{}, GetOptions{}) }, OutcomeUnknown},
		{"get through Do", func(ctx context.Context, conn *Conn) error {
			return conn.Do(ctx, VerbGet, "Q", func(Transport) error { return fault(VerbGet, mqrc.ConnectionBroken) })
		}, OutcomeUnknown},
	} {
		m := &manager{call: func(_ *transport, v Verb, _ string) error {
			if v == VerbGet || v == verbBrowse {
				return fault(VerbGet, mqrc.ConnectionBroken)
			}
			return nil
		}}
		within(t, m, Config{}, func(ctx context.Context, s *Session) error {
			if e := asError(t, c.call(ctx, open(t, ctx, s, false))); e.Class != c.want || ctx.Err() == nil {
				t.Errorf("%s: %v, class %v", c.name, e, e.Class)
			}
			return nil
		})
	}
}

// A function that was left behind by its Session has not found out what a later one is told of.
func TestResolvedOfAnOldSessionResolvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := breaks(VerbCommit, mqrc.ConnectionBroken)
		var first *Session
		var told []*Error
		err := newConnector(t, Config{Dialer: m, Repeatable: true}).Run(t.Context(), func(ctx context.Context, s *Session) error {
			told = append(told, s.Unknown())
			conn := open(t, ctx, s, true)
			switch s.Generation() {
			case 1:
				first = s
				_ = conn.Put(ctx, Address{Queue: "Q"}, &Message{})
				return conn.Commit(ctx)
			case 2:
				first.Resolved()
				return conn.Do(ctx, VerbGet, "Q", func(Transport) error { return fault(VerbGet, mqrc.ConnectionBroken) })
			}
			return errDone
		})
		if err != errDone || len(told) != 3 || told[0] != nil || told[1] == nil || told[2] != told[1] {
			t.Errorf("%v, told %v", err, told)
		}
	})
}
