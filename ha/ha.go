// Package ha composes an agent. (Skeleton of the exported API.)
package ha

import (
	"context"
	"io"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/transfer"
	"go.uber.org/zap"
)

// Lease is the right to be active.
type Lease interface {
	Epoch() uint64
	Done() <-chan struct{}
	Err() error
	Verify(context.Context) error
	Release(context.Context) error
}

// LossAction says what an agent does after it lost the lease.
type LossAction int

// The actions.
const (
	Standby LossAction = iota
	Exit
)

// Config configures an Agent.
type Config struct {
	Name, StateDir, LockFile string
	Before, Group            []resource.Spec
	MQ                       mqconn.Config
	Transfer                 transfer.Options
	Work                     func(context.Context, *Active) error
	AfterLoss                LossAction
	HardStop                 func(error)
	OnEvent                  func(Event)
	Logger                   *zap.Logger
}

// Active is what Work gets.
type Active struct {
	Lease   Lease
	Session *mqconn.Session
	Engine  *transfer.Engine
}

// Code is the stable code of an Event.
type Code string

// The codes.
const (
	CodeStandby      Code = "MQHA0194I" // waiting for the lock; Text says who holds it
	CodeElected      Code = "MQHA0192I" // lease held, Epoch
	CodeActive       Code = "MQHA0059I" // connected, all queues held, work begins
	CodeDisconnected Code = "MQHA0183W" // the session ended
	CodeLeaseLost    Code = "MQHA0170E"
	CodeStopped      Code = "MQHA0071I"
	CodeConnection   Code = "MQHA0048W" // Detail: mqconn.Event
	CodeLock         Code = "MQHA0193I" // Detail: lockfile.Event
	CodeResource     Code = "MQHA0200I" // Detail: resource.Event
	CodeTransfer     Code = "MQHA0300I" // Detail: transfer.Event
)

// Event is something that happened to an Agent.
type Event struct {
	Time   time.Time
	Code   Code
	Epoch  uint64
	Text   string
	Detail any
}

// Agent is one instance.
type Agent struct{}

// New checks c; no I/O.
func New(c Config) (*Agent, error) { panic("skeleton") }

// Main runs an agent until SIGINT or SIGTERM and ends the process with ExitCode.
func Main(c Config) { panic("skeleton") }

// ExitCode maps errors to exit codes.
func ExitCode(err error) int { panic("skeleton") }

// MQSC writes the definitions that the agent needs.
func (Config) MQSC(w io.Writer) error { panic("skeleton") }

// Run runs the agent.
func (*Agent) Run(ctx context.Context) error { panic("skeleton") }

// Program adapts the agent to hosts.
func (*Agent) Program() resource.Program { panic("skeleton") }

// StopMode says how to stop.
type StopMode string

// The modes.
const (
	Controlled StopMode = "controlled" // finish what runs
	Immediate  StopMode = "immediate"  // suspend at the last checkpoint
)

// Pong is an agent's answer to Ping.
type Pong struct {
	Agent    string
	Instance string
	Epoch    uint64
	Took     time.Duration
}

// Client talks to an agent through its command queue.
type Client struct{}

// NewClient makes a client of agent.
func NewClient(m mqconn.Config, agent string) (*Client, error) { panic("skeleton") }

// Ping asks the active instance.
func (*Client) Ping(ctx context.Context) (Pong, error) { panic("skeleton") }

// Submit asks for a transfer.
func (*Client) Submit(ctx context.Context, r transfer.Request) (transfer.ID, error) {
	panic("skeleton")
}

// Status of a transfer.
func (*Client) Status(ctx context.Context, id transfer.ID) (transfer.Status, error) {
	panic("skeleton")
}

// Stop stops the named instance.
func (*Client) Stop(ctx context.Context, instance string, mode StopMode) error { panic("skeleton") }

// Close ends the client.
func (*Client) Close() error { panic("skeleton") }
