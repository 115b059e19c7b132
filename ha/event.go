package ha

import (
	"fmt"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/mqha/mqha/internal/events"
	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/transfer"
)

// Code is the stable code of an Event. The last letter is its severity: I information, W warning,
// E error.
type Code string

// The codes, each with the message of IBM MQ Managed File Transfer that says the same.
const (
	CodeStandby      Code = "MQHA0194I" // waiting for the lock, Text says who holds it or what is missing (BFGAG0193I, BFGAG0194E)
	CodeReady        Code = "MQHA0196I" // this standby is connected to its queue manager, or is not any more, or is refused (BFGAG0057I, BFGAG0183I)
	CodeElected      Code = "MQHA0192I" // the lease is held with Epoch (BFGAG0192I)
	CodeActive       Code = "MQHA0059I" // connected, lease proven, all queues held: work begins (BFGAG0057I, BFGAG0059I)
	CodeDisconnected Code = "MQHA0183W" // the session ended, work stops until the next CodeActive (BFGAG0183I)
	CodeLeaseLost    Code = "MQHA0170E" // the lease ended by itself
	CodeSteppingDown Code = "MQHA0070I" // the way down begins because it was asked for
	CodeDrained      Code = "MQHA0072I" // transfers are at a checkpoint, or DrainTimeout ended first (BFGAG0071I)
	CodeFailover     Code = "MQHA0061E" // the way down begins because of an error (BFGAG0061E)
	CodeStandsBack   Code = "MQHA0195W" // does not campaign for a while after a failure
	CodeOverrun      Code = "MQHA0171E" // something did not end in time
	CodeStopped      Code = "MQHA0071I" // everything has ended
	CodeCommand      Code = "MQHA0210W" // a command was refused or could not be answered
	CodeConnected    Code = "MQHA0057I" // Detail: mqconn.Event of kind Connected (BFGAG0057I)
	CodeConnection   Code = "MQHA0048W" // Detail: mqconn.Event of any other kind (BFGAG0046W, BFGAG0048W)
	CodeLock         Code = "MQHA0193I" // Detail: lockfile.Event, or nil where the trouble is about the lock and not of it
	CodeResource     Code = "MQHA0200I" // Detail: resource.Event
	CodeTransfer     Code = "MQHA0300I" // Detail: transfer.Event
	CodeMissed       Code = "MQHA0199W" // OnEvent was too slow: Dropped events are missing here
)

// Event is something that happened to an Agent.
type Event struct {
	Time    time.Time
	Code    Code
	Epoch   uint64 // of the lease; 0 while there is none
	Text    string // a sentence
	Detail  any    // the event of the package below, see Code
	Dropped int    // CodeMissed: how many events are missing
}

// backlog is how many events wait for OnEvent.
const backlog = 4096

// reporter hands events to OnEvent and to the log from a goroutine of its own, so that a slow OnEvent or a log on
// a hung disk never stops the agent.
type reporter struct {
	*events.Queue[Event]
	logger *zap.Logger
}

func newReporter(onEvent func(Event), logger *zap.Logger) *reporter {
	if logger == nil {
		logger = zap.NewNop()
	}
	r := &reporter{logger: logger}
	r.Queue = events.Start(backlog, func(ev Event) {
		r.log(ev)
		if onEvent != nil {
			onEvent(ev)
		}
	}, func(n int) Event {
		return Event{Time: time.Now(), Code: CodeMissed, Dropped: n, Text: fmt.Sprintf("%d events are missing here: OnEvent or the log was too slow", n)}
	})
	return r
}

// emit never waits.
func (r *reporter) emit(ev Event) {
	if ev.Time.IsZero() {
		ev.Time = time.Now()
	}
	r.Add(ev)
}

// log leaves the lines of connections to package mqconn, which limits the rate of repeats.
func (r *reporter) log(ev Event) {
	if _, ok := ev.Detail.(mqconn.Event); ok {
		return
	}
	level := level(ev)
	entry := r.logger.Check(level, ev.Text)
	if entry == nil {
		return
	}
	fields := []zap.Field{zap.String("code", string(ev.Code)), zap.Uint64("epoch", ev.Epoch)}
	if ev.Dropped > 0 {
		fields = append(fields, zap.Int("dropped", ev.Dropped))
	}
	entry.Write(append(fields, facts(ev.Detail)...)...)
}

func level(ev Event) zapcore.Level {
	switch d := ev.Detail.(type) {
	case transfer.Event:
		if d.Kind == transfer.EventProgress {
			return zapcore.DebugLevel
		}
		switch d.Kind {
		case transfer.EventFailed, transfer.EventLeft, transfer.EventRefused, transfer.EventStalled, transfer.EventDegraded, transfer.EventDropped, transfer.EventMissed:
			return zapcore.WarnLevel
		}
	case lockfile.Event:
		if d.Err != nil {
			return zapcore.WarnLevel
		}
	case resource.Event:
		if d.Err != nil {
			return zapcore.WarnLevel
		}
	}
	switch ev.Code[len(ev.Code)-1] {
	case 'E':
		return zapcore.ErrorLevel
	case 'W':
		return zapcore.WarnLevel
	default:
		return zapcore.InfoLevel
	}
}

// facts are the fields that an operator searches for.
func facts(detail any) []zap.Field {
	switch d := detail.(type) {
	case lockfile.Event:
		return []zap.Field{zap.String("holder", d.Owner.Instance), zap.String("host", d.Owner.Host), zap.Error(d.Err)}
	case resource.Event:
		return []zap.Field{zap.String("resource", d.Resource), zap.Error(d.Err)}
	case transfer.Event:
		return []zap.Field{zap.Stringer("transfer", d.Transfer), zap.String("peer", d.Peer), zap.String("kind", string(d.Kind)),
			zap.Int64("durable", d.Durable), zap.Int64("bytes", d.Bytes), zap.String("file", d.File), zap.String("reason", d.Reason)}
	}
	return nil
}
