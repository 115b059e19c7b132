package mqconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

var errDone = errors.New("the program is done")

func TestNewChecksRelations(t *testing.T) {
	m := &manager{}
	for _, c := range []struct {
		name string
		in   Config
		ok   bool
	}{
		{"no dialer", Config{}, false},
		{"negative delay", Config{Dialer: m, Min: -1}, false},
		{"negative maximum", Config{Dialer: m, Max: -1}, false},
		{"maximum below minimum", Config{Dialer: m, Min: 2, Max: 1}, false},
		{"defaults", Config{Dialer: m}, true},
		{"as FTE", Config{Dialer: m, Min: FTERetry, Max: FTERetry}, true},
		{"long minimum alone", Config{Dialer: m, Min: time.Minute}, true},
		{"short maximum alone", Config{Dialer: m, Max: time.Millisecond}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			connector, err := New(c.in)
			if (err == nil) != c.ok {
				t.Fatalf("error %v", err)
			}
			if err == nil && (connector.cfg.Min <= 0 || connector.cfg.Max < connector.cfg.Min) {
				t.Errorf("delays from %v to %v", connector.cfg.Min, connector.cfg.Max)
			}
		})
	}
	if len(m.records()) != 0 {
		t.Error("New dialled")
	}
}

func TestRunReturnsTheFunctionsResultUnchanged(t *testing.T) {
	for _, want := range []error{nil, errDone, fault(VerbGet, mqrc.ConnectionBroken), context.Canceled} {
		synctest.Test(t, func(t *testing.T) {
			m, calls := &manager{}, 0
			err := newConnector(t, Config{Dialer: m}).Run(t.Context(), func(context.Context, *Session) error {
				calls++
				return want
			})
			if err != want || calls != 1 {
				t.Errorf("%d calls, result %v, want %v", calls, err, want)
			}
			if m.connections() != 0 {
				t.Error("connections left open")
			}
		})
	}
}

func TestFunctionIsCalledAgainOnlyWhenItsSessionEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{call: func(_ *transport, v Verb, _ string) error {
			if v == VerbPut {
				return fault(v, mqrc.ConnectionBroken)
			}
			return nil
		}}
		var generations []uint64
		running := false
		err := newConnector(t, Config{Dialer: m}).Run(t.Context(), func(ctx context.Context, s *Session) error {
			if running {
				t.Error("calls overlap")
			}
			running = true
			defer func() { running = false }()
			generations = append(generations, s.Generation())
			if len(generations) == 4 {
				return errDone
			}
			conn := open(t, ctx, s, true)
			if err := conn.Put(ctx, Address{Queue: "Q"}, &Message{}); err == nil {
				t.Error("put over a broken connection")
			}
			time.Sleep(time.Minute) // whatever it still has to do
			return nil              // a result of a lost session counts for nothing
		})
		if err != errDone || !slices.Equal(generations, []uint64{1, 2, 3, 4}) {
			t.Errorf("result %v, generations %v", err, generations)
		}
	})
}

func TestRefusalEndsRunBeforeTheFirstGoodConnection(t *testing.T) {
	for _, f := range []Fault{
		{Verb: VerbConnect, CompletionCode: 2, Reason: mqrc.NotAuthorized},
		{Verb: VerbConnect, CompletionCode: 2, Reason: mqrc.QMgrNameError},
		{Verb: VerbConnect, CompletionCode: 2, Reason: mqrc.QMgrNameError, Bindings: true},
		{Verb: VerbConnect, CompletionCode: 2, Reason: mqrc.UnknownChannelName},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &recorder{}
			m := &manager{dial: func(context.Context, DialOptions, int) error { return &f }}
			err := newConnector(t, Config{Dialer: m, OnEvent: r.add}).Run(t.Context(), func(context.Context, *Session) error {
				t.Error("called without a connection")
				return nil
			})
			if e := asError(t, err); e.Reason != f.Reason || len(m.records()) != 5 {
				t.Errorf("%v after %d dials", err, len(m.records()))
			}
			if want := append(slices.Repeat([]EventKind{DialFailed}, 5), GaveUp); !slices.Equal(r.kinds(), want) {
				t.Errorf("events %v", r.kinds())
			}
		})
	}
}

func TestRefusalAfterAGoodConnectionIsRetriedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{
			dial: func(_ context.Context, _ DialOptions, n int) error {
				if n == 1 || n > 200 {
					return nil
				}
				return fault(VerbConnect, mqrc.NotAuthorized)
			},
			call: func(_ *transport, v Verb, _ string) error {
				if v == VerbPut {
					return fault(v, mqrc.ConnectionBroken)
				}
				return nil
			},
		}
		r := &recorder{}
		calls := 0
		err := newConnector(t, Config{Dialer: m, OnEvent: r.add}).Run(t.Context(), func(ctx context.Context, s *Session) error {
			if calls++; calls == 2 {
				return errDone
			}
			return open(t, ctx, s, true).Put(ctx, Address{}, &Message{})
		})
		if err != errDone || len(m.records()) != 201 || len(r.all()) != 202 {
			t.Fatalf("%v after %d dials and %d events", err, len(m.records()), len(r.all()))
		}
		checkDialsSpaced(t, m.records()[2:], 30*time.Second)
	})
}

func TestClassifyOfConfigLetsAStandbyWaitForItsQueueManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{dial: func(_ context.Context, _ DialOptions, n int) error {
			if n < 50 {
				return &Fault{Verb: VerbConnect, CompletionCode: 2, Reason: mqrc.QMgrNameError, Bindings: true}
			}
			return nil
		}}
		c := newConnector(t, Config{Dialer: m, Classify: func(f Fault) Class {
			if f.Reason == mqrc.QMgrNameError && !f.Connected {
				return Retry
			}
			return 0
		}})
		if err := c.Run(t.Context(), func(context.Context, *Session) error { return errDone }); err != errDone {
			t.Error(err)
		}
	})
}

func TestNotBuiltIsReturnedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notBuilt := fmt.Errorf("how to build: %w", ErrNotBuilt)
		m := &manager{dial: func(context.Context, DialOptions, int) error { return notBuilt }}
		begun := time.Now()
		err := newConnector(t, Config{Dialer: m, Endpoints: []string{"a", "b"}}).Run(t.Context(), nil)
		if err != notBuilt || len(m.records()) != 1 || time.Since(begun) != 0 {
			t.Errorf("%v after %d dials and %v", err, len(m.records()), time.Since(begun))
		}
	})
}

func TestContextEndsTheWaitForAQueueManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{dial: func(context.Context, DialOptions, int) error { return fault(VerbConnect, mqrc.HostNotAvailable) }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Millisecond)
		defer cancel()
		begun := time.Now()
		err := newConnector(t, Config{Dialer: m, Min: FTERetry}).Run(ctx, nil)
		if took := time.Since(begun); took != time.Minute+time.Millisecond {
			t.Errorf("took %v", took)
		}
		if !errors.Is(err, context.DeadlineExceeded) || asError(t, err).Reason != mqrc.HostNotAvailable {
			t.Errorf("%v does not say both why it ended and what it waited for", err)
		}
	})
}

func TestContextEndsTheSessionAndTheFunctionsResultCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{}
		r := &recorder{}
		ctx, cancel := context.WithCancel(t.Context())
		err := newConnector(t, Config{Dialer: m, OnEvent: r.add}).Run(ctx, func(ctx context.Context, s *Session) error {
			cancel()
			synctest.Wait()
			if m.connections() != 0 {
				t.Error("connection still open while the function runs on")
			}
			return errDone
		})
		if err != errDone || !slices.Equal(r.kinds(), []EventKind{Connected}) {
			t.Errorf("%v, events %v", err, r.kinds())
		}
	})
}

func TestGenerationsGoOnInTheNextRunAndRunsDoNotOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnector(t, Config{Dialer: &manager{}})
		for want := uint64(1); want < 4; want++ {
			_ = c.Run(t.Context(), func(ctx context.Context, s *Session) error {
				if s.Generation() != want {
					t.Errorf("generation %d, want %d", s.Generation(), want)
				}
				if err := c.Run(ctx, nil); err == nil {
					t.Error("a second Run began")
				}
				return nil
			})
		}
	})
}

func TestClassifyIsToldWhetherThereWasAGoodConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []bool
		m := &manager{
			dial: func(_ context.Context, _ DialOptions, n int) error {
				if n == 1 || n == 3 {
					return fault(VerbConnect, mqrc.QMgrNotAvailable)
				}
				return nil
			},
			call: func(_ *transport, v Verb, _ string) error {
				if v == VerbPut {
					return fault(v, mqrc.ConnectionBroken)
				}
				return nil
			},
		}
		c := newConnector(t, Config{Dialer: m, Classify: func(f Fault) Class {
			if f.Verb == VerbConnect {
				told = append(told, f.Connected)
			}
			return 0
		}})
		_ = c.Run(t.Context(), func(ctx context.Context, s *Session) error {
			if s.Generation() == 2 {
				return nil
			}
			return open(t, ctx, s, true).Put(ctx, Address{}, &Message{})
		})
		if !slices.Equal(told, []bool{false, true}) {
			t.Errorf("Fault.Connected: %v", told)
		}
	})
}

func TestDialThatTheProgramInterruptsIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{dial: func(ctx context.Context, _ DialOptions, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		r := &recorder{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := newConnector(t, Config{Dialer: m, OnEvent: r.add})
		err := c.Run(ctx, nil)
		if err != context.DeadlineExceeded || len(r.all()) != 0 || c.Status().LastError != nil {
			t.Errorf("%v, events %+v, status %+v", err, r.all(), c.Status())
		}
	})
}

func TestStatusTellsIdleFromDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		m := &manager{dial: func(_ context.Context, _ DialOptions, n int) error {
			if n%2 == 1 {
				return fault(VerbConnect, mqrc.HostNotAvailable)
			}
			return nil
		}, call: func(_ *transport, v Verb, _ string) error {
			if broken.Load() && v == VerbCommit {
				return fault(v, mqrc.ConnectionBroken)
			}
			return nil
		}}
		c := newConnector(t, Config{Dialer: m, Endpoints: []string{"a", "b"}})
		if s := c.Status(); s.Connected || s.Generation != 0 || !s.Since.IsZero() {
			t.Errorf("before Run: %+v", s)
		}
		_ = c.Run(t.Context(), func(ctx context.Context, s *Session) error {
			st := c.Status()
			if !st.Connected || st.Endpoint != "b" || st.QueueManager != "QM1" || st.Generation != s.Generation() || st.LastError != nil {
				t.Errorf("connected: %+v", st)
			}
			if s.Generation() == 2 {
				return nil
			}
			broken.Store(true)
			defer broken.Store(false)
			time.Sleep(time.Hour)
			st = c.Status()
			if st.Connected || asError(t, st.LastError).Reason != mqrc.ConnectionBroken || time.Since(st.Since) < 59*time.Minute {
				t.Errorf("lost while idle: %+v", st)
			}
			return nil
		})
	})
}
