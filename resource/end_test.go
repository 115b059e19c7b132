package resource_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

// memberLife is what the calls to one member have left of it.
type memberLife struct {
	running    map[string]bool
	touched    bool // Online has begun, and neither Offline nor Terminate has succeeded since
	terminate  bool // an error was the end of Online, Offline or IsAlive: only Terminate may follow
	terminated bool // nothing but Online may follow
	ill        bool // failed, and not started again
}

// follow checks a story against the contract, and that nothing is left at its end.
func follow(story []step, ill error) (map[string]*memberLife, error) {
	lives := map[string]*memberLife{"disk": {running: map[string]bool{}}, "app": {running: map[string]bool{}}}
	stopping := false
	for k, s := range story {
		if s.op == "stop" {
			stopping = true
			continue
		}
		m := lives[s.member]
		bad := func(format string, args ...any) error {
			return fmt.Errorf("step %d, %+v: %s", k+1, s, fmt.Sprintf(format, args...))
		}
		if !s.ended {
			switch {
			case m.running[s.op]:
				return nil, bad("beside itself")
			case m.terminated && s.op != "Online":
				return nil, bad("after Terminate")
			case m.terminate && s.op != "Terminate":
				return nil, bad("where Terminate has to come")
			case s.op == "Online" && m.touched:
				return nil, bad("online already")
			case s.member == "disk" && (s.op == "Offline" || s.op == "Terminate") && lives["app"].touched:
				return nil, bad("under the application")
			}
			m.running[s.op] = true
			switch s.op {
			case "Online":
				m.touched, m.terminated, m.ill = true, false, false
			case "Terminate":
				m.terminate, m.terminated = false, true
			}
			continue
		}
		m.running[s.op] = false
		switch {
		case s.op == "Terminate", s.op == "Offline" && s.err == nil:
			m.touched = false
		case s.op == "IsAlive" && errors.Is(s.err, ill) && !stopping: // it goes anyway, and in good order
			m.ill, m.terminate = true, true
		case (s.op == "Online" || s.op == "Offline") && s.err != nil && !m.terminated:
			m.terminate = true
		}
	}
	for name, m := range lives {
		for op, running := range m.running {
			if running {
				return nil, fmt.Errorf("%s %s still runs", name, op)
			}
		}
		if m.touched || m.terminate {
			return nil, fmt.Errorf("%s is not stopped: %+v", name, *m)
		}
	}
	return lives, nil
}

// The end of Run is asked for at each half second of a life with slow calls, a restart and a stop that fails.
func TestRunEndsWheneverItIsAskedTo(t *testing.T) {
	for _, sick := range []string{"disk", "app"} {
		for _, offline := range []error{nil, errors.New("busy")} {
			failed := 0
			for at := range 100 {
				synctest.Test(t, func(t *testing.T) {
					if endAfter(t, time.Duration(at)*500*time.Millisecond, sick, offline) {
						failed++
					}
				})
			}
			if failed == 0 {
				t.Errorf("%s: the end was never asked for between a failure and the restart", sick)
			}
		}
	}
}

// endAfter is one such life, and reports whether it ended with a failure.
func endAfter(t *testing.T, at time.Duration, sick string, offline error) (failed bool) {
	c := newCluster(t)
	for _, name := range []string{"disk", "app"} {
		for _, what := range []string{"Online", "Offline", "LooksAlive", "IsAlive", "Terminate"} {
			c.slow[name+" "+what] = 3 * time.Second
		}
		c.set(name+" Offline", offline)
	}
	ill := errors.New("ill")
	c.set(sick+" LooksAlive", ill)
	c.set(sick+" IsAlive", ill)
	c.start(resource.Policy{}, "disk", "app: disk")
	time.Sleep(at + 1) // never in the very instant in which a call ends
	c.tell("all stop", false, nil)
	c.stop()
	if err := <-c.done; err != nil {
		t.Errorf("%s ill, after %v: %v", sick, at, err)
	}
	synctest.Wait()
	lives, err := follow(c.story, ill)
	if err != nil {
		t.Fatalf("%s ill, after %v: %v\n%+v", sick, at, err, c.story)
	}
	for _, s := range c.group.Snapshot() {
		want := resource.Offline
		if lives[s.Name].ill {
			want, failed = resource.Failed, true // as offline as the others, and the reason is kept
		}
		if s.State != want || want == resource.Failed && !errors.Is(s.Err, ill) && !errors.Is(s.Err, offline) {
			t.Errorf("%s ill, after %v: %+v, want %v", sick, at, s, want)
		}
	}
	return failed
}
