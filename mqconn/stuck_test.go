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
