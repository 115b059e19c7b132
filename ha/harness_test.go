package ha

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("HA_TEST_ROLE"); role != "" {
		child(role)
		return
	}
	// These tests wait for other processes, for disks and for the slices of waiting gets rather than
	// compute: more of them than processors can run at once.
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must come; it is no measure of anything.
const patience = 30 * time.Second

// site is a queue manager and a shared disk with agents around them.
type site struct {
	t   *testing.T
	qm  *mqtest.QueueManager
	dir string
}

func newSite(t *testing.T, agents ...string) *site {
	t.Helper()
	return &site{t: t, qm: mqtest.New(t, mqtest.Options{MQSC: mqscOf(t, agents...)}), dir: t.TempDir()}
}

func mqscOf(t *testing.T, agents ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, name := range agents {
		if err := (Config{Name: name, Definitions: Definitions{QueueManager: "QM1"}}).MQSC(&b); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func (s *site) mq() mqconn.Config { return mqconn.Config{Dialer: s.qm.Dialer()} }

// config of an instance of agent name with the site's disk and a Work that only waits.
func (s *site) config(name string) Config {
	dir := filepath.Join(s.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	return Config{Name: name, StateDir: dir, MQ: s.mq(), Work: untilCancelled}
}

func untilCancelled(ctx context.Context, _ *Active) error {
	<-ctx.Done()
	return ctx.Err()
}

// running is an instance under test.
type running struct {
	t      *testing.T
	agent  *Agent
	cancel context.CancelFunc
	result chan error

	mu     sync.Mutex
	events []Event
	more   chan struct{} // closed and renewed at each event
}

func start(t *testing.T, c Config, change ...func(*Agent)) *running {
	t.Helper()
	r := &running{t: t, result: make(chan error, 1), more: make(chan struct{})}
	c.OnEvent = r.keep
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	a.standBack = 10 * time.Millisecond
	for _, fn := range change {
		fn(a)
	}
	r.agent = a
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.result <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-r.result:
		case <-time.After(patience):
			t.Errorf("agent did not stop; events:\n%s", r.story())
		}
	})
	return r
}

func (r *running) keep(ev Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, ev)
	close(r.more)
	r.more = make(chan struct{})
}

// event waits for the n-th event with code, from 1.
func (r *running) event(code Code, n int) Event {
	r.t.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		seen, more := 0, r.more
		for _, ev := range r.events {
			if ev.Code == code {
				if seen++; seen == n {
					r.mu.Unlock()
					return ev
				}
			}
		}
		r.mu.Unlock()
		select {
		case <-more:
		case <-timeout:
			r.t.Fatalf("event %d of %s did not come; events:\n%s", n, code, r.story())
		}
	}
}

func (r *running) count(code Code) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, ev := range r.events {
		if ev.Code == code {
			n++
		}
	}
	return n
}

func (r *running) story() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, ev := range r.events {
		fmt.Fprintf(&b, "  %s epoch %d: %s\n", ev.Code, ev.Epoch, ev.Text)
	}
	return b.String()
}

// ends waits for Run and returns its result.
func (r *running) ends() error {
	r.t.Helper()
	select {
	case err := <-r.result:
		r.result <- err // for the cleanup
		return err
	case <-time.After(patience):
		r.t.Fatalf("Run did not return; events:\n%s", r.story())
		return nil
	}
}

func (r *running) stop() error {
	r.t.Helper()
	r.cancel()
	return r.ends()
}

func (s *site) client(agent string) *Client {
	s.t.Helper()
	c, err := NewClient(s.mq(), agent)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// actives counts how many Works run at once, over all instances that use it.
type actives struct {
	now, most atomic.Int32
}

func (a *actives) work(ctx context.Context, _ *Active) error {
	n := a.now.Add(1)
	defer a.now.Add(-1)
	for {
		most := a.most.Load()
		if n <= most || a.most.CompareAndSwap(most, n) {
			break
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// gate is a Dialer that calls before at each call of the transports that it dials. An error is the
// answer of the queue manager.
type gate struct {
	inner  mqconn.Dialer
	before func(role string, verb mqconn.Verb, queue string) *mqconn.Fault
}

func (g *gate) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	if f := g.before(o.Role, mqconn.VerbConnect, ""); f != nil {
		return nil, f
	}
	t, err := g.inner.Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	return &gated{Transport: t, gate: g, role: o.Role}, nil
}

type gated struct {
	mqconn.Transport
	gate *gate
	role string
}

func (t *gated) Put(to mqconn.Address, m *mqconn.Message) error {
	if f := t.gate.before(t.role, mqconn.VerbPut, to.Queue); f != nil {
		return f
	}
	return t.Transport.Put(to, m)
}

func (t *gated) Get(queue string, m *mqconn.Message, o mqconn.GetOptions) error {
	if f := t.gate.before(t.role, mqconn.VerbGet, queue); f != nil {
		return f
	}
	return t.Transport.Get(queue, m, o)
}

func (t *gated) Hold(queue string) error {
	if f := t.gate.before(t.role, mqconn.VerbOpen, queue); f != nil {
		return f
	}
	return t.Transport.Hold(queue)
}

func (t *gated) Commit() error {
	if f := t.gate.before(t.role, mqconn.VerbCommit, ""); f != nil {
		return f
	}
	return t.Transport.Commit()
}

func broken(verb mqconn.Verb, queue string) *mqconn.Fault {
	return &mqconn.Fault{Verb: verb, CompletionCode: 2, Reason: 2009, Queue: queue}
}
