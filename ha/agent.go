package ha

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync/atomic"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/transfer"
)

// Agent is one instance of an agent.
type Agent struct {
	config    Config
	instance  string
	before    *resource.Group
	group     *resource.Group
	connector *mqconn.Connector
	standby   *mqconn.Connector // of an instance that stands by
	events    *reporter
	epoch     atomic.Uint64 // for events: of the lease that is held
	stops     chan bool     // true: drain
	probes    chan chan error
	ran       atomic.Bool
	standBack time.Duration // before the next campaign, if nothing says otherwise
	diskWait  time.Duration // of an instance that is elected, for a directory that is missing
}

// New checks all of c and reports everything that is wrong at once, as *ConfigErrors. It does no
// I/O. The instance gets a new random name.
func New(c Config) (*Agent, error) {
	a := &Agent{
		instance: newInstance(), stops: make(chan bool, 8), probes: make(chan chan error), standBack: 5 * time.Second,
		diskWait: 30 * time.Second,
	}
	wrong := []error{c.check()}
	c.setDefaults()
	if err := c.Transfer.Validate(); c.transfers() && checkName(c.Name) == nil && err != nil {
		wrong = append(wrong, &ConfigError{Text: "Config.Transfer", Err: err})
	}
	a.config = c
	for _, g := range []struct {
		field string
		specs []resource.Spec
		group **resource.Group
	}{{"Before", c.Before, &a.before}, {"Group", c.Group, &a.group}} {
		group, err := resource.NewGroup(resource.Options{OnEvent: a.onResourceEvent}, g.specs...)
		if err != nil {
			wrong = append(wrong, &ConfigError{Text: "Config." + g.field, Err: err})
		}
		*g.group = group
	}
	mq := c.MQ
	if mq.Logger == nil {
		mq.Logger = c.Logger
	}
	mq.Repeatable = true // every frame and every command can come twice; what Work does is said there
	mq.OnEvent = func(ev mqconn.Event) {
		code := CodeConnection
		if ev.Kind == mqconn.Connected {
			code = CodeConnected
		}
		a.say(code, connectionText(ev), ev)
		if c.MQ.OnEvent != nil {
			c.MQ.OnEvent(ev)
		}
	}
	var err error
	if a.connector, err = mqconn.New(mq); err == nil {
		a.standby, err = standbyConnector(mq)
	}
	if err != nil {
		wrong = append(wrong, &ConfigError{Text: "Config.MQ", Err: err})
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	a.config.Transfer.OnEvent = func(ev transfer.Event) {
		a.say(CodeTransfer, transferText(ev), ev)
		if c.Transfer.OnEvent != nil {
			c.Transfer.OnEvent(ev)
		}
	}
	return a, nil
}

func newInstance() string {
	var b [8]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}

// Instance is the name of this instance, new and random with each New. A stop command names it.
func (a *Agent) Instance() string { return a.instance }

// Run campaigns, is active while it can, and stands by in between. It returns when ctx ends, after a
// controlled stop; when a stop command came; when Work is done; or with an error:
//
//   - *ConfigError, or an *mqconn.Error of class Fatal: somebody has to change something.
//   - With Config.AfterLoss Exit what made the agent step down: *lockfile.LostError,
//     *resource.FailoverError, *FenceError, *YieldError, *mqconn.Error.
//   - *OverrunError: something did not end; the process should.
//
// ExitCode maps them. Run can be called once.
func (a *Agent) Run(ctx context.Context) error {
	if a.ran.Swap(true) {
		return errors.New("ha: Run can be called once; make a new Agent")
	}
	a.events = newReporter(a.config.OnEvent, a.config.Logger)
	err := newRun(ctx, a).loop(ctx)
	return a.flush(err)
}

// flush waits for the last events. A log on a disk that is gone may never take them: the agent
// stops all the same, and says so.
func (a *Agent) flush(err error) error {
	a.events.Close()
	t := time.NewTimer(5 * time.Second)
	defer t.Stop()
	select {
	case <-a.events.Done():
		return err
	case <-t.C:
		return &OverrunError{Running: []string{"OnEvent or Logger"}, Cause: err}
	}
}

// Program adapts the agent to a host. It is ready when it is active; also when it holds the lease and
// its queue manager does not answer yet: a cluster that waited for a queue manager would give up the
// agent on one node after the other. It reports progress while it stands by and while it stops, and is
// healthy while its control loop answers. Under a cluster manager set Config.AfterLoss to Exit.
func (a *Agent) Program() resource.Program {
	return resource.Program{Name: "mqha-" + a.config.Name, Run: func(ctx context.Context, n resource.Notifier) error {
		onEvent := a.config.OnEvent
		a.config.OnEvent = func(ev Event) {
			switch ev.Code {
			case CodeActive:
				n.Ready()
			case CodeConnection: // nothing dials without the lease
				if isOutage(ev.Detail) {
					n.Ready()
				}
			case CodeStandby, CodeStandsBack:
				n.Progress(ev.Text, standbySign)
			case CodeSteppingDown, CodeFailover, CodeLeaseLost:
				n.Progress(ev.Text, max(a.config.DrainTimeout, 0)+a.config.StopTimeout)
			}
			if onEvent != nil {
				onEvent(ev)
			}
		}
		n.Healthy(a.healthy)
		return a.Run(ctx)
	}}
}

// standbySign: a standby may wait for weeks, and that is no reason to take it for dead.
const standbySign = time.Hour

// isOutage says whether a connection event is about a queue manager that may come back by itself.
func isOutage(detail any) bool {
	ev, ok := detail.(mqconn.Event)
	var fault *mqconn.Error
	return ok && ev.Kind == mqconn.DialFailed && errors.As(ev.Err, &fault) &&
		fault.Class != mqconn.Fatal && fault.Class != mqconn.NotHere
}

func (a *Agent) healthy(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case a.probes <- answer:
		return <-answer
	case <-ctx.Done():
		return errors.New("ha: the agent's control loop does not answer")
	}
}

// stop only asks. Whoever asks faster than the agent listens, asks an agent that is stopping already.
func (a *Agent) stop(drain bool) {
	select {
	case a.stops <- drain:
	default:
	}
}

// say reports an event of the agent or of a package below.
func (a *Agent) say(code Code, text string, detail any) {
	a.events.emit(Event{Code: code, Epoch: a.epoch.Load(), Text: text, Detail: detail})
}
