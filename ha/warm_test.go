package ha

import (
	"slices"
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
	a.event(CodeStandsBack, 1)
	a.event(CodeStandsBack, 2)
	road.reason.Store(0)
	a.event(CodeActive, 2)
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}
