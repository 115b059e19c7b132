// Package transfer moves files, exactly once. (Skeleton of the exported API.)
package transfer

import (
	"context"
	"errors"
	"time"
)

// ID names a transfer: 128 random bits.
type ID [16]byte

// Fence is the right to write: a lease.
type Fence interface {
	Epoch() uint64
	Err() error
}

// Options configure an Engine.
type Options struct {
	Name               string        // this agent's name, 1 to 28 of A-Z 0-9 . _ ; package ha fills it in
	ReadRoots          []string      // directories below which files may be sent; none: nothing is sent
	WriteRoot          string        // directory below which files are delivered; empty: nothing is received
	FrameBytes         int           // default 256 KiB
	CreditBytes        int           // default 32 MiB in flight a transfer
	CreditFrames       int           // default 128
	CheckpointBytes    int           // default 8 MiB
	CheckpointInterval time.Duration // default 200 ms
	RetryInterval      time.Duration // default 1 s: how often an unanswered question is asked again
	OnEvent            func(Event)
}

// Item is a file or directory to send.
type Item struct {
	Source      string `json:"source"`      // absolute path at the sender
	Destination string `json:"destination"` // slash-separated path below the receiver's WriteRoot; "." for itself
}

// Request asks for one transfer. A zero ID is drawn by Submit.
type Request struct {
	ID    ID     `json:"id"`
	To    string `json:"to"` // agent name
	Items []Item `json:"items"`
}

// State of a transfer.
type State string

// The states.
const (
	Waiting    State = "waiting"    // no answer from the receiver yet
	Running    State = "running"    // data flows
	Recovering State = "recovering" // was running; the link or the other side is away
	Completed  State = "completed"  // every file is delivered or reported failed
	Refused    State = "refused"    // the receiver will not have it
)

// FileFailure is one file that could not be delivered.
type FileFailure struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Status describes one transfer.
type Status struct {
	ID       ID            `json:"id"`
	Peer     string        `json:"peer"`
	Sending  bool          `json:"sending"`
	State    State         `json:"state"`
	Files    int           `json:"files"`    // in the manifest
	Done     int           `json:"done"`     // files durably delivered or failed
	Bytes    int64         `json:"bytes"`    // of all files
	Durable  int64         `json:"durable"`  // bytes durable at the receiver
	Failures []FileFailure `json:"failures"` // at most 100
	Failed   int           `json:"failed"`   // files failed in all
	Reason   string        `json:"reason"`   // why refused
}

// EventKind says what an Event reports.
type EventKind string

// The kinds of events.
const (
	EventSubmitted EventKind = "submitted"
	EventOpened    EventKind = "opened"   // first answer of the receiver, or first frame at the receiver
	EventResumed   EventKind = "resumed"  // goes on at Offset after a loss of link, process or epoch
	EventProgress  EventKind = "progress" // a checkpoint became durable
	EventFailed    EventKind = "failed"   // one file
	EventCompleted EventKind = "completed"
	EventRefused   EventKind = "refused"
)

// Event is something that happened to a transfer.
type Event struct {
	Kind     EventKind `json:"kind"`
	Time     time.Time `json:"time"`
	Transfer ID        `json:"transfer"`
	Peer     string    `json:"peer"`
	Sending  bool      `json:"sending"`
	Offset   int64     `json:"offset"`  // in the transfer's stream of file bytes: where it resumes (EventResumed)
	Durable  int64     `json:"durable"` // file bytes durable at the receiver
	Bytes    int64     `json:"bytes"`   // of all files
	Sent     int64     `json:"sent"`    // file bytes put on the link by this process, repeats included
	Files    int       `json:"files"`   // delivered or failed
	File     string    `json:"file,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// Frame is one message between engines.
type Frame struct {
	Peer       string // Send: agent to send to; Receive: not set
	Persistent bool
	Body       []byte
}

// Link carries frames; it may lose, repeat, delay and reorder them.
type Link interface {
	Send(ctx context.Context, f *Frame) error
	Receive(ctx context.Context, f *Frame) error
	Commit(ctx context.Context) error
	MaxBody() int
}

// The errors.
var (
	ErrUnknown = errors.New("transfer: unknown transfer")
	ErrInUse   = errors.New("transfer: directory is in use by another engine of the same epoch")
	ErrFenced  = errors.New("transfer: the lease is lost")
	ErrRefused = errors.New("transfer: refused")
	ErrPeer    = errors.New("transfer: no way to that agent") // a Link's Send: concerns one peer, not the link
)

// Engine sends and receives for one agent during one epoch.
type Engine struct{}

// Open reads the journal in dir and takes it over for the epoch of f.
func Open(ctx context.Context, dir string, f Fence, o Options) (*Engine, error) { panic("skeleton") }

// Run works over l until ctx ends, l fails, or the fence is lost. It may be called again.
func (*Engine) Run(ctx context.Context, l Link) error { panic("skeleton") }

// Submit records a transfer durably and returns its ID. Idempotent by r.ID.
func (*Engine) Submit(ctx context.Context, r Request) (ID, error) { panic("skeleton") }

// Status describes a transfer; ErrUnknown.
func (*Engine) Status(id ID) (Status, error) { panic("skeleton") }

// Wait returns when the transfer is completed or refused.
func (*Engine) Wait(ctx context.Context, id ID) (Status, error) { panic("skeleton") }

// Drain starts nothing new and returns when no frame is in flight and all that was received is durable.
func (*Engine) Drain(ctx context.Context) error { panic("skeleton") }

// Close ends the engine's goroutines and closes its files.
func (*Engine) Close() error { panic("skeleton") }

// HighestEpoch is the highest epoch of the journals in dir; 0 when there is none.
func HighestEpoch(dir string) (uint64, error) { panic("skeleton") }

// Pipe connects two engines in one process.
func Pipe() (a, b Link) { panic("skeleton") }
