package ha

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/resource"
)

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
func TestWorkRunsOnceAGenerationWithTheSameEpoch(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	type call struct{ epoch, generation uint64 }
	calls := make(chan call, 8)
	// What Work returns after its context has ended means nothing: neither done nor failed.
	for _, late := range []error{nil, errors.New("late news of an old generation")} {
		c := s.config("SRC")
		c.Work = func(ctx context.Context, a *Active) error {
			calls <- call{a.Lease.Epoch(), a.Session.Generation()}
			<-ctx.Done()
			return late
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
}

// Two generations never overlap: the next connection is dialled when the old Work has returned.
func TestNextGenerationWaitsForTheWorkOfTheOldOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	var working atomic.Bool
	started := make(chan struct{}, 8)
	c := s.config("SRC")
	c.Work = func(ctx context.Context, _ *Active) error {
		working.Store(true)
		defer working.Store(false)
		started <- struct{}{}
		<-ctx.Done()
		<-time.After(200 * time.Millisecond) // work that takes its time to end
		return ctx.Err()
	}
	var early atomic.Bool
	c.MQ.Dialer = &gate{inner: s.qm.Dialer(), before: func(role string, verb mqconn.Verb, _ string) *mqconn.Fault {
		if verb == mqconn.VerbConnect && working.Load() {
			early.Store(true)
		}
		return nil
	}}
	a := start(t, c)
	<-started
	s.qm.Cut()
	<-started
	if early.Load() {
		t.Error("dialled while the work of the old generation went on")
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}

// The lock directory was made anew, for example after a restore; the journals know better.
func TestEpochIsAboveTheJournalsWhenTheLockIsNew(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.Transfer.ReadRoots = []string{t.TempDir()}
	a := start(t, c)
	a.event(CodeActive, 1)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(c.StateDir, "agent.lck")
	if err := errors.Join(os.Remove(lock), os.RemoveAll(lock+".epochs")); err != nil {
		t.Fatal(err)
	}
	if ev := start(t, c).event(CodeElected, 1); ev.Epoch != 2 {
		t.Errorf("epoch %d", ev.Epoch)
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
	h := newHost()
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

// A cluster manager that waited for the queue manager would try, and give up, one node after the other.
func TestProgramIsReadyWithTheLeaseThoughItsQueueManagerIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	s.qm.Kill()
	a, err := New(s.config("SRC"))
	if err != nil {
		t.Fatal(err)
	}
	h := newHost()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	p := a.Program()
	go func() { result <- p.Run(ctx, h) }()
	<-h.ready
	if a.epoch.Load() == 0 {
		t.Error("ready without the lease")
	}
	cancel()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestProgramOfAStandbyIsNotReadyAndSaysWhom(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	start(t, s.config("SRC")).event(CodeActive, 1)
	a, err := New(s.config("SRC"))
	if err != nil {
		t.Fatal(err)
	}
	h := newHost()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	p := a.Program()
	go func() { result <- p.Run(ctx, h) }()
	if what := <-h.progress; !strings.Contains(what, "stands by") || !strings.Contains(what, "is held by instance") {
		t.Errorf("progress: %s", what)
	}
	select {
	case <-h.ready:
		t.Error("a standby is ready")
	default:
	}
	cancel()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

type host struct {
	once     sync.Once
	ready    chan struct{}
	check    chan func(context.Context) error
	progress chan string
}

func newHost() *host {
	return &host{ready: make(chan struct{}), check: make(chan func(context.Context) error, 1), progress: make(chan string, 8)}
}

func (h *host) Ready()                                    { h.once.Do(func() { close(h.ready) }) }
func (h *host) Progress(what string, _ time.Duration)     { h.progress <- what }
func (h *host) Healthy(check func(context.Context) error) { h.check <- check }
