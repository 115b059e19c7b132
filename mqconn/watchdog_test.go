package mqconn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A host that lost its power, or a link that swallows everything: no call returns and no socket is closed. The MQ
// client notices after up to twice the channel's heartbeat interval, which is 300 s by default.
func TestWatchdogGivesUpADeadPeerThatTheClientHasNotNoticed(t *testing.T) {
	for _, c := range []struct {
		name   string
		use    func(ctx context.Context, in, out *Conn) error // of a program that is doing something
		within time.Duration
	}{
		{"idle", func(ctx context.Context, _, _ *Conn) error { <-ctx.Done(); return context.Cause(ctx) }, probeAfter + probeLimit},
		{"waiting for a message, and another connection idle", func(ctx context.Context, in, _ *Conn) error {
			return in.Get(ctx, "IN", &Message{}, GetOptions{Wait: -1})
		}, probeAfter + probeLimit + grace},
		{"waiting for a message on the only connection", func(ctx context.Context, in, out *Conn) error {
			_ = out.Close()
			return in.Get(ctx, "IN", &Message{}, GetOptions{Wait: -1})
		}, defaultCallLimit + 2*MaxSlice},
	} {
		synctest.Test(t, func(t *testing.T) {
			dead := make(chan struct{}) // closed when the peer is gone
			back := make(chan struct{}) // closed when the old host's sockets are reset at last
			m := &manager{call: func(tr *transport, v Verb, _ string) error {
				select {
				case <-dead:
					if tr.number <= 2 {
						<-back
					}
				default:
				}
				return errEmptyFor(v)
			}}
			r := &recorder{}
			var died time.Time
			connector := newConnector(t, Config{Dialer: m, OnEvent: r.add})
			err := connector.Run(t.Context(), func(ctx context.Context, s *Session) error {
				if s.Generation() == 2 {
					if n := connector.Status().Stuck; n == 0 {
						t.Errorf("%s: no stuck call is counted", c.name)
					}
					return errDone
				}
				in, out := open(t, ctx, s, true), open(t, ctx, s, false)
				time.AfterFunc(10*time.Second, func() { died = time.Now(); close(dead) })
				err := c.use(ctx, in, out)
				<-dead
				if took := time.Since(died); took > c.within || took <= 0 {
					t.Errorf("%s: noticed after %v, want within %v", c.name, took, c.within)
				}
				if !errors.Is(context.Cause(ctx), ErrStuck) {
					t.Errorf("%s: %v", c.name, context.Cause(ctx))
				}
				return err
			})
			if !errors.Is(err, errDone) {
				t.Errorf("%s: %v", c.name, err)
			}
			stuck := 0
			for _, e := range r.all() {
				if e.Kind == CallStuck && e.Code() == CodeStuck {
					stuck++
				}
			}
			if stuck == 0 {
				t.Errorf("%s: events %v", c.name, r.kinds())
			}
			close(back)
			time.Sleep(MaxSlice + time.Millisecond) // a get ends its slice
			if n := connector.Status().Stuck; n != 0 {
				t.Errorf("%s: %d calls still count as stuck", c.name, n)
			}
		})
	}
}

// errEmptyFor makes a Get wait for its slice and lets everything else succeed.
func errEmptyFor(v Verb) error {
	if v == VerbGet {
		return errEmpty
	}
	return nil
}
