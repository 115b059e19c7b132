package mqconn

import (
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
	"go.uber.org/zap"
)

// FTERetry is the fixed interval of IBM MQ Managed File Transfer agents (agentQMgrRetryInterval,
// 30 s): set Min and Max to it to retry as they do.
const FTERetry = 30 * time.Second

const (
	defaultMin       = 20 * time.Millisecond
	defaultMax       = time.Second
	defaultDialLimit = 30 * time.Second
	defaultCallLimit = 30 * time.Second

	// refusedTries and refusedDelay are for authentication and configuration errors: a directory
	// server or a half-started queue manager may refuse for moments, a wrong password for ever.
	refusedTries = 5
	refusedDelay = 30 * time.Second

	// settled is how long a session must have lived, unless it committed work, for the delays to
	// start small again; a queue manager that accepts and drops connections is not hammered.
	settled = 30 * time.Second

	// maxStuck bounds the threads that calls stuck in the MQ client hold: Go ends a process that
	// has 10,000 of them.
	maxStuck = 64
)

// Config configures a Connector.
type Config struct {
	// Dialer makes the connections. Required.
	Dialer Dialer

	// Endpoints are what the Dialer takes, such as "mq.example.com(1414)". They are tried in this order, each
	// at once when the one before it failed; a delay follows when all have failed. After a loss the next one comes
	// first. All must lead to the same queue manager or to its replacement. Default: one empty endpoint,
	// which is what bindings and in-process dialers want.
	Endpoints []string

	// Min and Max bound the delay between rounds over the endpoints. Delays double from Min to Max
	// with full jitter and are clamped after it, so none is ever zero. What a round took counts: after dials that hung
	// until their limit only Min is left. They start at Min again after a session that lived for 30 s or committed
	// work. Defaults: 20 ms and 1 s (Max at least Min); New refuses negative ones. A round that is refused for configuration or authority is followed by
	// Max before the first good connection, and for authority by at least 30 s after it.
	Min, Max time.Duration

	// DialLimit is how long one dial may take, CallLimit how long any other call may take beyond
	// the wait that it asked for, before it is given up with ErrStuck. Default 30 s each; negative:
	// no limit. Without a CallLimit an idle connection to a peer that died in silence is not given up either:
	// its probe waits like any other call, until the MQ client notices.
	DialLimit, CallLimit time.Duration

	// Repeatable says that the function given to Run does no harm when it is called again after a call
	// whose outcome is not known: a Commit, or a Put outside a unit of work, that the connection broke
	// under. The function may then do again what has been done already, so its messages carry an identity
	// by which their receiver drops the second, or Session.Unknown is asked first. A function whose only effects are
	// in units of work that begin with a Get of a persistent message needs neither: what was committed is
	// not there to be got again. Default: Run does not
	// call it again but returns the *Error of class OutcomeUnknown, and the program decides.
	Repeatable bool

	// Classify may overrule the classification of a Fault; zero leaves it to the function
	// Classify. A failed MQOPEN on behalf of Put is given as VerbPut1. Called from several
	// goroutines. For example, a standby that keeps a warm connection on a node whose queue manager
	// may rightly be elsewhere turns NotHere into Retry.
	Classify func(Fault) Class

	// OnEvent is called for each Event, in order, from one goroutine. It may block: Run waits for
	// it at its end, and while it is behind by 256 events, newer ones are dropped and counted.
	OnEvent func(Event)

	// Logger gets the same facts as log lines; repeated failures are logged once a minute with
	// their count. Default: no log.
	Logger *zap.Logger
}

func (c *Config) complete() error {
	switch {
	case c.Dialer == nil:
		return errors.New("mqconn: Config.Dialer is missing")
	case c.Min < 0 || c.Max < 0:
		return errors.New("mqconn: Config.Min and Config.Max must not be negative: a retry without a delay is a busy loop")
	case c.Max > 0 && c.Max < c.Min:
		return fmt.Errorf("mqconn: Config.Max %v is less than Config.Min %v", c.Max, c.Min)
	}
	if c.Min == 0 {
		c.Min = defaultMin
		if c.Max > 0 {
			c.Min = min(c.Min, c.Max)
		}
	}
	if c.Max == 0 {
		c.Max = max(defaultMax, c.Min)
	}
	if c.DialLimit == 0 {
		c.DialLimit = defaultDialLimit
	}
	if c.CallLimit == 0 {
		c.CallLimit = defaultCallLimit
	}
	if len(c.Endpoints) == 0 {
		c.Endpoints = []string{""}
	} else {
		c.Endpoints = append([]string(nil), c.Endpoints...)
	}
	return nil
}

// intervals makes the generator of delays. Two traps of the library are disarmed here: its default
// MaxElapsedTime of 15 minutes, after which it answers Stop (-1) for ever, and its jitter, which is
// added beyond MaxInterval. A factor of 1 makes it choose between zero and twice the interval, so
// half of Max as MaxInterval is full jitter up to Max; the core clamps what comes out.
func intervals(c Config) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(c.Min),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(1),
		backoff.WithMaxInterval(max(c.Max/2, 1)),
		backoff.WithMaxElapsedTime(0),
	)
}
