package ha

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
)

// An agent that starts alone stands by for no moment: it connected twice, at its queue manager's cost, and said that it stood by
// after it had been elected.
func TestInstanceThatFindsTheLockFreeIsNoStandby(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	for range 5 {
		c, _ := s.quick("SRC")
		c.MQ.Dialer = &gate{inner: c.MQ.Dialer, before: func(role string, verb mqconn.Verb, _ string) *mqconn.Fault {
			if role == standbyRole && verb == mqconn.VerbConnect {
				t.Error("it connects as a standby")
			}
			return nil
		}}
		a := start(t, c)
		a.event(CodeActive, 1)
		if err := a.stop(); err != nil {
			t.Error(err)
		}
		if a.count(CodeReady) > 0 {
			t.Fatalf("ready:\n%s", a.story())
		}
	}
}

// A queue manager that the standby was connected to is no wrong name when it has moved away again by the time that the standby is
// elected (2058 in bindings): the instance ended for good, with 78.
func TestQueueManagerThatTheStandbyKnewIsNoConfigurationError(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	first, _ := s.quick("SRC")
	second, secondRoad := s.quick("SRC")
	secondRoad.local = true
	a := start(t, first)
	a.event(CodeActive, 1)
	b := start(t, second)
	b.event(CodeReady, 1)
	secondRoad.close(2058, s)
	if err := a.stop(); err != nil {
		t.Error(err)
	}
	if ev := b.event(CodeFailover, 1); !strings.Contains(ev.Text, "2058") {
		t.Errorf("%s", ev.Text)
	}
	secondRoad.reason.Store(0)
	b.event(CodeActive, 1)
}

// A standby that was refused, for whatever reason, stands by all the same: it may be the queue manager that is not here
// now, or a user that is not known yet.
func TestStandbyOutlastsARefusal(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		reason int32
		local  bool
		said   int // once; of a queue manager that is away, or rightly on another node, there is nothing to say
	}{{2058, false, 1}, {2058, true, 0}, {2059, false, 0}, {2035, false, 1}} {
		s := newSite(t, "SRC")
		first, _ := s.quick("SRC")
		second, secondRoad := s.quick("SRC")
		secondRoad.reason.Store(row.reason)
		secondRoad.local = row.local
		a := start(t, first)
		a.event(CodeActive, 1)
		b := start(t, second)
		b.event(CodeStandby, 1)
		for range 11 { // twice what ends an agent that is active, and one
			<-secondRoad.dials
		}
		if row.said > 0 {
			if ev := b.event(CodeReady, 1); !strings.Contains(ev.Text, "refused") || !strings.Contains(ev.Text, fmt.Sprint(row.reason)) {
				t.Errorf("%s", ev.Text)
			}
		}
		if b.count(CodeReady) != row.said || b.count(CodeConnection) > 0 {
			t.Errorf("%+v:\n%s", row, b.story())
		}
		secondRoad.reason.Store(0)
		b.event(CodeReady, row.said+1)
		if err := a.stop(); err != nil {
			t.Error(err)
		}
		b.event(CodeActive, 1)
		if err := b.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestWithoutYieldAStandbyMakesNoConnection, as one that runs out of MAXINST may wish.
func TestWithoutYieldAStandbyMakesNoConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	first, _ := s.quick("SRC")
	second, secondRoad := s.quick("SRC")
	second.YieldAfter = -1
	a := start(t, first)
	a.event(CodeActive, 1)
	lock := filepath.Join(second.StateDir, "agent.lck")
	holder := atomic.Pointer[string]{} // the one who may connect
	secondRoad.dialed = func() {
		if rec, err := lockfile.Inspect(lock); err != nil || holder.Load() == nil || rec.Instance != *holder.Load() {
			t.Errorf("the standby connects while the lock is held by %q: %v", rec.Instance, err)
		}
	}
	b := start(t, second)
	name := b.agent.Instance()
	holder.Store(&name)
	b.event(CodeStandby, 1)
	if err := a.stop(); err != nil {
		t.Error(err)
	}
	b.event(CodeActive, 1)
	if b.count(CodeReady) > 0 {
		t.Errorf("ready:\n%s", b.story())
	}
}

// A queue manager shows names of connections, and which of them may be ended without harm should be seen.
func TestConnectionOfAStandbyHasItsName(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	first, _ := s.quick("SRC")
	second, _ := s.quick("SRC")
	var mu sync.Mutex
	var roles []string
	second.MQ.Dialer = &gate{inner: second.MQ.Dialer, before: func(role string, verb mqconn.Verb, _ string) *mqconn.Fault {
		mu.Lock()
		defer mu.Unlock()
		if verb == mqconn.VerbConnect {
			roles = append(roles, role)
		}
		return nil
	}}
	start(t, first).event(CodeActive, 1)
	start(t, second).event(CodeReady, 1)
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(roles, []string{standbyRole}) {
		t.Errorf("connections of a standby: %q", roles)
	}
}

// The news of a standby waited for its disk, and could come when it had been elected.
func TestElectedInstanceDoesNotSayThatItStandsBy(t *testing.T) {
	var got []Code
	a := &Agent{events: newReporter(func(ev Event) { got = append(got, ev.Code) }, nil)}
	r := &run{a: a, inbox: make(chan note, 2), over: make(chan struct{})}
	r.sayStandingBy("standing by")
	(<-r.inbox).keep()
	r.lease = new(lockfile.Lease)
	r.sayStandingBy("elected")
	(<-r.inbox).keep()
	if err := a.flush(nil); err != nil {
		t.Error(err)
	}
	if !slices.Equal(got, []Code{CodeReady}) {
		t.Errorf("%q", got)
	}
}

// Where the queue manager is gone for both, nobody gives way.
func TestStandbyWithoutItsQueueManagerIsNotReady(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	first, _ := s.quick("SRC")
	second, secondRoad := s.quick("SRC")
	start(t, first).event(CodeActive, 1)
	b := start(t, second)
	b.event(CodeReady, 1)
	ready := func() bool {
		all, err := lockfile.Standbys(b.agent.config.LockFile)
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[0].Ready
	}
	for ctx := within(t); !ready(); { // the announcement follows
		if ctx.Err() != nil {
			t.Fatal("connected, and not ready")
		}
	}
	secondRoad.close(2538, s)
	b.event(CodeReady, 2)
	for ctx := within(t); ready(); {
		if ctx.Err() != nil {
			t.Fatal("not connected, and ready")
		}
	}
}

// A queue manager whose host vanished answers nothing. Without a limit for calls the standby would say that it is connected for as
// long as the MQ client believes so, and the active instance would give way to it for nothing.
func TestStandbyNoticesAQueueManagerThatVanished(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	first, _ := s.quick("SRC")
	second, secondRoad := s.quick("SRC")
	vanished := make(chan struct{})
	t.Cleanup(func() { close(vanished) })
	second.MQ.DialLimit, second.MQ.CallLimit = -1, -1
	second.MQ.Dialer = &gate{inner: second.MQ.Dialer, before: func(role string, verb mqconn.Verb, _ string) *mqconn.Fault {
		if verb == mqconn.VerbCommit {
			secondRoad.reason.Store(2538)
			<-vanished
		}
		return nil
	}}
	start(t, first).event(CodeActive, 1)
	b := start(t, second)
	b.event(CodeReady, 1)
	b.event(CodeReady, 2)
}

// A standby that was stopped, or whose host is gone, keeps its word for as long as its lock lives, and does not take over. Who gave
// way to it comes back, and works again when its queue manager does.
func TestInstanceThatGaveWayComesBackWhenNobodyTakesOver(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c, road := s.quick("SRC")
	a := start(t, c)
	a.event(CodeActive, 1)
	stopped, err := lockfile.Announce(a.agent.config.LockFile, lockfile.Standby{Instance: "stopped", Ready: true})
	if err != nil {
		t.Fatal(err)
	}
	defer stopped.Withdraw()
	road.close(2538, s)
	// Long enough for the standby to see the free lock.
	if ev := a.event(CodeStandsBack, 1); !strings.Contains(ev.Text, "for 200ms, or until another instance has been active") {
		t.Error(ev.Text)
	}
	a.event(CodeStandsBack, 2)
	road.reason.Store(0)
	a.event(CodeActive, 2)
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}

// The MQ client cannot be interrupted in a dial into nothing. Its thread is left to itself, also without any limit for dials.
func TestDialOfAStandbyThatHangsDelaysNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	first, _ := s.quick("SRC")
	second, _ := s.quick("SRC")
	second.StopTimeout = lossLimit
	hangs, over := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(over) })
	second.MQ.DialLimit = -1
	second.MQ.Dialer = &gate{inner: second.MQ.Dialer, before: func(role string, verb mqconn.Verb, _ string) *mqconn.Fault {
		if role == standbyRole && verb == mqconn.VerbConnect {
			close(hangs)
			<-over
		}
		return nil
	}}
	a := start(t, first)
	a.event(CodeActive, 1)
	b := start(t, second)
	<-hangs
	if err := a.stop(); err != nil {
		t.Error(err)
	}
	b.event(CodeActive, 1)
	if err := b.stop(); err != nil {
		t.Errorf("Run: %v\n%s", err, b.story())
	}
}
