package mqconn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// ID is a message or correlation identifier: the 24 bytes of MQMD.MsgId and MQMD.CorrelId.
// The zero ID means "none" in a message and "any" in GetOptions, as MQMI_NONE and MQCI_NONE do.
type ID [24]byte

// Address names a queue. An empty QueueManager is the connected one.
type Address struct {
	QueueManager string
	Queue        string
}

// Message is what Put sends and what Get and Browse fill in.
type Message struct {
	ID            ID // Put does not send it but draws a new one, and sets it where the transport can tell
	CorrelationID ID
	Body          []byte        // in bytes as they are: nothing is converted
	Persistent    bool          // false: gone when the queue manager stops, and perhaps when a channel breaks
	Priority      int           // 0, the lowest, to 9; the queue's DEFPRTY does not count
	Expiry        time.Duration // zero: never; the unit on the wire is 100 ms
	ReplyTo       Address
	Report        Report   // what ReplyTo is to be told; zero: nothing
	Feedback      Feedback // filled in by Get: what a report tells; zero: it is none
	UserID        string   // filled in by Get where Info.UserID
	BackoutCount  int      // filled in by Get; -1: the transport cannot tell
}

// GetOptions select a message and bound the wait for it.
type GetOptions struct {
	Wait          time.Duration // zero: do not wait
	ID            ID            // zero: any
	CorrelationID ID            // zero: any
}

// MaxSlice is the longest wait that a Transport is asked for in one call. A call that waits
// inside the MQ client cannot be interrupted, so a longer wait is made of slices.
const MaxSlice = time.Second

// ErrNoMessage is returned by Get and Browse when no message fits within the wait
// (MQRC_NO_MSG_AVAILABLE, 2033). It is not a fault.
var ErrNoMessage = errors.New("mqconn: no message available")

// Transport is one connection to a queue manager, with one unit of work, used by one goroutine at
// a time. Every error is ErrNoMessage or a *Fault.
//
// On a connection dialled without DialOptions.Transacted nothing is in syncpoint. On a transacted
// one puts are, and so is a get of a persistent message; whether the get of a non-persistent
// message is depends on the transport, and a caller must not depend on either.
type Transport interface {
	// Put sends m and sets m.ID where it can.
	Put(to Address, m *Message) error
	// Get takes a message off queue into m. It uses the memory of m.Body again, or gives m a long body's
	// own memory where that spares a copy. o.Wait is at most MaxSlice.
	Get(queue string, m *Message, o GetOptions) error
	// Browse reads a message and leaves it on queue: the first, or the next after the last
	// one browsed.
	Browse(queue string, m *Message, next bool) error
	// Hold opens queue for exclusive input until Close, so that nobody else can get from it.
	// A queue that another holds answers 2042 (mqrc.ObjectInUse).
	Hold(queue string) error
	// Commit ends the unit of work. With nothing in it, and on a connection that is not transacted,
	// it succeeds, and has asked the queue manager: an idle connection is probed so.
	Commit() error
	Backout() error
	Info() Info
	// Close backs out the open unit of work and disconnects. Nothing may be called after it.
	Close() error
}

// Info says what a connection is and what its transport can do.
type Info struct {
	Library      string // module path of the client library
	Version      string // its version
	QueueManager string // the name that the queue manager gave
	Channel      string // the server-connection channel, where the transport knows it
	Endpoint     string
	Bindings     bool // local bindings rather than a client channel
	MaxMessage   int  // longest body in bytes

	RemoteQueueManager bool // Put honours Address.QueueManager
	UserID             bool // Get fills in Message.UserID
	BackoutCount       bool // Get fills in Message.BackoutCount
	ExclusiveOpen      bool // Hold asks for exclusive input itself, whatever the queue's DEFSOPT
	HeldBrowse         bool // a held queue can be browsed and got from by ID on the same connection

	Reports Report // the options of Message.Report that Put takes and Get fills in
}

// DialOptions say what one connection is for.
type DialOptions struct {
	Endpoint   string // one of Config.Endpoints
	Role       string // for the application name and events
	Transacted bool
}

// Dialer makes connections. An error is a *Fault, or ErrNotBuilt, or the error of ctx. Dial may be slow to notice the
// end of ctx, or deaf to it: it is given up then, and what it brings too late is closed. Nothing recovers from a panic
// of a Dialer or Transport: it ends the process.
type Dialer interface {
	Dial(ctx context.Context, o DialOptions) (Transport, error)
}

// Describer is implemented by a Dialer that can say what it would connect to: events and log lines of a
// connection that cannot be made then name queue manager, channel and transport. New asks it once for each
// endpoint. It does no I/O.
type Describer interface{ Describe(endpoint string) Info }

// ErrNotBuilt says that a transport was left out of this program at build time. The text of the
// error that wraps it tells how to build it in. It is never retried.
var ErrNotBuilt = errors.New("mqconn: transport not built into this program")

// Verb names an MQI call.
type Verb string

// The verbs a Fault can name.
const (
	VerbConnect    Verb = "MQCONNX"
	VerbOpen       Verb = "MQOPEN"
	VerbPut        Verb = "MQPUT"
	VerbPut1       Verb = "MQPUT1"
	VerbGet        Verb = "MQGET"
	VerbCommit     Verb = "MQCMIT"
	VerbBackout    Verb = "MQBACK"
	VerbInquire    Verb = "MQINQ"
	VerbClose      Verb = "MQCLOSE"
	VerbDisconnect Verb = "MQDISC"
)

// Fault is the raw failure of one MQI call, as a Transport or Dialer reports it.
type Fault struct {
	Verb           Verb
	CompletionCode int32 // 1 warning, 2 failed
	Reason         mqrc.Reason
	Queue          string
	Bindings       bool // local bindings: 2058 means something else there
	Syncpoint      bool // the call was inside a unit of work
	Connected      bool // this Connector has had a good connection before; set by the Connector

	// Err is what the transport has to say beyond the reason, such as ErrNotExclusive; mostly nil.
	Err error
}

func (f *Fault) Error() string {
	if f.Queue == "" {
		return fmt.Sprintf("%s: %s", f.Verb, f.what())
	}
	return fmt.Sprintf("%s %s: %s", f.Verb, f.Queue, f.what())
}

// what tells the reason, and what the transport adds. A transport that refuses something itself has
// no reason of the queue manager to tell.
func (f *Fault) what() string {
	if f.Err != nil && f.Reason == mqrc.None {
		return f.Err.Error()
	}
	text := fmt.Sprintf("completion code %d, reason %s", f.CompletionCode, f.Reason)
	if f.Err != nil {
		text += ": " + f.Err.Error()
	}
	return text
}

// Unwrap gives Err.
func (f *Fault) Unwrap() error { return f.Err }

// ErrNotExclusive is in the Fault of a Hold whose Transport cannot ask for exclusive input
// (Info.ExclusiveOpen is false) on a queue that others could open too. It is of class Fatal: the
// queue has to be defined with DEFSOPT(EXCL) or NOSHARE.
var ErrNotExclusive = errors.New("mqconn: the queue can be shared, define it with DEFSOPT(EXCL) NOSHARE")

// ErrReopen is in the Fault of a call that will succeed on a new connection only, such as a get of
// a message that is longer than a buffer which is fixed for the life of a connection. Whatever its
// reason, it is of class Retry: the Session ends, and the next one can make the call.
var ErrReopen = errors.New("mqconn: the connection has to be made again")
