package ha

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/resource"
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
	for {
		ev := a.event(CodeTransfer, a.count(CodeTransfer)+1)
		if d, ok := ev.Detail.(transfer.Event); ok && d.Kind == transfer.EventCompleted {
			break
		}
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
	if err := errors.Join(a.stop(), b.stop()); err != nil {
		t.Error(err)
	}
}

func TestStandbyTakesOverWhenActiveStops(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	var n actives
	c := s.config("SRC")
	c.Work = n.work
	first := start(t, c)
	first.event(CodeActive, 1)
	second := start(t, c)
	if ev := second.event(CodeStandby, 1); !strings.Contains(ev.Text, first.agent.Instance()) || !strings.Contains(ev.Text, "epoch 1") {
		t.Errorf("the standby does not say who holds the lock: %s", ev.Text)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	if ev := second.event(CodeActive, 1); ev.Epoch != 2 {
		t.Errorf("epoch %d, want 2", ev.Epoch)
	}
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}
	if n.most.Load() != 1 {
		t.Errorf("%d active at once", n.most.Load())
	}
}

// The stop for the first instance is delivered when its successor is active.
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
	a.event(CodeCommand, 3) // two refusals, and one answer that was not sent
	if _, err := s.client("SRC").Ping(within(t)); err != nil {
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

func TestNobodyAnswersWithoutAnAgent(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := s.client("SRC").Ping(ctx)
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

func TestWorkRunsOnceAGenerationWithTheSameEpoch(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	type call struct{ epoch, generation uint64 }
	calls := make(chan call, 8)
	c := s.config("SRC")
	c.Work = func(ctx context.Context, a *Active) error {
		calls <- call{a.Lease.Epoch(), a.Session.Generation()}
		<-ctx.Done()
		return errors.New("late news of an old generation")
	}
	a := start(t, c)
	first := <-calls
	s.qm.Cut()
	second := <-calls
	if first.epoch != second.epoch || first.generation >= second.generation {
		t.Errorf("first %+v, then %+v", first, second)
	}
	a.event(CodeDisconnected, 1)
	if err := a.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestWorkThatIsDoneEndsTheAgent(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.Work = func(context.Context, *Active) error { return nil }
	if err := start(t, c).ends(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestWorkThatFailsIsAFailover(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.AfterLoss = Exit
	c.Work = func(context.Context, *Active) error { return errors.New("no licence") }
	err := start(t, c).ends()
	if !errors.Is(err, resource.ErrFailover) || ExitCode(err) != 75 || !strings.Contains(err.Error(), "no licence") {
		t.Errorf("Run: %v", err)
	}
}

// After a failure this instance leaves the field until another one has been active.
func TestFailedInstanceCampaignsAgainAfterAnotherWasActive(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.RetryPeriodOnFailure = -1
	var failed atomic.Bool
	bad := c
	bad.Work = func(ctx context.Context, a *Active) error {
		if !failed.Swap(true) {
			return errors.New("broken here")
		}
		return untilCancelled(ctx, a)
	}
	first := start(t, bad)
	first.event(CodeStandsBack, 1)
	second := start(t, c)
	if ev := second.event(CodeActive, 1); ev.Epoch != 2 {
		t.Errorf("epoch %d", ev.Epoch)
	}
	first.event(CodeStandby, 1)
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}
	if ev := first.event(CodeActive, 2); ev.Epoch != 3 {
		t.Errorf("epoch %d", ev.Epoch)
	}
}

func TestMissingQueueIsReportedWithASentence(t *testing.T) {
	t.Parallel()
	qm := mqtest.New(t)
	s := &site{t: t, qm: qm, dir: t.TempDir()}
	err := start(t, s.config("SRC")).ends()
	if !errors.Is(err, ErrConfig) || ExitCode(err) != 78 || !strings.Contains(err.Error(), "there is no queue MQHA.SRC.CMD") ||
		!strings.Contains(err.Error(), "2085") || !strings.Contains(err.Error(), "MQSC") {
		t.Errorf("Run: %v", err)
	}
	_, err = s.client("SRC").Ping(within(t))
	if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "MQHA.SRC.CMD") {
		t.Errorf("Ping: %v", err)
	}
}

func TestMissingDirectoryIsWaitedForAndNeverMade(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.StateDir = filepath.Join(s.dir, "not", "mounted")
	a := start(t, c)
	if ev := a.event(CodeStandby, 1); !strings.Contains(ev.Text, c.StateDir) {
		t.Errorf("event: %s", ev.Text)
	}
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	a.event(CodeActive, 1)
}

func TestStateDirThatCannotBeWrittenIsAConfigurationError(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.StateDir = filepath.Join(s.dir, "file")
	if err := os.WriteFile(c.StateDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.LockFile = ""
	err := start(t, c).ends()
	if !errors.Is(err, ErrConfig) || ExitCode(err) != 78 || !strings.Contains(err.Error(), c.StateDir) {
		t.Errorf("Run: %v", err)
	}
}

func TestQueueManagerThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	var away atomic.Bool
	away.Store(true)
	c := s.config("SRC")
	c.MQ.Dialer = &gate{inner: s.qm.Dialer(), before: func(_ string, verb mqconn.Verb, queue string) *mqconn.Fault {
		if away.Load() {
			return &mqconn.Fault{Verb: verb, CompletionCode: 2, Reason: 2059, Queue: queue}
		}
		return nil
	}}
	a := start(t, c)
	for n := 1; n <= 5; n++ {
		if ev := a.event(CodeConnection, n); !strings.Contains(ev.Text, "2059") {
			t.Errorf("event: %s", ev.Text)
		}
	}
	away.Store(false)
	a.event(CodeActive, 1)
}

func TestLeaseIsLostWhenItsFileIsTakenAway(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	cause := make(chan error, 8)
	c.Work = func(ctx context.Context, a *Active) error {
		<-ctx.Done()
		cause <- a.Lease.Err()
		return ctx.Err()
	}
	a := start(t, c)
	a.event(CodeActive, 1)
	if err := os.Rename(filepath.Join(c.StateDir, "agent.lck"), filepath.Join(c.StateDir, "agent.old")); err != nil {
		t.Fatal(err)
	}
	a.event(CodeLeaseLost, 1)
	if err := <-cause; !errors.Is(err, lockfile.ErrLost) {
		t.Errorf("Lease.Err in Work: %v", err)
	}
	if ev := a.event(CodeActive, 2); ev.Epoch != 2 {
		t.Errorf("active again with epoch %d", ev.Epoch)
	}
}

func TestLeaseLostWithExitEndsRunWith75(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.AfterLoss = Exit
	a := start(t, c)
	a.event(CodeActive, 1)
	if err := os.Remove(filepath.Join(c.StateDir, "agent.lck")); err != nil {
		t.Fatal(err)
	}
	if err := a.ends(); !errors.Is(err, lockfile.ErrLost) || ExitCode(err) != 75 {
		t.Errorf("Run: %v", err)
	}
}

func TestProgramIsReadyWhenActiveAndHealthyWhileItRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	a, err := New(s.config("SRC"))
	if err != nil {
		t.Fatal(err)
	}
	h := &host{ready: make(chan struct{}), check: make(chan func(context.Context) error, 1), progress: make(chan string, 8)}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	p := a.Program()
	go func() { result <- p.Run(ctx, h) }()
	<-h.ready
	check := <-h.check
	if err := check(within(t)); err != nil {
		t.Errorf("not healthy: %v", err)
	}
	cancel()
	if what := <-h.progress; !strings.Contains(what, "stops") {
		t.Errorf("progress: %s", what)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	if err := check(ctx); err == nil {
		t.Error("healthy after its end")
	}
}

type host struct {
	ready    chan struct{}
	check    chan func(context.Context) error
	progress chan string
}

func (h *host) Ready()                                    { close(h.ready) }
func (h *host) Progress(what string, _ time.Duration)     { h.progress <- what }
func (h *host) Healthy(check func(context.Context) error) { h.check <- check }
