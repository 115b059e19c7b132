package ha

import (
	"context"
	"fmt"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/transfer"
)

// standbyRole names the connection of an instance that stands by.
const standbyRole = "standby"

// standbyConnector dials for an instance that stands by. Its events are not the agent's: an instance that does nothing
// yet must not look like one in trouble.
func standbyConnector(mq mqconn.Config) (*mqconn.Connector, error) {
	classify := mq.Classify
	mq.OnEvent, mq.Logger = nil, nil
	mq.Dialer = standbyDialer{mq.Dialer}
	// A call without a limit would let it say for as long as that hangs that it is connected, and a dial that it is not.
	mq.DialLimit, mq.CallLimit = max(mq.DialLimit, 0), max(mq.CallLimit, 0)
	// The queue manager of this node may rightly be somewhere else.
	mq.Classify = func(f mqconn.Fault) mqconn.Class {
		class := mqconn.Class(0)
		if classify != nil {
			class = classify(f)
		}
		if class == 0 {
			class = mqconn.Classify(f)
		}
		if class == mqconn.NotHere {
			return mqconn.Retry
		}
		return class
	}
	return mqconn.New(mq)
}

// standbyDialer names the connection: it is the first of its Session, and those have one name in all programs.
type standbyDialer struct{ mqconn.Dialer }

func (d standbyDialer) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	o.Role = standbyRole
	return d.Dialer.Dial(ctx, o)
}

// Probe is that of the Dialer, if it has one.
func (d standbyDialer) Probe(ctx context.Context, endpoint string) error {
	if p, ok := d.Dialer.(mqconn.Prober); ok {
		return p.Probe(ctx, endpoint)
	}
	return nil
}

// warm connects for as long as this instance stands by, from the moment that it has found the lock held. It uses nothing
// there: an active instance without a queue manager is to see that there is one from here.
func (r *run) warm(ctx context.Context, held <-chan struct{}) error {
	select {
	case <-held:
	case <-ctx.Done():
		return ctx.Err()
	}
	for refused := ""; ; {
		err := r.a.standby.Run(ctx, func(session context.Context, s *mqconn.Session) error {
			conn, err := s.Open(session, standbyRole, true)
			if err != nil {
				return err
			}
			refused = ""
			r.says.say(true)
			r.sayStandingBy(r.a.readyText(conn.Info().QueueManager))
			for sleep(session, r.a.config.YieldAfter/4) == nil {
				r.says.say(true)
			}
			r.says.say(false)
			if ctx.Err() == nil {
				r.sayStandingBy(r.a.notReadyText(context.Cause(session)))
			}
			return context.Cause(session)
		})
		// Refused for configuration or authority: whoever mends it does not start the standbys again, but has to know of it
		// before the day on which the standby is needed.
		if err != nil && ctx.Err() == nil && err.Error() != refused {
			refused = err.Error()
			r.sayStandingBy(r.a.refusedText(err))
		}
		if err := sleep(ctx, r.a.config.YieldAfter); err != nil {
			return err
		}
	}
}

// sayStandingBy has the loop say it, which knows whether this instance stands by still.
func (r *run) sayStandingBy(text string) {
	r.post(note{keep: func() {
		if r.lease == nil {
			r.a.say(CodeReady, text, nil)
		}
	}})
}

// countVain runs in the loop, before the epoch of a new lease is kept. A standby that is stopped by its system keeps its word that
// it is ready, and does not come.
func (r *run) countVain(epoch uint64) {
	switch {
	case epoch > r.epoch+1:
		clear(r.vain) // somebody came
	case r.gave != "":
		r.vain[r.gave]++
	}
	r.gave = ""
}

// yield returns when a standby has been connected for as long as YieldAfter while this instance was not, or was without being
// active. It does not while there is a connection: that may be the one that works.
func (r *run) yield(ctx context.Context, vain map[string]int) (func(), error) {
	c := &r.a.config
	ready, said := lookout{self: r.a.instance, after: c.YieldAfter, vain: vain}, ""
	for {
		if err := sleep(ctx, min(c.YieldAfter/8, time.Second)); err != nil {
			return nil, err
		}
		// Who cannot be seen is not there.
		var standbys []lockfile.Standby
		var err error
		if !answers(ctx, func() { standbys, err = lockfile.Standbys(c.LockFile) }) {
			return nil, ctx.Err()
		}
		if err != nil && err.Error() != said {
			said = err.Error()
			r.a.say(CodeLock, "it cannot be seen whether a standby is connected: "+said, nil)
		}
		s, found := ready.look(time.Now(), standbys)
		if mq := r.a.connector.Status(); found && !mq.Connected {
			return nil, &YieldError{Instance: s.Instance, Host: s.Host, After: ready.patience(s.Instance), Err: mq.LastError}
		}
	}
}

// lookout remembers since when standbys have been ready at each look.
type lookout struct {
	self  string // what this instance has announced may still be withdrawn
	after time.Duration
	vain  map[string]int // how often in a row somebody was given way to and did not come, by instance
	last  time.Time
	since map[string]time.Time // by instance
}

// patience is how long a standby must have been ready: twice as long each time that it did not come, but not for ever. It may
// be awake again, and the only one that is connected.
func (l *lookout) patience(instance string) time.Duration { return l.after << min(l.vain[instance], 6) }

func (l *lookout) look(now time.Time, standbys []lockfile.Standby) (best lockfile.Standby, found bool) {
	before := l.since
	if now.Sub(l.last) > l.after/2 {
		before = nil // this process was stopped meanwhile, or the disk hung: it has not tried to connect all that time either
	}
	l.last, l.since = now, map[string]time.Time{}
	for _, s := range standbys {
		if !s.Ready || s.Instance == l.self {
			continue
		}
		since, ok := before[s.Instance]
		if !ok {
			since = now
		}
		l.since[s.Instance] = since
		if !found && now.Sub(since) >= l.patience(s.Instance) {
			best, found = s, true // and the others are remembered: this instance may be connected for the moment
		}
	}
	return best, found
}

// YieldError says that the agent stepped down for a standby: its queue manager was out of reach here for
// Config.YieldAfter, or no connection to it lived until the agent was active, and the standby was connected all that time.
type YieldError struct {
	Instance, Host string        // of the standby
	After          time.Duration // Config.YieldAfter; more if that standby was given way to before, and did not come
	Err            error         // why there is no connection here; nil while the first try has not ended
}

func (e *YieldError) Error() string {
	text := fmt.Sprintf("ha: no queue manager to work with for %v, while instance %s on host %s is connected", e.After, e.Instance, e.Host)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is matches ErrYield.
func (e *YieldError) Is(target error) bool { return target == ErrYield }

// Unwrap gives the last error of the connection.
func (e *YieldError) Unwrap() error { return e.Err }

// newest is the newest format of journals that this instance can read; 0: it has none.
func (c *Config) newest() int {
	if !c.transfers() {
		return 0
	}
	return transfer.NewestFormat
}
