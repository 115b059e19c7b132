package mqconn

import (
	"context"
	"slices"
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
	var returns time.Time // zero: there was no outage yet
	m := &manager{
		dial: func(_ context.Context, o DialOptions, _ int) error {
			if time.Now().Before(returns) {
				return refuse(o.Endpoint)
			}
			return nil
		},
		call: func(_ *transport, v Verb, _ string) error {
			if time.Now().Before(returns) {
				return fault(v, mqrc.ConnectionBroken)
			}
			return errEmptyFor(v)
		},
	}
	var took time.Duration
	_ = newConnector(t, Config{Dialer: m, Endpoints: endpoints}).Run(t.Context(), func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		if s.Generation() == 1 {
			time.Sleep(time.Hour)
			returns = time.Now().Add(outage)
			return conn.Get(ctx, "Q", &Message{}, GetOptions{Wait: -1})
		}
		if err := conn.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
			t.Error(err)
		}
		if err := conn.Commit(ctx); err != nil {
			t.Error(err)
		}
		took = time.Since(returns)
		return nil
	})
	return took
}
