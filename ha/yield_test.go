package ha

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// road is a Dialer that a test can close, for one instance alone: with reason 2538 (no answer at that address), or another.
type road struct {
	mqconn.Dialer
	reason atomic.Int32  // 0: open
	breaks atomic.Bool   // whoever holds a queue loses the connection
	local  bool          // it leads to the queue manager of this node: bindings
	dials  chan struct{} // one each, as long as somebody counts them
	dialed func()
}

func (s *site) road() *road {
	r := &road{dials: make(chan struct{}), dialed: func() {}}
	r.Dialer = &gate{inner: s.qm.Dialer(), before: func(_ string, verb mqconn.Verb, queue string) *mqconn.Fault {
		if verb == mqconn.VerbConnect {
			r.dialed()
			select {
			case r.dials <- struct{}{}:
			default:
			}
		}
		if verb == mqconn.VerbOpen && r.breaks.Load() {
			return &mqconn.Fault{Verb: verb, CompletionCode: 2, Reason: mqrc.ConnectionBroken, Queue: queue, Bindings: r.local}
		}
		if reason := r.reason.Load(); reason != 0 {
			return &mqconn.Fault{Verb: verb, CompletionCode: 2, Reason: mqrc.Reason(reason), Queue: queue, Bindings: r.local}
		}
		return nil
	}}
	return r
}

// quick has an instance that gives way soon.
func (s *site) quick(name string) (Config, *road) {
	c, r := s.config(name), s.road()
	c.MQ.Dialer, c.MQ.Min, c.MQ.Max = r, time.Millisecond, 10*time.Millisecond
	c.YieldAfter = 200 * time.Millisecond
	return c, r
}

// close cuts what is connected, and lets nobody through any more.
func (r *road) close(reason int32, s *site) {
	r.reason.Store(reason)
	s.qm.Cut()
}

// The queue manager runs, and one node cannot reach it: the instance there held the lock for ever, and the other one, which
// could have worked, stood by.
func TestActiveWithoutAQueueManagerGivesWayToAStandbyThatHasOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	var n actives
	first, firstRoad := s.quick("SRC")
	second, secondRoad := s.quick("SRC")
	first.Work, second.Work = n.work, n.work
	a := start(t, first)
	before := a.event(CodeActive, 1)
	b := start(t, second)
	b.event(CodeReady, 1)
	firstRoad.close(2538, s)
	ev := a.event(CodeFailover, 1)
	if want := "while instance " + b.agent.Instance() + " on host"; !strings.Contains(ev.Text, want) || !strings.Contains(ev.Text, "2538") {
		t.Errorf("%q does not say %q and why", ev.Text, want)
	}
	if after := b.event(CodeActive, 1); after.Epoch <= before.Epoch {
		t.Errorf("epoch %d after %d", after.Epoch, before.Epoch)
	}
	// The other way round, it comes back.
	firstRoad.reason.Store(0)
	a.event(CodeReady, 1)
	secondRoad.close(2538, s)
	b.event(CodeFailover, 1)
	a.event(CodeActive, 2)
	for _, r := range []*running{b, a} {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	}
	if n.most.Load() != 1 {
		t.Errorf("%d active at once", n.most.Load())
	}
}

// A firewall lets a connection begin, and ends it at the first calls: each connection began the time anew, and the instance
// kept the lock for ever.
func TestActiveWhoseConnectionsBreakBeforeTheyWorkGivesWay(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	first, firstRoad := s.quick("SRC")
	second, _ := s.quick("SRC")
	a := start(t, first)
	a.event(CodeActive, 1)
	b := start(t, second)
	b.event(CodeReady, 1)
	firstRoad.breaks.Store(true)
	s.qm.Cut()
	if ev := a.event(CodeFailover, 1); !strings.Contains(ev.Text, b.agent.Instance()) {
		t.Errorf("%q does not name the standby", ev.Text)
	}
	b.event(CodeActive, 1)
	if a.event(CodeConnected, 2); a.agent.connector.Status().Generation < 2 {
		t.Error("it was not connected in between")
	}
}

// A standby that its system has stopped keeps its word that it is ready, and does not take the lock: the instance that gave
// way to it was away for as long as YieldAfter, again and again, also after its queue manager had come back for a moment.
func TestStandbyThatDoesNotComeIsGivenWayToLessOften(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	first, firstRoad := s.quick("SRC")
	firstRoad.reason.Store(2538)
	stopped, err := lockfile.Announce(filepath.Join(first.StateDir, "agent.lck"), lockfile.Standby{Instance: "stopped", Ready: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped.Withdraw() })
	a := start(t, first)
	given := func(n int, want string) {
		t.Helper()
		if ev := a.event(CodeFailover, n); !strings.Contains(ev.Text, want) {
			t.Errorf("given way %d times: %q, want %q", n, ev.Text, want)
		}
	}
	given(1, "for 200ms, while instance stopped")
	given(2, "for 400ms, while instance stopped")
	given(3, "for 800ms, while instance stopped")
	lease, err := lockfile.Acquire(within(t), a.agent.config.LockFile, lockfile.Options{Instance: "another"})
	if err != nil {
		t.Fatal(err)
	}
	a.event(CodeStandby, 1)
	n := a.count(CodeFailover)
	if err := lease.Release(within(t)); err != nil {
		t.Error(err)
	}
	given(n+1, "for 200ms, while instance stopped") // somebody came meanwhile
}

// Three instances, and the link of the active one fails, again and again.
func TestLinksThatFailInTurn(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	var n actives
	var all [3]*running
	var roads [3]*road
	active := make(chan int, 100)
	for i := range all {
		var c Config
		c, roads[i] = s.quick("SRC")
		c.Work = func(ctx context.Context, a *Active) error {
			active <- i
			return n.work(ctx, a)
		}
		all[i] = start(t, c)
	}
	now := <-active
	for range 6 {
		before := now
		roads[before].close(2538, s)
		now = <-active
		if now == before {
			t.Fatalf("%d is active without a queue manager", now)
		}
		roads[before].reason.Store(0)
	}
	for _, r := range all {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	}
	if n.most.Load() != 1 {
		t.Errorf("%d active at once", n.most.Load())
	}
}

// What somebody else left there is said, once, and hides nobody.
func TestStrayFileHidesNoStandby(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	first, firstRoad := s.quick("SRC")
	second, _ := s.quick("SRC")
	a := start(t, first)
	a.event(CodeActive, 1)
	b := start(t, second)
	b.event(CodeReady, 1)
	stray := mkdir(t, first.StateDir, "agent.lck.standbys", "a directory")
	firstRoad.close(2538, s)
	a.event(CodeFailover, 1)
	b.event(CodeActive, 1)
	told := 0
	for line := range strings.Lines(a.story()) {
		if strings.Contains(line, stray) {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times:\n%s", told, a.story())
	}
}

// What it announces may be removed, or not be possible for a while: it stood by unseen for as long as it stood by.
func TestStandbyAnnouncesItselfAgain(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]struct {
		before, after func(dir string) error
	}{
		"removed":     {func(string) error { return nil }, func(dir string) error { return os.Rename(dir, dir+".gone") }},
		"not at once": {func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, os.Remove},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && name == "removed" {
				t.Skip("Windows removes no file that is open")
			}
			s := newSite(t, "SRC")
			first, firstRoad := s.quick("SRC")
			second, _ := s.quick("SRC")
			a := start(t, first)
			a.event(CodeActive, 1)
			standbys := a.agent.config.LockFile + ".standbys"
			if err := os.RemoveAll(standbys); err != nil {
				t.Fatal(err)
			}
			if err := spoil.before(standbys); err != nil {
				t.Fatal(err)
			}
			b := start(t, second)
			b.event(CodeReady, 1)
			if err := spoil.after(standbys); err != nil {
				t.Fatal(err)
			}
			firstRoad.reason.Store(2538) // the connection of the standby stays: it has nothing new to say
			a.event(CodeFailover, 1)
			b.event(CodeActive, 1)
		})
	}
}

// Under a cluster manager it is the manager's business who is next.
func TestYieldEndsAnAgentThatExitsOnLoss(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	first, firstRoad := s.quick("SRC")
	first.AfterLoss = Exit
	second, _ := s.quick("SRC")
	a := start(t, first)
	a.event(CodeActive, 1)
	b := start(t, second)
	b.event(CodeReady, 1)
	firstRoad.close(2538, s)
	err := a.ends()
	var yield *YieldError
	if !errors.As(err, &yield) || !errors.Is(err, ErrYield) || yield.Instance != b.agent.Instance() || yield.After != first.YieldAfter {
		t.Fatalf("%v", err)
	}
	var fault *mqconn.Error
	if !errors.As(err, &fault) || fault.Reason != 2538 {
		t.Errorf("%v does not say why", err)
	}
	if code := ExitCode(err); code != 75 {
		t.Errorf("exit code %d", code)
	}
	b.event(CodeActive, 1)
}

func TestAnnouncerKeepsWhatItSaidForLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.lck")
	var trouble []error
	a := &announcer{path: path, self: lockfile.Standby{Instance: "one"}, report: func(err error) { trouble = append(trouble, err) }}
	a.say(true)
	said, withdraw := a.put()
	<-said
	all, err := lockfile.Standbys(path)
	if err != nil || len(all) != 1 || !all[0].Ready {
		t.Errorf("%+v, %v", all, err)
	}
	<-a.say(false)
	if all, err = lockfile.Standbys(path); err != nil || len(all) != 1 || all[0].Ready {
		t.Errorf("%+v, %v", all, err)
	}
	withdraw()
	<-a.say(true)
	if all, err = lockfile.Standbys(path); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if len(trouble) > 0 {
		t.Error(trouble)
	}
	a.path = filepath.Join(path, "nowhere")
	said, withdraw = a.put()
	<-said
	withdraw()
	a.settle()
	if len(trouble) != 1 {
		t.Errorf("%d reports of a directory that is not there", len(trouble))
	}
}

// Only who was ready at every look for long enough is worth to step down for: when the queue manager comes back, this
// instance has that long to connect, too.
func TestLookoutFindsWhoWasReadyAllTheTime(t *testing.T) {
	ready := func(names ...string) (all []lockfile.Standby) {
		for _, n := range names {
			all = append(all, lockfile.Standby{Instance: n, Ready: true})
		}
		return all
	}
	begun := time.Now()
	l := lookout{self: "me", after: 3 * time.Second}
	for i, step := range []struct {
		standbys []lockfile.Standby
		found    string
	}{
		{ready("a", "b"), ""},
		{ready("a"), ""},
		{ready("b"), ""}, // b is new again, and a gone
		{append(ready("b"), lockfile.Standby{Instance: "a"}), ""},
		{nil, ""}, // could not be seen
		{ready("me", "b", "c"), ""},
		{ready("me", "c", "b"), ""},
		{ready("me", "c"), ""},
		{ready("me", "c", "b"), "c"}, // and there is a connection here, so that it looks on
		{ready("me", "c", "b"), "c"},
		{ready("me", "c", "b"), "c"},
		{ready("me", "b"), "b"},
	} {
		s, found := l.look(begun.Add(time.Duration(i)*time.Second), step.standbys)
		if found != (step.found != "") || s.Instance != step.found {
			t.Errorf("look %d: %q", i, s.Instance)
		}
	}
}

// This instance was stopped for a moment, and did not try to connect either.
func TestLookoutDoesNotCountWhatItSlept(t *testing.T) {
	standbys := []lockfile.Standby{{Instance: "a", Ready: true}}
	begun := time.Now()
	l := lookout{after: 4 * time.Second}
	for _, step := range []struct {
		at    int
		found bool
	}{{1, false}, {6, false}, {8, false}, {9, false}, {10, true}} {
		if _, found := l.look(begun.Add(time.Duration(step.at)*time.Second), standbys); found != step.found {
			t.Errorf("after %d s: %t", step.at, found)
		}
	}
}

// A user that is not known here, for example, would count as configuration.
func TestYieldIsTemporaryWhateverItsCause(t *testing.T) {
	if code := ExitCode(&YieldError{Err: &mqconn.Error{Class: mqconn.Fatal}}); code != 75 {
		t.Errorf("exit code %d", code)
	}
}

// A dial into nothing takes as long as Config.MQ.DialLimit, and has not failed before.
func TestYieldErrorOfAnEndlessDial(t *testing.T) {
	err := &YieldError{Instance: "two", Host: "b", After: time.Second}
	if text := err.Error(); text != "ha: no queue manager to work with for 1s, while instance two on host b is connected" {
		t.Error(text)
	}
}
