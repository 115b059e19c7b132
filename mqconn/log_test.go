package mqconn

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// described is a manager that says what it would connect to.
type described struct {
	*manager
	info Info
}

func (d described) Describe(endpoint string) Info { return d.info }

// Each line carries the facts of the message that operators know from IBM MQ Managed File Transfer: queue
// manager, transport, host and port, channel, reason code, next try.
func TestLinesCarryTheFactsOfTheMessagesOfFTE(t *testing.T) {
	client := Info{QueueManager: "QMA", Channel: "MQHA.SVRCONN"}
	bindings := Info{QueueManager: "QMA", Bindings: true}
	local := func(r mqrc.Reason) error {
		return &Fault{Verb: VerbConnect, CompletionCode: 2, Reason: r, Bindings: true}
	}
	for _, c := range []struct {
		name  string
		info  Info
		fails error // the second dial; nil: the call of the first session fails instead
		code  Code
		level zapcore.Level
		facts map[string]any
	}{
		{"BFGAG0046W", bindings, local(mqrc.QMgrStopping), CodeBindingsFailed, zap.WarnLevel,
			map[string]any{"queueManager": "QMA", "transport": "bindings", "reason": int32(2162), "class": "retry", "attempt": int64(1)}},
		{"BFGAG0048W", client, fault(VerbConnect, mqrc.QMgrNotAvailable), CodeClientFailed, zap.WarnLevel,
			map[string]any{"queueManager": "QMA", "transport": "client", "channel": "MQHA.SVRCONN", "endpoint": "a(1414)", "reason": int32(2059),
				"meaning": mqrc.QMgrNotAvailable.Meaning()}},
		{"BFGAG0048W, refused and loud", client, fault(VerbConnect, mqrc.NotAuthorized), CodeRefused, zap.ErrorLevel,
			map[string]any{"queueManager": "QMA", "reason": int32(2035), "class": "fatal", "channel": "MQHA.SVRCONN"}},
		{"BFGAG0077E", bindings, local(mqrc.EnvironmentError), CodeNoBindings, zap.ErrorLevel,
			map[string]any{"transport": "bindings", "reason": int32(2012)}},
		{"BFGAG0077E, not built in", bindings, fmt.Errorf("jms20: %w", ErrNotBuilt), CodeNoBindings, zap.ErrorLevel,
			map[string]any{"transport": "bindings"}},
		{"BFGAG0050E", bindings, fmt.Errorf("jms20: %w", ErrNotBuilt), CodeGaveUp, zap.ErrorLevel,
			map[string]any{"queueManager": "QMA", "transport": "bindings"}},
		{"BFGAG0057I", client, nil, CodeConnected, zap.InfoLevel, map[string]any{"queueManager": "QM1", "endpoint": "a(1414)", "attempt": int64(1)}},
		{"BFGAG0183I", client, nil, CodeLost, zap.WarnLevel,
			map[string]any{"queueManager": "QM1", "reason": int32(2009), "generation": uint64(1)}},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &manager{dial: func(_ context.Context, _ DialOptions, n int) error {
				if n == 2 {
					return c.fails
				}
				return nil
			}, call: func(_ *transport, v Verb, _ string) error {
				if v == VerbGet {
					return fault(v, mqrc.ConnectionBroken)
				}
				return nil
			}}
			core, logs := observer.New(zap.DebugLevel)
			connector := newConnector(t, Config{Dialer: described{m, c.info}, Endpoints: []string{"a(1414)"}, Logger: zap.New(core)})
			_ = connector.Run(t.Context(), func(ctx context.Context, s *Session) error {
				if s.Generation() == 2 {
					return nil
				}
				return open(t, ctx, s, true).Get(ctx, "Q", &Message{}, GetOptions{})
			})
			lines := logs.FilterField(zap.String("code", string(c.code))).All()
			if len(lines) == 0 {
				t.Fatalf("%s: no line %s in %v", c.name, c.code, logs.All())
			}
			have := lines[0].ContextMap()
			for key, want := range c.facts {
				if have[key] != want {
					t.Errorf("%s: %s is %v, want %v", c.name, key, have[key], want)
				}
			}
			if lines[0].Level != c.level {
				t.Errorf("%s: level %v", c.name, lines[0].Level)
			}
			if _, has := have["nextTry"]; has != (c.fails != nil && c.code != CodeGaveUp) {
				t.Errorf("%s: next try: %v", c.name, have)
			}
		})
	}
}

// A queue manager that accepts connections and drops them at once is one outage, not one for each of them.
func TestFlappingIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		m := &manager{call: func(_ *transport, v Verb, _ string) error { return fault(v, mqrc.ConnectionBroken) }}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		_ = newConnector(t, Config{Dialer: m, Logger: zap.New(core)}).Run(ctx, func(ctx context.Context, s *Session) error {
			return open(t, ctx, s, true).Commit(ctx)
		})
		lost := logs.FilterField(zap.String("code", string(CodeLost))).All()
		connected := logs.FilterField(zap.String("code", string(CodeConnected))).Len()
		if len(lost) < 9 || len(lost) > 11 || connected < 9 || connected > 11 {
			t.Errorf("%d lines of losses, %d of connections", len(lost), connected)
		}
		counted := int64(len(lost))
		for _, l := range lost {
			counted += l.ContextMap()["repeatsNotLogged"].(int64)
		}
		// Those of the last minute wait for the next line.
		if generations := int64(len(m.records())); counted > generations || counted < generations-200 {
			t.Errorf("%d losses logged or counted of %d", counted, generations)
		}
	})
}

// After a session that was of use the next loss is a new outage, whose first failure is logged at once.
func TestFirstFailureOfEachOutageIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		m := &manager{dial: func(_ context.Context, _ DialOptions, n int) error {
			if n%4 != 1 {
				return fault(VerbConnect, mqrc.HostNotAvailable)
			}
			return nil
		}, call: func(_ *transport, v Verb, _ string) error {
			if v == VerbGet {
				return fault(v, mqrc.ConnectionBroken)
			}
			return nil
		}}
		_ = newConnector(t, Config{Dialer: m, Logger: zap.New(core)}).Run(t.Context(), func(ctx context.Context, s *Session) error {
			if s.Generation() == 6 {
				return nil
			}
			time.Sleep(settled)
			return open(t, ctx, s, true).Get(ctx, "Q", &Message{}, GetOptions{})
		})
		for code, want := range map[Code]int{CodeConnected: 6, CodeLost: 5, CodeClientFailed: 5} {
			if n := logs.FilterField(zap.String("code", string(code))).Len(); n != want {
				t.Errorf("%d lines %s, want %d", n, code, want)
			}
		}
	})
}

func TestCodesTellTheirSeverity(t *testing.T) {
	codes := map[Code]bool{}
	for k := DialFailed; k <= Missed; k++ {
		code := Event{Kind: k}.Code()
		if codes[code] {
			t.Errorf("%v has the code of another kind: %s", k, code)
		}
		codes[code] = true
		switch code[len(code)-1] {
		case 'I', 'W', 'E':
		default:
			t.Errorf("%v: %s", k, code)
		}
		if k.String() == "unknown" || k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
}

func TestHoldReportsOnceThatItWaits(t *testing.T) {
	r := &recorder{}
	held := 20
	m := &manager{call: func(_ *transport, v Verb, _ string) error {
		if held--; v == VerbOpen && held > 0 {
			return fault(v, mqrc.ObjectInUse)
		}
		return nil
	}}
	within(t, m, Config{OnEvent: r.add}, func(ctx context.Context, s *Session) error {
		return open(t, ctx, s, true).Hold(ctx, "IN")
	})
	told := 0
	for _, e := range r.all() {
		if e.Kind != QueueHeld {
			continue
		}
		told++
		if e.Queue != "IN" || asError(t, e.Err).Class != InUse || e.Generation != 1 || e.Code() != CodeQueueHeld {
			t.Errorf("%+v", e)
		}
	}
	if told != 1 {
		t.Errorf("%d events for %d refusals", told, 19)
	}
}

func TestStatusTellsWhatAnOperatorAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{dial: func(_ context.Context, _ DialOptions, n int) error {
			if n < 3 {
				return fault(VerbConnect, mqrc.HostNotAvailable)
			}
			return nil
		}}
		c := newConnector(t, Config{Dialer: described{m, Info{QueueManager: "QMA", Channel: "C"}}, Min: time.Second, Max: time.Second})
		done := make(chan error)
		go func() {
			done <- c.Run(t.Context(), func(ctx context.Context, s *Session) error {
				open(t, ctx, s, true)
				second := open(t, ctx, s, false)
				if st := c.Status(); !st.Connected || st.Connections != 2 || st.Info.QueueManager != "QM1" || !st.NextTry.IsZero() {
					t.Errorf("in the session: %+v", st)
				}
				if err := second.Close(); err != nil || c.Status().Connections != 1 {
					t.Errorf("%v, %+v", err, c.Status())
				}
				return errDone
			})
		}()
		synctest.Wait()
		st := c.Status()
		if st.Connected || st.Info.Channel != "C" || time.Until(st.NextTry) != time.Second || st.Attempt != 1 || st.LastError == nil {
			t.Errorf("while it waits: %+v", st)
		}
		if err := <-done; !errors.Is(err, errDone) || c.Status().Connections != 0 {
			t.Errorf("%v, %+v", err, c.Status())
		}
	})
}

// The text of a Dialer's error differs each time, as one with the port of this side does. Such lines are bounded all the
// same, and so is what is remembered of them.
func TestErrorsWhoseTextDiffersEachTimeDoNotFillTheLog(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	w := &logWriter{log: zap.New(core)}
	begun := time.Now()
	for i := range 1000 { // within 50 s
		e := &Error{Verb: VerbConnect, Endpoint: "a", Class: Retry, cause: fmt.Errorf("read tcp 10.0.0.1:%d->10.0.0.2:1414: connection reset", 40000+i)}
		w.write(Event{Kind: DialFailed, Time: begun.Add(time.Duration(i) * 50 * time.Millisecond), Endpoint: "a", Err: e})
	}
	if n := logs.Len(); n != maxTexts+1 || len(w.seen) != n {
		t.Errorf("%d lines for 1000 failures, %d are remembered", n, len(w.seen))
	}
	// A reason code is told from the others however many texts there were, and whatever its own text is.
	for i := range 100 {
		e := &Error{Verb: VerbConnect, Endpoint: "a", Class: Retry, Reason: mqrc.HostNotAvailable, cause: fmt.Errorf("attempt %d", i)}
		w.write(Event{Kind: DialFailed, Time: begun.Add(time.Minute - time.Second), Endpoint: "a", Err: e})
	}
	if n := logs.Len(); n != maxTexts+2 {
		t.Errorf("%d lines with a new reason", n)
	}
}
