package mqconn

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// repeatAfter is how often what goes on in the same way is logged again.
const repeatAfter = time.Minute

// logWriter makes log lines of events, with the facts that operators know from the messages of IBM MQ Managed
// File Transfer. The first failure of an outage is logged at once, and after it each that differs. What
// repeats itself is counted, and the count is in the next line. An outage ends with a session that lived for
// 30 s: a queue manager that accepts connections and drops them is one outage, not one for each of them.
type logWriter struct {
	log *zap.Logger

	outage    time.Time           // when it began; zero: there is none
	connected time.Time           // when the last session began
	silent    bool                // nothing was logged since "connected"
	seen      map[string]*repeats // of this outage
	texts     map[string]bool     // of this outage, of errors without a reason code
}

// repeats are what is left out of the log of one kind, endpoint and reason.
type repeats struct {
	logged   time.Time
	unlogged int
}

// due says whether a line is to be written now, and how many like it were not.
func (w *logWriter) due(key string, now time.Time) (unlogged int, due bool) {
	r := w.seen[key]
	if r == nil {
		if w.seen == nil {
			w.seen = make(map[string]*repeats)
		}
		r = new(repeats)
		w.seen[key] = r
	} else if now.Sub(r.logged) < repeatAfter {
		r.unlogged++
		return 0, false
	}
	unlogged = r.unlogged
	r.logged, r.unlogged = now, 0
	return unlogged, true
}

func (w *logWriter) write(e Event) {
	switch e.Kind {
	case DialFailed:
		w.begin(e)
		w.repeated(e, "cannot connect to the queue manager", zap.Int("attempt", e.Attempt), zap.Duration("nextTry", e.NextTry),
			zap.Duration("outage", e.Time.Sub(w.outage)))
	case Connected:
		w.writeConnected(e)
	case ConnectionLost:
		w.begin(e)
		w.repeated(e, "connection to the queue manager lost, recovery begins")
	case CallStuck:
		w.line(e, "call stuck in the MQ client, connection given up")
	case GaveUp:
		w.line(e, "the queue manager is not tried again")
	case QueueHeld:
		w.repeated(e, "queue is held by another connection, waiting for it", zap.String("queue", e.Queue))
	case PoisonMoved:
		w.line(e, "message failed too often and was moved", zap.String("queue", e.Queue), zap.String("to", e.To),
			zap.String("messageID", hex.EncodeToString(e.MessageID[:])), zap.Int("attempts", e.Attempt))
	case Missed:
		w.line(e, "events are missing, because OnEvent or the log was too slow", zap.Int("dropped", e.Dropped))
	case PoisonFailed:
		w.repeated(e, "message that failed too often is still in the way", zap.String("queue", e.Queue),
			zap.String("messageID", hex.EncodeToString(e.MessageID[:])))
	}
}

// begin begins an outage, unless one goes on.
func (w *logWriter) begin(e Event) {
	if e.Kind == ConnectionLost && !w.connected.IsZero() && e.Time.Sub(w.connected) >= settled {
		w.outage, w.seen, w.texts = time.Time{}, nil, nil
	}
	if w.outage.IsZero() {
		w.outage = e.Time
	}
}

// writeConnected is silent where the line before it said so already, and what came between was left out.
func (w *logWriter) writeConnected(e Event) {
	w.connected = e.Time
	if w.silent {
		return
	}
	fields := []zap.Field{zap.Int("attempt", e.Attempt), zap.String("library", e.Info.Library), zap.String("version", e.Info.Version)}
	if !w.outage.IsZero() {
		fields = append(fields, zap.Duration("outage", e.Time.Sub(w.outage)))
	}
	w.line(e, "connected to the queue manager", fields...)
	w.silent = true
}

// repeated writes a line, unless one like it was written within repeatAfter.
func (w *logWriter) repeated(e Event, text string, fields ...zap.Field) {
	key := string(e.Code()) + e.Endpoint + e.Queue
	key += w.cause(e.Err)
	if unlogged, due := w.due(key, e.Time); due {
		w.line(e, text, append(fields, zap.Int("repeatsNotLogged", unlogged))...)
	}
}

// maxTexts is how many different texts of errors without a reason code are told from each other in one outage.
const maxTexts = 16

// cause tells failures from each other by their reason codes. What a Dialer says in its own words may differ each time, by a
// port or a time of day, and would fill the log: beyond maxTexts all other texts count as the same.
func (w *logWriter) cause(err error) string {
	if err == nil {
		return ""
	}
	var failed *Error
	if errors.As(err, &failed) && failed.Reason != 0 {
		return fmt.Sprint(failed.Verb, failed.Queue, failed.Reason, failed.Class)
	}
	text := err.Error()
	if !w.texts[text] {
		if len(w.texts) >= maxTexts {
			return ""
		}
		if w.texts == nil {
			w.texts = make(map[string]bool)
		}
		w.texts[text] = true
	}
	return text
}

// line writes one. The level is that of the code.
func (w *logWriter) line(e Event, text string, more ...zap.Field) {
	w.silent = false
	code := e.Code()
	fields := []zap.Field{zap.String("code", string(code)), zap.String("endpoint", e.Endpoint), zap.Uint64("generation", e.Generation)}
	if e.QueueManager != "" {
		fields = append(fields, zap.String("queueManager", e.QueueManager))
	}
	if e.Info.Bindings {
		fields = append(fields, zap.String("transport", "bindings"))
	} else if e.Info.Channel != "" {
		fields = append(fields, zap.String("transport", "client"), zap.String("channel", e.Info.Channel))
	}
	var failed *Error
	if errors.As(e.Err, &failed) {
		fields = append(fields, zap.String("class", failed.Class.String()))
		if failed.Reason != 0 {
			fields = append(fields, zap.Int32("reason", int32(failed.Reason)), zap.String("meaning", failed.Reason.Meaning()))
		}
	}
	if e.Err != nil {
		fields = append(fields, zap.Error(e.Err))
	}
	w.log.Log(code.level(), text, append(fields, more...)...)
}

// level is what the last letter says.
func (c Code) level() zapcore.Level {
	switch c[len(c)-1] {
	case 'E':
		return zapcore.ErrorLevel
	case 'W':
		return zapcore.WarnLevel
	}
	return zapcore.InfoLevel
}
