package mqconn

import (
	"context"
	"errors"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
	"go.uber.org/zap"
)

// Class is what a Fault means for the caller. (Skeleton.)
type Class int

// The classes.
const (
	Retry Class = iota + 1
	NextEndpoint
	NotHere
	InUse
	Throttle
	MessageFault
	BackedOut
	OutcomeUnknown
	Fatal
)

// Config configures a Connector. (Skeleton.)
type Config struct {
	Dialer    Dialer
	Endpoints []string
	Min, Max  time.Duration
	Classify  func(Fault) Class
	OnEvent   func(Event)
	Logger    *zap.Logger
}

// EventKind says what an Event reports.
type EventKind int

// The kinds of events.
const (
	DialFailed EventKind = iota + 1
	Connected
	ConnectionLost
	CallStuck
)

// Event is something that happened to a Connector. (Skeleton.)
type Event struct {
	Kind       EventKind
	Time       time.Time
	Endpoint   string
	Generation uint64
	Attempt    int
	Err        error
	NextTry    time.Duration
}

// Error is a classified Fault. (Skeleton.)
type Error struct {
	Verb           Verb
	CompletionCode int32
	Reason         mqrc.Reason
	Endpoint       string
	Queue          string
	Class          Class
}

func (e *Error) Error() string { return "skeleton" }

// ErrStuck says that a call did not return from the MQ client within its limit.
var ErrStuck = errors.New("mqconn: call stuck in the MQ client")

// Connector follows the queue manager. (Skeleton.)
type Connector struct{}

// New makes a Connector; it does no I/O.
func New(c Config) (*Connector, error) { panic("skeleton") }

// Run dials, calls fn with a Session, and calls it again with a new one when that Session ended.
func (*Connector) Run(ctx context.Context, fn func(ctx context.Context, s *Session) error) error {
	panic("skeleton")
}

// Status is a snapshot.
func (*Connector) Status() Status { panic("skeleton") }

// Status describes a Connector at one moment.
type Status struct {
	Connected  bool
	Endpoint   string
	Generation uint64
	Attempt    int
	Since      time.Time
	LastError  error
	Stuck      int
}

// Session is one generation of connections.
type Session struct{}

// Generation counts the sessions of one Connector from 1.
func (*Session) Generation() uint64 { panic("skeleton") }

// Open gives a connection for role. Transacted connections have a unit of work.
func (*Session) Open(ctx context.Context, role string, transacted bool) (*Conn, error) {
	panic("skeleton")
}

// Conn is one connection of a Session. Its methods may be called by one goroutine at a time.
type Conn struct{}

// Put sends m.
func (*Conn) Put(ctx context.Context, to Address, m *Message) error { panic("skeleton") }

// Get waits up to o.Wait (any length, sliced; negative: until ctx ends).
func (*Conn) Get(ctx context.Context, queue string, m *Message, o GetOptions) error {
	panic("skeleton")
}

// Browse reads a message and leaves it.
func (*Conn) Browse(ctx context.Context, queue string, m *Message, next bool) error {
	panic("skeleton")
}

// Hold opens queue for exclusive input; while another holds it (InUse) it tries again every 50 ms until ctx ends.
func (*Conn) Hold(ctx context.Context, queue string) error { panic("skeleton") }

// Commit commits the unit of work.
func (*Conn) Commit(ctx context.Context) error { panic("skeleton") }

// Backout backs the unit of work out.
func (*Conn) Backout(ctx context.Context) error { panic("skeleton") }

// Info says what the connection is.
func (*Conn) Info() Info { panic("skeleton") }

// Close gives the connection back; the Session lives on.
func (*Conn) Close() error { panic("skeleton") }
