package mqconn

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestSlowOnEventDelaysNobodyAndLosesNothingUncounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const fails = 2000
		m := &manager{dial: func(_ context.Context, _ DialOptions, n int) error {
			if n <= fails {
				return fault(VerbConnect, mqrc.QMgrNotAvailable)
			}
			return nil
		}, call: func(_ *transport, v Verb, _ string) error {
			if v == VerbPut {
				return fault(v, mqrc.ConnectionBroken)
			}
			return nil
		}}
		delivered, dropped := 0, 0
		c := newConnector(t, Config{Dialer: m, OnEvent: func(e Event) {
			time.Sleep(time.Hour)
			delivered++
			dropped += e.Dropped
		}})
		begun := time.Now()
		_ = c.Run(t.Context(), func(ctx context.Context, s *Session) error {
			if took := time.Since(begun); s.Generation() == 1 && took > fails*defaultMax {
				t.Errorf("connected after %v", took)
			}
			if s.Generation() == 2 {
				return nil
			}
			time.Sleep(2 * time.Hour) // makes room in the queue
			return open(t, ctx, s, true).Put(ctx, Address{Queue: "Q"}, &Message{})
		})
		if delivered < eventQueue || dropped == 0 {
			t.Errorf("%d events delivered, %d dropped", delivered, dropped)
		}
	})
}

func TestOnEventMayAskForTheStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *Connector
		asked := false
		c = newConnector(t, Config{Dialer: &manager{}, OnEvent: func(Event) { asked = c.Status().Generation == 1 }})
		_ = c.Run(t.Context(), func(context.Context, *Session) error { return nil })
		if !asked {
			t.Error("no event")
		}
	})
}

func TestLogCarriesTheFactsAndDoesNotRepeatThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		begun := time.Now()
		m := &manager{}
		m.dial = func(_ context.Context, o DialOptions, n int) error {
			switch {
			case n == 1 || time.Since(begun) > 11*time.Minute:
				return nil
			case o.Endpoint == "b(1414)":
				return fault(VerbConnect, mqrc.StandbyQMgr)
			case time.Since(begun) < 6*time.Minute:
				return fault(VerbConnect, mqrc.HostNotAvailable)
			}
			return fault(VerbConnect, mqrc.QMgrStopping)
		}
		m.call = func(_ *transport, v Verb, _ string) error {
			if v == VerbPut {
				return fault(v, mqrc.ConnectionBroken)
			}
			return nil
		}
		c := newConnector(t, Config{Dialer: m, Logger: zap.New(core), Endpoints: []string{"a(1414)", "b(1414)"}})
		_ = c.Run(t.Context(), func(ctx context.Context, s *Session) error {
			if s.Generation() == 2 {
				return nil
			}
			return open(t, ctx, s, true).Put(ctx, Address{Queue: "Q"}, &Message{})
		})

		if n := logs.FilterMessage("connected to the queue manager").Len(); n != 2 {
			t.Errorf("%d lines say that it is connected", n)
		}
		lost := logs.FilterMessage("connection to the queue manager lost, recovery begins").All()
		if len(lost) != 1 || lost[0].ContextMap()["queueManager"] != "QM1" {
			t.Errorf("loss: %+v", lost)
		}
		failures := logs.FilterMessage("cannot connect to the queue manager").All()
		// Two endpoints, 11 minutes, once a minute each, and once more when the reason changed.
		if n, dials := len(failures), len(m.records()); n < 20 || n > 25 || dials < 1000 {
			t.Errorf("%d lines for %d failed dials", n, dials)
		}
		var unlogged int64
		for _, l := range failures {
			facts := l.ContextMap()
			for _, key := range []string{"endpoint", "error", "attempt", "nextTry", "outage"} {
				if facts[key] == nil {
					t.Errorf("line without %s: %v", key, facts)
				}
			}
			unlogged += facts["repeatsNotLogged"].(int64)
		}
		if missing := int64(len(m.records())-2-len(failures)) - unlogged; missing < 0 || missing > 500 {
			t.Errorf("%d failures are neither logged nor counted", missing)
		}
	})
}
