package mqconn

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fault(v Verb, r mqrc.Reason) *Fault { return &Fault{Verb: v, CompletionCode: 2, Reason: r} }

// manager is a scripted queue manager. Its hooks see every call; what they leave alone succeeds.
type manager struct {
	dial func(ctx context.Context, o DialOptions, n int) error // n counts from 1
	call func(t *transport, v Verb, queue string) error        // v is MQBROWSE for Browse
	name func(o DialOptions) string

	mu    sync.Mutex
	dials []dialRecord
	open  int // transports not closed
	peak  int
	made  []*transport
}

type dialRecord struct {
	at time.Time
	DialOptions
	open int // connections open at that time
}

const verbBrowse Verb = "MQBROWSE"

func (m *manager) Dial(ctx context.Context, o DialOptions) (Transport, error) {
	m.mu.Lock()
	m.dials = append(m.dials, dialRecord{at: time.Now(), DialOptions: o, open: m.open})
	n := len(m.dials)
	m.mu.Unlock()
	if m.dial != nil {
		if err := m.dial(ctx, o, n); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open++
	m.peak = max(m.peak, m.open)
	t := &transport{manager: m, options: o, number: len(m.made) + 1}
	m.made = append(m.made, t)
	return t, nil
}

func (m *manager) records() []dialRecord {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.dials)
}

func (m *manager) connections() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open
}

// calls counts those of one transport, numbered from 1.
func (m *manager) calls(number int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.made[number-1].calls
}

// transport is one connection to a manager.
type transport struct {
	manager *manager
	options DialOptions
	number  int // counts from 1 for each manager
	busy    bool
	closed  bool
	calls   int
}

func (t *transport) do(v Verb, queue string) error {
	t.manager.mu.Lock()
	if t.busy || t.closed {
		t.manager.mu.Unlock()
		return fault(v, mqrc.CallInProgress)
	}
	t.busy = true
	t.calls++
	hook := t.manager.call
	t.manager.mu.Unlock()
	var err error
	if hook != nil {
		err = hook(t, v, queue)
	}
	t.manager.mu.Lock()
	t.busy = false
	t.manager.mu.Unlock()
	return err
}

func (t *transport) Put(to Address, m *Message) error { return t.do(VerbPut, to.Queue) }
func (t *transport) Hold(queue string) error          { return t.do(VerbOpen, queue) }
func (t *transport) Commit() error                    { return t.do(VerbCommit, "") }
func (t *transport) Backout() error                   { return t.do(VerbBackout, "") }

func (t *transport) Browse(queue string, m *Message, next bool) error {
	return t.do(verbBrowse, queue)
}

// Get without a hook finds the queue empty.
func (t *transport) Get(queue string, m *Message, o GetOptions) error {
	if o.Wait > MaxSlice {
		return errors.New("asked to wait for more than a slice")
	}
	if t.manager.call != nil {
		if err := t.do(VerbGet, queue); !errors.Is(err, errEmpty) {
			return err
		}
	}
	time.Sleep(o.Wait)
	return ErrNoMessage
}

// errEmpty makes a Get wait for its slice.
var errEmpty = errors.New("empty")

func (t *transport) Info() Info {
	name := "QM1"
	if t.manager.name != nil {
		name = t.manager.name(t.options)
	}
	return Info{QueueManager: name, Endpoint: t.options.Endpoint}
}

func (t *transport) Close() error {
	err := t.do(VerbDisconnect, "")
	t.manager.mu.Lock()
	defer t.manager.mu.Unlock()
	t.closed = true
	t.manager.open--
	return err
}

// recorder keeps events; OnEvent is its add.
type recorder struct {
	mu     sync.Mutex
	events []Event
}

func (r *recorder) add(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) all() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

func (r *recorder) kinds() []EventKind {
	var kinds []EventKind
	for _, e := range r.all() {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func newConnector(t *testing.T, c Config) *Connector {
	t.Helper()
	connector, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return connector
}

// open opens a connection or ends the function of Run by the error that it returns.
func open(t *testing.T, ctx context.Context, s *Session, transacted bool) *Conn {
	t.Helper()
	conn, err := s.Open(ctx, "test", transacted)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return conn
}

// asError demands an *Error.
func asError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T) is not an *Error", err, err)
	}
	return e
}
