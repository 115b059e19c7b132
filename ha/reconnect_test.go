package ha

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// APAR IT35878: the queue manager restarted after the agent had the lock and before its initialisation
// was complete. The agent went on without taking the lock again; two instances were active.
//
// Here the queue manager goes down while the agent holds its queues for the first time, and when it is
// back somebody else has them.
func TestIT35878NoWorkBeforeANewFenceAfterTheQueueManagerRestarted(t *testing.T) {
	t.Parallel()
	mqsc := mqscOf(t, "SRC")
	qms := &restarting{current: mqtest.New(t, mqtest.Options{MQSC: mqsc})}
	var n actives
	s := &site{t: t, qm: qms.current, dir: t.TempDir()}
	c := s.config("SRC")
	c.Work = n.work
	c.FenceWait = 200 * time.Millisecond
	var once sync.Once
	var holds atomic.Int32
	c.MQ.Dialer = &gate{inner: qms, before: func(role string, verb mqconn.Verb, queue string) *mqconn.Fault {
		if queue != CommandQueue("SRC") || verb != mqconn.VerbOpen {
			return nil
		}
		holds.Add(1)
		var fault *mqconn.Fault
		once.Do(func() { // after the lock, before the fence
			qms.restart(t, mqsc)
			fault = broken(verb, queue)
		})
		return fault
	}}
	qms.afterRestart = func() mqconn.Transport {
		other, err := qms.current.Dialer().Dial(context.Background(), mqconn.DialOptions{Role: "other", Transacted: true})
		if err == nil {
			err = other.Hold(CommandQueue("SRC"))
		}
		if err != nil {
			t.Error(err)
		}
		return other
	}
	a := start(t, c)
	// The lock is still held, but the queue is somebody else's: no work, and after FenceWait down.
	ev := a.event(CodeFailover, 1)
	if !strings.Contains(ev.Text, CommandQueue("SRC")) || !strings.Contains(ev.Text, "held by another connection") {
		t.Errorf("event: %s", ev.Text)
	}
	if a.count(CodeActive) != 0 || n.most.Load() != 0 {
		t.Fatalf("active without a fence; events:\n%s", a.story())
	}
	if a.event(CodeDisconnected, 1); holds.Load() < 2 {
		t.Error("the queue was not asked for again after the reconnect")
	}
	if err := qms.other.Close(); err != nil {
		t.Fatal(err)
	}
	if ev := a.event(CodeActive, 1); ev.Epoch < 2 {
		t.Errorf("active with epoch %d without a new campaign", ev.Epoch)
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
	if n.most.Load() != 1 {
		t.Errorf("%d active at once", n.most.Load())
	}
}

// restarting is a Dialer to whichever queue manager is current.
type restarting struct {
	mu           sync.Mutex
	current      *mqtest.QueueManager
	afterRestart func() mqconn.Transport
	other        mqconn.Transport
}

func (r *restarting) restart(t *testing.T, mqsc string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current.Kill()
	r.current = mqtest.New(t, mqtest.Options{MQSC: mqsc})
	r.other = r.afterRestart()
}

func (r *restarting) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current.Dialer().Dial(ctx, o)
}

// In every generation: the lease is proven, then the queues are held, then work begins.
func TestEveryReconnectHoldsTheQueuesAgainBeforeWork(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	var mu sync.Mutex
	var order []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	worked := make(chan struct{}, 8)
	c := s.config("SRC")
	c.Transfer.ReadRoots = []string{t.TempDir()}
	c.Work = func(ctx context.Context, _ *Active) error {
		note("work")
		worked <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	c.MQ.Dialer = &gate{inner: s.qm.Dialer(), before: func(_ string, verb mqconn.Verb, queue string) *mqconn.Fault {
		if verb == mqconn.VerbOpen {
			note("hold " + queue)
		}
		return nil
	}}
	a := start(t, c)
	<-worked
	for range 3 {
		s.qm.Cut()
		<-worked
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
	round := "hold MQHA.SRC.IN, hold MQHA.SRC.CMD, work"
	want := strings.Join([]string{round, round, round, round}, ", ")
	if got := strings.Join(dedupe(order), ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// dedupe leaves out repeats: a hold is repeated while the remains of the old connection go.
func dedupe(in []string) (out []string) {
	for _, s := range in {
		if len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	return out
}

// APAR IT35599: the standby got 2009 in the middle of its start and ended. Here every call that an
// agent makes on its way to being active fails once with 2009.
func TestIT35599ConnectionBrokenInAnyPhaseOfTheStartIsNotTheEnd(t *testing.T) {
	t.Parallel()
	calls := startWithBrokenCall(t, 0)
	if calls < 6 {
		t.Fatalf("only %d calls were seen on the way to the first answer", calls)
	}
	for n := 1; n <= calls; n++ {
		t.Run(fmt.Sprintf("call %d", n), func(t *testing.T) {
			t.Parallel()
			startWithBrokenCall(t, n)
		})
	}
}

// startWithBrokenCall starts an agent whose n-th call breaks the connection, waits until it answers,
// and says how many calls that took.
func startWithBrokenCall(t *testing.T, n int) (calls int) {
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.Transfer.ReadRoots = []string{t.TempDir()}
	var counted atomic.Int32
	c.MQ.Dialer = &gate{inner: s.qm.Dialer(), before: func(_ string, verb mqconn.Verb, queue string) *mqconn.Fault {
		if counted.Add(1) == int32(n) {
			return broken(verb, queue)
		}
		return nil
	}}
	a := start(t, c)
	pong, err := s.client("SRC").Ping(within(t))
	if err != nil {
		t.Fatalf("%v; events:\n%s", err, a.story())
	}
	calls = int(counted.Load())
	if pong.Epoch != 1 {
		t.Errorf("epoch %d: a lost connection is no reason to campaign again", pong.Epoch)
	}
	if err := a.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	return calls
}

// The answer is lost with the connection after the command was done: the command comes again, and so
// does the question.
func TestCommandWhoseCommitIsLostIsDoneAgainWithoutHarm(t *testing.T) {
	t.Parallel()
	for _, broken := range []mqtest.Break{mqtest.BeforeWork, mqtest.AfterWork} {
		t.Run(fmt.Sprint(broken), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "SRC")
			a := start(t, s.config("SRC"))
			a.event(CodeActive, 1)
			s.qm.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Break: broken})
			err := s.client("SRC").Stop(within(t), "of old", Controlled)
			if !errors.Is(err, ErrRefused) {
				t.Errorf("got %v", err)
			}
			a.event(CodeActive, 2)
			if err := a.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
