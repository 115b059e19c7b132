package resource_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

// watched is a resource that can tell by itself that it has failed.
type watched struct {
	resource.Resource
	alarm chan error
}

func (w *watched) Failed() <-chan error { return w.alarm }

// runGroup runs a group of specs until the end of the test.
func runGroup(t *testing.T, o resource.Options, specs ...resource.Spec) (*resource.Group, *running) {
	t.Helper()
	g, err := resource.NewGroup(o, specs...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx, nil) }()
	synctest.Wait()
	return g, &running{cancel, done}
}

// running is a Run.
type running struct {
	cancel context.CancelFunc
	done   chan error
}

func (r *running) wait() error { return <-r.done }

func (r *running) stop() error {
	r.cancel()
	return <-r.done
}

func TestAlarmIsConfirmedAtOnceAndReplacesLooksAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		app := &watched{c.resource("app"), make(chan error)}
		g, run := runGroup(t, resource.Options{}, resource.Spec{Name: "app", Resource: app})
		time.Sleep(59 * time.Second)
		if c.asked("app LooksAlive") != 0 {
			t.Error("LooksAlive was called")
		}
		app.alarm <- errors.New("maybe") // IsAlive says no
		synctest.Wait()
		if s := g.Snapshot()[0]; s.State != resource.Online || s.Failures != 0 || c.asked("app IsAlive") != 1 {
			t.Errorf("after a false alarm: %+v, IsAlive asked %d times", s, c.asked("app IsAlive"))
		}
		c.set("app IsAlive", errors.New("port closed"))
		app.alarm <- errors.New("process ended")
		synctest.Wait()
		c.expect("app Online", "app Terminate", "app Online")
		if s := g.Snapshot()[0]; s.Failures != 1 {
			t.Errorf("%+v", s)
		}
		c.set("app IsAlive", nil)
		app.alarm <- errors.New("a later alarm is heard as well")
		close(app.alarm) // from now on it has to be asked
		time.Sleep(11 * time.Second)
		if n := c.asked("app LooksAlive"); n != 2 {
			t.Errorf("LooksAlive was called %d times in 11 s", n)
		}
		if err := run.stop(); err != nil {
			t.Error(err)
		}
	})
}

// The channel of one life says nothing about the next, and nobody listens to it any more.
func TestOpenAlarmDoesNotOutliveTheResource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		app := &watched{c.resource("app"), make(chan error, 1)}
		g, run := runGroup(t, resource.Options{}, resource.Spec{Name: "app", Resource: app})
		old := app.alarm
		for _, wanted := range []bool{false, true} {
			if err := g.SetWanted("app", wanted); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			app.alarm = make(chan error, 1)
		}
		old <- errors.New("of an old state")
		synctest.Wait()
		if n := c.asked("app IsAlive"); n != 0 || len(old) != 1 {
			t.Errorf("IsAlive was asked %d times", n)
		}
		if err := run.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A start that came through when it was no longer wanted: whoever listened to its alarm would listen for ever.
func TestNobodyListensToWhatIsOnItsWayDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.hang["app Online"] = make(chan struct{})
		app := &watched{c.resource("app"), make(chan error, 1)}
		g, run := runGroup(t, resource.Options{}, resource.Spec{Name: "app", Resource: app})
		if err := g.SetWanted("app", false); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		close(c.hang["app Online"])
		c.expect("app Online", "app Offline")
		app.alarm <- errors.New("of what was never wanted")
		synctest.Wait()
		if len(app.alarm) != 1 {
			t.Error("somebody listens")
		}
		run.cancel()
		synctest.Wait()
		select {
		case err := <-run.done:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("Run does not end")
		}
	})
}

// kill ends a process from outside: Terminate is the Group's alone, and does nothing to a process
// that has told us of itself before Online knows of it.
func kill(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(n)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

func TestCommandThatEndsIsRestartedWithoutAPoll(t *testing.T) {
	out := newOutput()
	c := &resource.Command{New: child("stubborn"), OnLine: out.add, Grace: -1}
	p := resource.Policy{LooksAlivePoll: -1, IsAlivePoll: -1}
	g, err := resource.NewGroup(resource.Options{}, resource.Spec{Name: "app", Resource: c, Policy: p})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx, nil) }()
	first := out.until(t, "pid")
	kill(t, first)
	if second := out.until(t, "pid"); second == first {
		t.Errorf("process %s again", second)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestProgressIsShownWhilePendingAndBeginsTheLimitAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		slow := resource.Funcs{OnOnline: func(ctx context.Context) error {
			for k := range 4 {
				resource.Progress(ctx, fmt.Sprintf("journal %d of 4", k+1))
				time.Sleep(2 * time.Minute)
			}
			<-ctx.Done() // silent
			resource.Progress(ctx, "too late to be shown")
			return ctx.Err()
		}}
		o := resource.Options{OnEvent: func(e resource.Event) { told = append(told, e.To.String()+" "+e.Progress) }}
		g, run := runGroup(t, o, resource.Spec{Name: "app", Resource: slow, Policy: resource.Policy{RestartThreshold: -1}})
		begun := time.Now()
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if s := g.Snapshot()[0]; s.State != resource.OnlinePending || s.Progress != "journal 3 of 4" {
			t.Errorf("%+v", s)
		}
		if err := run.wait(); !errors.Is(err, resource.ErrFailover) || time.Since(begun) != 9*time.Minute {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		want := []string{"OnlinePending ", "OnlinePending journal 1 of 4", "OnlinePending journal 2 of 4",
			"OnlinePending journal 3 of 4", "OnlinePending journal 4 of 4", "Failed "}
		if !slices.Equal(told[:min(len(want), len(told))], want) || strings.Contains(strings.Join(told, ","), "late") {
			t.Errorf("told %q", told)
		}
		if s := g.Snapshot()[0]; s.Progress != "" {
			t.Errorf("%+v", s)
		}
		resource.Progress(t.Context(), "outside a call: nothing happens")
	})
}

func TestErrorMarkedAsElsewhereKeepsItsText(t *testing.T) {
	cause := errors.New("no route to host")
	err := fmt.Errorf("queue manager: %w", resource.Elsewhere(cause))
	if !errors.Is(err, resource.ErrElsewhere) || !errors.Is(err, cause) || err.Error() != "queue manager: no route to host" {
		t.Errorf("%v", err)
	}
	if resource.Elsewhere(nil) != nil {
		t.Error("no error became one")
	}
}

// The queue manager is away for an hour. One resource dials it in its check and says whose fault that is;
// another one, above it, only notices that it cannot work.
func TestAnHourWithoutTheQueueManagerUsesUpNoRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.start(resource.Policy{}, "qm", "app: qm", "disk")
		c.calls()
		away := resource.Elsewhere(errors.New("2059: connection refused"))
		for _, what := range []string{"Online", "LooksAlive", "IsAlive"} {
			c.set("qm "+what, away)
		}
		time.Sleep(time.Minute)
		c.set("app IsAlive", errors.New("no connection"))
		c.set("app LooksAlive", errors.New("no connection"))
		time.Sleep(time.Hour)
		synctest.Wait()
		for _, s := range c.group.Snapshot() {
			if s.State != resource.Online || s.Failures != 0 || (s.Err == nil) != (s.Name == "disk") {
				t.Errorf("after an hour: %+v", s)
			}
		}
		for _, name := range []string{"qm", "app"} {
			for _, what := range []string{"Online", "LooksAlive", "IsAlive"} {
				c.set(name+" "+what, nil)
			}
		}
		time.Sleep(61 * time.Second)
		synctest.Wait()
		for _, s := range c.group.Snapshot() {
			if s.State != resource.Online || s.Failures != 0 || s.Err != nil {
				t.Errorf("when it is back: %+v", s)
			}
		}
		c.expect() // nobody was stopped or started
		c.stop()
		if err := <-c.done; err != nil {
			t.Error(err)
		}
	})
}
