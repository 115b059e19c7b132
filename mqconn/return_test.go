package mqconn

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// Work goes on within a second of the queue manager's return, at the defaults, however long it was away and however it
// refuses meanwhile. The agents of IBM MQ take up to 30 s (agentQMgrRetryInterval).
func TestWorkGoesOnWithinASecondOfTheReturn(t *testing.T) {
	for _, outage := range []time.Duration{2 * time.Second, 2 * time.Minute, 20 * time.Minute} {
		for _, c := range []struct {
			name      string
			endpoints []string
			refuse    func(endpoint string) *Fault
		}{
			{"no listener", nil, func(string) *Fault { return fault(VerbConnect, mqrc.HostNotAvailable) }},
			{"not available", nil, func(string) *Fault { return fault(VerbConnect, mqrc.QMgrNotAvailable) }},
			{"quiescing", nil, func(string) *Fault { return fault(VerbConnect, mqrc.QMgrQuiescing) }},
			{"no place", nil, func(string) *Fault { return fault(VerbConnect, mqrc.MaxConnsLimitReached) }},
			{"half started", nil, func(string) *Fault { return fault(VerbConnect, mqrc.UnknownChannelName) }},
			{"a standby and a refusing host", []string{"a(1414)", "b(1414)"}, func(endpoint string) *Fault {
				if endpoint == "a(1414)" {
					return fault(VerbConnect, mqrc.StandbyQMgr)
				}
				return fault(VerbConnect, mqrc.HostNotAvailable)
			}},
		} {
			var took []time.Duration
			samples := 40 // the delays are random
			if outage > 10*time.Minute {
				samples = 8
			}
			for range samples {
				synctest.Test(t, func(t *testing.T) {
					took = append(took, workAfter(t, outage, c.endpoints, c.refuse))
				})
			}
			slices.Sort(took)
			if worst := took[len(took)-1]; worst > time.Second {
				t.Errorf("%s for %v: work went on %v after the return", c.name, outage, worst)
			}
			t.Logf("%s for %v: p50 %v, worst of %d %v", c.name, outage, took[len(took)/2].Round(time.Millisecond), len(took), took[len(took)-1].Round(time.Millisecond))
		}
	}
}

// workAfter says how long after the end of an outage the program has committed work.
func workAfter(t *testing.T, outage time.Duration, endpoints []string, refuse func(string) *Fault) time.Duration {
	var returns atomic.Int64 // in Unix time; zero: there was no outage yet
	away := func() bool { return time.Now().UnixNano() < returns.Load() }
	m := &manager{
		dial: func(_ context.Context, o DialOptions, _ int) error {
			if away() {
				return refuse(o.Endpoint)
			}
			return nil
		},
		call: func(_ *transport, v Verb, _ string) error {
			if away() {
				return fault(v, mqrc.ConnectionBroken)
			}
			return errEmptyFor(v)
		},
	}
	var took time.Duration
	err := newConnector(t, Config{Dialer: m, Endpoints: endpoints}).Run(t.Context(), func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		if s.Generation() == 1 {
			time.Sleep(time.Hour)
			returns.Store(time.Now().Add(outage).UnixNano())
			return conn.Get(ctx, "Q", &Message{}, GetOptions{Wait: -1})
		}
		if err := conn.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
			t.Error(err)
		}
		if err := conn.Commit(ctx); err != nil {
			t.Error(err)
		}
		took = time.Since(time.Unix(0, returns.Load()))
		return nil
	})
	if err != nil || took <= 0 {
		t.Errorf("work did not go on after an outage of %v: %v", outage, err)
	}
	return took
}

// silentHost is a host that swallows packets while it is away. The MQ client's dial then hangs, whatever its context says,
// until one of its system's repeated attempts, at 1, 3, 7, 15 and so on seconds, finds the host, or two minutes have passed.
type silentHost struct {
	*manager
	returns *time.Time
	probes  atomic.Int64
}

func (h *silentHost) Dial(ctx context.Context, o DialOptions) (Transport, error) {
	begun := time.Now()
	for attempt := time.Second; time.Now().Before(*h.returns); attempt *= 2 {
		if time.Since(begun) > 2*time.Minute {
			return nil, fault(VerbConnect, mqrc.HostNotAvailable)
		}
		time.Sleep(attempt)
	}
	return h.manager.Dial(ctx, o)
}

func (h *silentHost) Probe(ctx context.Context, _ string) error {
	h.probes.Add(1)
	if time.Now().Before(*h.returns) {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// latest is how long after the return of a silent host work goes on at the latest: a dial begins right before it and repeats its
// attempt after a second, or was given up and ends within a second, and the shortest delay follows.
const latest = time.Second + defaultMin

// afterSilence gives how long after the return of a silent host work went on.
func afterSilence(t *testing.T, outage time.Duration) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		var returns time.Time
		h := &silentHost{manager: &manager{}, returns: &returns}
		h.manager.call = func(_ *transport, v Verb, _ string) error {
			if time.Now().Before(returns) {
				return fault(v, mqrc.ConnectionBroken)
			}
			return errEmptyFor(v)
		}
		c := newConnector(t, Config{Dialer: h})
		err := c.Run(t.Context(), func(ctx context.Context, s *Session) error {
			conn := open(t, ctx, s, true)
			if s.Generation() == 1 {
				returns = time.Now().Add(outage)
				return conn.Get(ctx, "Q", &Message{}, GetOptions{Wait: -1})
			}
			if err := conn.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
				return err
			}
			took = time.Since(returns)
			return conn.Commit(ctx)
		})
		if err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Minute) // the dials that were given up come back
		if s := c.Status(); s.Stuck != 0 || h.connections() != 0 {
			t.Errorf("%d calls stuck, %d connections left", s.Stuck, h.connections())
		}
	})
	return took
}

func TestWorkGoesOnWithinASecondOfTheReturnOfASilentHost(t *testing.T) {
	for _, outage := range []time.Duration{2 * time.Second, 2 * time.Minute, 20 * time.Minute} {
		var worst time.Duration
		for i := range 40 {
			worst = max(worst, afterSilence(t, outage+time.Duration(i)*73*time.Millisecond))
		}
		if worst > latest {
			t.Errorf("after %v: work went on %v after the return", outage, worst)
		}
		t.Logf("after %v: worst of 40 %v", outage, worst.Round(time.Millisecond))
	}
}

// A host that came back just when a dial was given up was found up to two seconds later: that call may take a second to end,
// and a whole delay followed.
func TestHostThatReturnsWhenADialIsGivenUpIsFoundWithinASecond(t *testing.T) {
	for outage := defaultDialLimit - time.Second; outage < defaultDialLimit+2*time.Second; outage += 25 * time.Millisecond {
		if took := afterSilence(t, outage); took > latest {
			t.Errorf("after %v: work went on %v after the return", outage, took)
		}
	}
}

// A host that answers, with a queue manager that takes long to let a program in, is not dialled twice.
func TestSlowQueueManagerIsNotDialledTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var never time.Time
		h := &silentHost{manager: &manager{dial: func(context.Context, DialOptions, int) error { time.Sleep(20 * time.Second); return nil }}, returns: &never}
		_ = newConnector(t, Config{Dialer: h}).Run(t.Context(), func(context.Context, *Session) error { return nil })
		if n := len(h.records()); n != 1 || h.probes.Load() != 1 {
			t.Errorf("%d dials, %d probes", n, h.probes.Load())
		}
	})
}

// A dial that ends within a second is like any other: nobody is asked.
func TestDialThatEndsWithinASecondIsNotAskedAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var never time.Time
		h := &silentHost{manager: &manager{dial: func(context.Context, DialOptions, int) error { time.Sleep(probeEvery - 1); return nil }}, returns: &never}
		_ = newConnector(t, Config{Dialer: h}).Run(t.Context(), func(context.Context, *Session) error { return nil })
		if n := h.probes.Load(); n != 0 {
			t.Errorf("%d probes", n)
		}
	})
}
