package ha

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/transfer"
)

func TestAgentAnswersPingAndStopsAsAsked(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	a := start(t, s.config("SRC"))
	a.event(CodeActive, 1)
	client := s.client("SRC")
	pong, err := client.Ping(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if pong.Agent != "SRC" || pong.Instance != a.agent.Instance() || pong.Epoch != 1 || pong.Took <= 0 {
		t.Errorf("pong: %+v", pong)
	}
	if err := client.Stop(within(t), pong.Instance, Controlled); err != nil {
		t.Fatal(err)
	}
	if err := a.ends(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, held := s.qm.Handles(); held != 0 {
		t.Errorf("%d queues are still held", held)
	}
	l, err := lockfile.TryAcquire(filepath.Join(s.dir, "SRC", "agent.lck"), lockfile.Options{})
	if err != nil {
		t.Fatalf("the lock is still held: %v", err)
	}
	if err := l.Release(within(t)); err != nil {
		t.Error(err)
	}
}

// TestClientCancelsATransferToAnAgentThatIsAway: it is cancelled as soon as that agent is there.
func TestClientCancelsATransferToAnAgentThatIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC", "DST")
	from, to := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "a.txt"), []byte("mq"), 0o644); err != nil {
		t.Fatal(err)
	}
	src, dst := s.config("SRC"), s.config("DST")
	src.Work, dst.Work = nil, nil
	src.Transfer.ReadRoots, dst.Transfer.WriteRoot = []string{from}, to
	a := start(t, src)
	client := s.client("SRC")
	id, err := client.Submit(within(t), transfer.Request{To: "DST", Items: []transfer.Item{{Source: from, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Cancel(within(t), id); err != nil {
		t.Fatal(err)
	}
	if status, err := client.Status(within(t), id); err != nil || status.State != transfer.Cancelling {
		t.Errorf("status: %+v, %v", status, err)
	}
	b := start(t, dst)
	for n := 1; a.event(CodeTransfer, n).Detail.(transfer.Event).Kind != transfer.EventCancelled; n++ {
	}
	if names, err := os.ReadDir(to); err != nil || len(names) > 0 {
		t.Errorf("delivered: %v, %v", names, err)
	}
	if err := errors.Join(a.stop(), b.stop()); err != nil {
		t.Error(err)
	}
}

// TestStatusSaysThatTheQueueOfAPeerIsMissing: nobody has defined it, and an operator has to hear of it.
func TestStatusSaysThatTheQueueOfAPeerIsMissing(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "a.txt"), []byte("mq"), 0o644); err != nil {
		t.Fatal(err)
	}
	src := s.config("SRC")
	src.Work, src.Transfer.ReadRoots = nil, []string{from}
	a := start(t, src)
	client := s.client("SRC")
	id, err := client.Submit(within(t), transfer.Request{To: "NOBODY", Items: []transfer.Item{{Source: from, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	said := transfer.Event{}
	for n := 1; said.Kind != transfer.EventStalled; n++ {
		said = a.event(CodeTransfer, n).Detail.(transfer.Event)
	}
	status, err := client.Status(within(t), id)
	if err != nil || status.State != transfer.Waiting {
		t.Errorf("status: %+v, %v", status, err)
	}
	for _, text := range []string{said.Reason, status.Reason} {
		if !strings.Contains(text, "NOBODY") || !strings.Contains(text, "2085") {
			t.Errorf("%q does not say which queue is missing", text)
		}
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}

func TestTransferBetweenTwoAgents(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC", "DST")
	from, to := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "a.txt"), []byte(strings.Repeat("mq", 300_000)), 0o644); err != nil {
		t.Fatal(err)
	}
	src, dst := s.config("SRC"), s.config("DST")
	src.Work, dst.Work = nil, nil
	src.Transfer.ReadRoots, dst.Transfer.WriteRoot = []string{from}, to
	a, b := start(t, src), start(t, dst)
	client := s.client("SRC")
	request := transfer.Request{ID: transfer.NewID(), To: "DST", Items: []transfer.Item{{Source: from, Destination: "in"}}}
	for range 2 { // the second is the same transfer
		if id, err := client.Submit(within(t), request); err != nil || id != request.ID {
			t.Fatalf("submit: %v, %v", id, err)
		}
	}
	for n := 1; a.event(CodeTransfer, n).Detail.(transfer.Event).Kind != transfer.EventCompleted; n++ {
	}
	status, err := client.Status(within(t), request.ID)
	if err != nil || status.State != transfer.Completed || status.Failed != 0 {
		t.Errorf("status: %+v, %v", status, err)
	}
	got, err := os.ReadFile(filepath.Join(to, "in", "a.txt"))
	if err != nil || len(got) != 600_000 {
		t.Errorf("delivered %d bytes, %v", len(got), err)
	}
	if _, err := client.Status(within(t), transfer.NewID()); !errors.Is(err, transfer.ErrUnknown) {
		t.Errorf("status of an unknown transfer: %v", err)
	}
	if err := client.Cancel(within(t), request.ID); !errors.Is(err, transfer.ErrEnded) {
		t.Errorf("cancelled when it was over: %v", err)
	}
	if err := errors.Join(a.stop(), b.stop()); err != nil {
		t.Error(err)
	}
}

func TestLateStopCommandDoesNotStopTheSuccessor(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	first := start(t, c)
	first.event(CodeActive, 1)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(command{Version: 1, Command: stopCommand, Agent: "SRC", Instance: first.agent.Instance(), Mode: Immediate})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s.qm.Dialer(), CommandQueue("SRC"), &mqconn.Message{Body: body, Persistent: true})
	second := start(t, c)
	ev := second.event(CodeCommand, 1)
	if !strings.Contains(ev.Text, first.agent.Instance()+" is not active any more") {
		t.Errorf("the late stop was answered: %s", ev.Text)
	}
	client := s.client("SRC")
	if pong, err := client.Ping(within(t)); err != nil || pong.Instance != second.agent.Instance() {
		t.Errorf("the successor does not go on: %+v, %v", pong, err)
	}
	if err := client.Stop(within(t), first.agent.Instance(), Controlled); !errors.Is(err, ErrRefused) {
		t.Errorf("a stop for an old instance was not refused: %v", err)
	}
	if depth, err := s.qm.Depth(CommandQueue("SRC")); err != nil || depth != 0 {
		t.Errorf("%d commands left, %v", depth, err)
	}
}

func put(t *testing.T, d mqconn.Dialer, queue string, m *mqconn.Message) {
	t.Helper()
	conn, err := d.Dial(within(t), mqconn.DialOptions{Role: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Put(mqconn.Address{Queue: queue}, m); err != nil {
		t.Fatal(err)
	}
}

func TestUnknownVersionIsAnsweredAndSettled(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	a := start(t, s.config("SRC"))
	a.event(CodeActive, 1)
	put(t, s.qm.Dialer(), CommandQueue("SRC"), &mqconn.Message{Body: []byte(`{"version":99}`), Persistent: true,
		ReplyTo: mqconn.Address{Queue: ReplyQueue("QM1")}, CorrelationID: newCorrelationID()})
	put(t, s.qm.Dialer(), CommandQueue("SRC"), &mqconn.Message{Body: []byte(`{"version":99}`), Persistent: true,
		ReplyTo: mqconn.Address{Queue: InputQueue("SRC")}, CorrelationID: newCorrelationID()})
	a.event(CodeCommand, 3)          // two refusals, and one answer that was not sent
	if err := a.stop(); err != nil { // what was not committed comes back now
		t.Fatal(err)
	}
	if depth, err := s.qm.Depth(CommandQueue("SRC")); err != nil || depth != 0 {
		t.Errorf("%d commands left, %v", depth, err)
	}
	if depth, err := s.qm.Depth(ReplyQueue("QM1")); err != nil || depth != 1 {
		t.Errorf("%d answers, %v; want one, for the reply queue", depth, err)
	}
	if depth, err := s.qm.Depth(InputQueue("SRC")); err != nil || depth != 0 {
		t.Errorf("%d answers were put to a queue of somebody's choice, %v", depth, err)
	}
}

// overdue is a context whose time is over when the channel is closed.
type overdue struct {
	context.Context
	over chan struct{}
}

func (o overdue) Done() <-chan struct{} { return o.over }

func (o overdue) Err() error {
	select {
	case <-o.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestNobodyAnswersWithoutAnAgent(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	ctx := overdue{within(t), make(chan struct{})}
	var once sync.Once
	m := s.mq()
	m.Dialer = &gate{inner: m.Dialer, before: func(_ string, verb mqconn.Verb, _ string) *mqconn.Fault {
		if verb == mqconn.VerbGet { // the question was put
			once.Do(func() { close(ctx.over) })
		}
		return nil
	}}
	c, err := NewClient(m, "SRC")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Ping(ctx)
	var no *NoAnswerError
	if !errors.As(err, &no) || !errors.Is(err, ErrNoAnswer) || !no.Put || ExitCode(err) != 75 {
		t.Errorf("got %v", err)
	}
}

func TestClientCloseEndsItsCalls(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	put := make(chan struct{}, 1)
	m := s.mq()
	m.Dialer = &gate{inner: m.Dialer, before: func(_ string, verb mqconn.Verb, _ string) *mqconn.Fault {
		if verb == mqconn.VerbGet {
			select {
			case put <- struct{}{}:
			default:
			}
		}
		return nil
	}}
	c, err := NewClient(m, "SRC")
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := c.Ping(context.Background())
		result <- err
	}()
	<-put
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err == nil || errors.Is(err, ErrNoAnswer) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Ping(context.Background()); err == nil {
		t.Error("a closed client answers")
	}
}

func TestControlledStopDrainsAndImmediateStopDoesNot(t *testing.T) {
	t.Parallel()
	for mode, drains := range map[StopMode]int{Controlled: 1, Immediate: 0} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "SRC")
			c := s.config("SRC")
			c.Transfer.ReadRoots = []string{t.TempDir()}
			a := start(t, c)
			a.event(CodeActive, 1)
			if err := s.client("SRC").Stop(within(t), a.agent.Instance(), mode); err != nil {
				t.Fatal(err)
			}
			if err := a.ends(); err != nil {
				t.Error(err)
			}
			if n := a.count(CodeDrained); n != drains {
				t.Errorf("%d drains", n)
			}
		})
	}
	t.Run("end of the context", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, "SRC")
		c := s.config("SRC")
		c.Transfer.ReadRoots = []string{t.TempDir()}
		a := start(t, c)
		a.event(CodeActive, 1)
		if err := a.stop(); err != nil || a.count(CodeDrained) != 1 {
			t.Errorf("%d drains, %v", a.count(CodeDrained), err)
		}
	})
}
