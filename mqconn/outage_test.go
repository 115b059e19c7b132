package mqconn

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// A week in which the queue manager is down for minutes to hours, in every way that it can be.
func TestWeekOfOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		var down atomic.Bool
		away := []mqrc.Reason{mqrc.QMgrNotAvailable, mqrc.HostNotAvailable, mqrc.QMgrStopping, mqrc.UnexpectedError, mqrc.MaxConnsLimitReached}
		n := 0
		m := &manager{
			dial: func(context.Context, DialOptions, int) error {
				if n++; down.Load() {
					return fault(VerbConnect, away[n%len(away)])
				}
				return nil
			},
			call: func(_ *transport, v Verb, _ string) error {
				if down.Load() {
					return fault(v, mqrc.ConnectionBroken)
				}
				return errEmpty
			},
		}
		ctx, cancel := context.WithTimeout(t.Context(), 7*24*time.Hour)
		defer cancel()
		outages, downtime := 0, time.Duration(0)
		go func() {
			for ctx.Err() == nil {
				pause(ctx, time.Duration(1+rng.IntN(12))*time.Hour)
				down.Store(true)
				d := time.Duration(1+rng.IntN(90)) * time.Minute
				outages++
				downtime += d
				pause(ctx, d)
				down.Store(false)
			}
		}()
		r := &recorder{}
		c := newConnector(t, Config{Dialer: m, OnEvent: r.add})
		var last uint64
		err := c.Run(ctx, func(ctx context.Context, s *Session) error {
			if s.Generation() <= last {
				t.Errorf("generation %d after %d", s.Generation(), last)
			}
			last = s.Generation()
			conn := open(t, ctx, s, true)
			return conn.Get(ctx, "Q", &Message{}, GetOptions{Wait: -1})
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run ended: %v", err)
		}
		ended := time.Now()
		synctest.Wait() // the one who makes outages has heard of the end, too
		if end, _ := ctx.Deadline(); ended.Sub(end) > MaxSlice {
			t.Errorf("Run ended %v after its context", ended.Sub(end))
		}
		checkDialsSpaced(t, m.records(), defaultMin)
		// Full jitter between 20 ms and 1 s is half a second in the mean.
		if dials, most := len(m.records()), int(downtime/(400*time.Millisecond)); dials > most {
			t.Errorf("%d dials in %v of downtime, at most %d expected", dials, downtime, most)
		}
		if last < uint64(outages)-1 {
			t.Errorf("%d generations for %d outages", last, outages)
		}
		checkEventOrder(t, r.all())
		if m.peak != 1 || m.connections() != 0 {
			t.Errorf("%d connections at once, %d left", m.peak, m.connections())
		}
	})
}

func checkDialsSpaced(t *testing.T, dials []dialRecord, least time.Duration) {
	t.Helper()
	for i := 1; i < len(dials); i++ {
		if gap := dials[i].at.Sub(dials[i-1].at); gap < least {
			t.Fatalf("dial %d comes %v after the one before", i+1, gap)
		}
	}
}

// checkEventOrder demands Connected, ConnectionLost, DialFailed..., Connected, and so on, with
// attempts and generations that count.
func checkEventOrder(t *testing.T, events []Event) {
	t.Helper()
	connected, attempt, generation := false, 0, uint64(0)
	for i, e := range events {
		switch e.Kind {
		case Connected:
			if connected || e.Generation != generation+1 || e.Attempt != attempt+1 {
				t.Fatalf("event %d: %+v after generation %d, attempt %d", i, e, generation, attempt)
			}
			connected, generation, attempt = true, e.Generation, 0
		case ConnectionLost:
			if !connected || e.Generation != generation || e.Err == nil {
				t.Fatalf("event %d: %+v, connected %v", i, e, connected)
			}
			connected = false
		case DialFailed:
			attempt++
			if connected || e.Attempt != attempt || e.Err == nil || e.NextTry < defaultMin || e.NextTry > defaultMax {
				t.Fatalf("event %d: %+v, want attempt %d", i, e, attempt)
			}
		}
		if e.Dropped != 0 || i > 0 && e.Time.Before(events[i-1].Time) {
			t.Fatalf("event %d: %+v", i, e)
		}
	}
}

// A queue manager that accepts connections and drops them at once must not be hammered either.
func TestDelayIsNeverZeroIT38745(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{call: func(_ *transport, v Verb, _ string) error { return fault(v, mqrc.ConnectionBroken) }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_ = newConnector(t, Config{Dialer: m}).Run(ctx, func(ctx context.Context, s *Session) error {
			return open(t, ctx, s, true).Commit(ctx)
		})
		checkDialsSpaced(t, m.records(), defaultMin)
		if n := len(m.records()); n < 3600 || n > 3600*5/2 {
			t.Errorf("%d dials in an hour", n)
		}
	})
}

// backoff/v4 answers "stop" after 15 minutes unless told otherwise.
func TestRetriesOutliveFifteenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		m := &manager{dial: func(context.Context, DialOptions, int) error {
			if time.Since(begun) < 2*time.Hour {
				return fault(VerbConnect, mqrc.QMgrNotAvailable)
			}
			return nil
		}}
		err := newConnector(t, Config{Dialer: m}).Run(t.Context(), func(context.Context, *Session) error { return errDone })
		if err != errDone {
			t.Fatal(err)
		}
		if late := time.Since(begun) - 2*time.Hour; late > time.Second {
			t.Errorf("connected %v after the queue manager was back", late)
		}
	})
}

func TestFTERetryIsFixed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{dial: func(_ context.Context, _ DialOptions, n int) error {
			if n < 6 {
				return fault(VerbConnect, mqrc.QMgrNotAvailable)
			}
			return nil
		}}
		begun := time.Now()
		_ = newConnector(t, Config{Dialer: m, Min: FTERetry, Max: FTERetry}).Run(t.Context(), func(context.Context, *Session) error { return nil })
		if took := time.Since(begun); took != 5*FTERetry {
			t.Errorf("connected after %v", took)
		}
	})
}

// IT35599: 2009 in one phase of the start ended the agent. Here it comes in each.
func TestRecoverableErrorInAnyStartUpPhaseDoesNotEndRunIT35599(t *testing.T) {
	phases := []Verb{VerbConnect, "second connect", VerbOpen, VerbGet, verbBrowse, VerbPut, VerbCommit}
	for _, phase := range phases {
		for _, reason := range []mqrc.Reason{mqrc.ConnectionBroken, mqrc.QMgrNotAvailable, mqrc.QMgrQuiescing, mqrc.QMgrStopping, mqrc.StandbyQMgr} {
			synctest.Test(t, func(t *testing.T) {
				left := 1
				if phase == VerbConnect {
					left = 3 * refusedTries // what is refused for good ends Run after refusedTries rounds
				}
				once := func(v Verb) error {
					if v == phase && left > 0 {
						left--
						return fault(v, reason)
					}
					return nil
				}
				m := &manager{
					dial: func(_ context.Context, o DialOptions, _ int) error {
						if o.Role != firstRole {
							return once("second connect")
						}
						return once(VerbConnect)
					},
					call: func(_ *transport, v Verb, _ string) error { return once(v) },
				}
				err := newConnector(t, Config{Dialer: m, Repeatable: true}).Run(t.Context(), startUp)
				if err != errDone || left > 0 {
					t.Errorf("%s fails with %v: Run returned %v", phase, reason, err)
				}
			})
		}
	}
}

func startUp(ctx context.Context, s *Session) error {
	in, err := s.Open(ctx, "in", true)
	if err != nil {
		return err
	}
	out, err := s.Open(ctx, "out", false)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return in.Hold(ctx, "IN") },
		func() error { return in.Browse(ctx, "IN", &Message{}, false) },
		func() error { return in.Get(ctx, "IN", &Message{}, GetOptions{}) },
		func() error { return out.Put(ctx, Address{Queue: "PEER"}, &Message{}) },
		func() error { return in.Commit(ctx) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return errDone
}

func TestEveryEndpointIsTriedBeforeTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{dial: func(_ context.Context, _ DialOptions, n int) error {
			if n < 6 {
				return fault(VerbConnect, mqrc.HostNotAvailable)
			}
			return nil
		}}
		c := newConnector(t, Config{Dialer: m, Endpoints: []string{"a(1414)", "b(1414)", "c(1414)"}})
		_ = c.Run(t.Context(), func(context.Context, *Session) error { return nil })
		var order []string
		for i, d := range m.records() {
			order = append(order, d.Endpoint)
			if waited := i > 0 && d.at.After(m.dials[i-1].at); waited != (i == 3) {
				t.Errorf("dial %d: waited %v", i+1, waited)
			}
		}
		want := []string{"a(1414)", "b(1414)", "c(1414)", "a(1414)", "b(1414)", "c(1414)"}
		if !slices.Equal(order, want) {
			t.Errorf("order %v", order)
		}
	})
}

func TestDelayStartsAnewAfterCommittedWork(t *testing.T) {
	for _, commits := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			m := &manager{call: func(_ *transport, v Verb, _ string) error {
				if v == VerbGet {
					return fault(v, mqrc.ConnectionBroken)
				}
				return nil
			}}
			_ = newConnector(t, Config{Dialer: m}).Run(t.Context(), func(ctx context.Context, s *Session) error {
				if s.Generation() == 50 {
					return nil
				}
				conn := open(t, ctx, s, true)
				if commits {
					_ = conn.Put(ctx, Address{Queue: "Q"}, &Message{})
				}
				_ = conn.Commit(ctx)
				return conn.Get(ctx, "Q", &Message{}, GetOptions{})
			})
			// The first delay is at most twice the minimum; without commits it grows to a second.
			took := m.dials[49].at.Sub(m.dials[0].at)
			if small := took <= 49*2*defaultMin+time.Millisecond; small != commits {
				t.Errorf("committed work %v: 49 reconnections took %v", commits, took)
			}
		})
	}
}
