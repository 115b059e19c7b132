package resource_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

// cluster is a group of scripted resources and the diary of their calls.
type cluster struct {
	t     *testing.T
	mu    sync.Mutex
	diary []string
	fail  map[string]error         // "app IsAlive": what the call returns
	slow  map[string]time.Duration // how long the call takes, unless its context ends
	hang  map[string]chan struct{} // the call ends with the channel only
	group *resource.Group
	done  chan error
	stop  context.CancelFunc
}

func newCluster(t *testing.T) *cluster {
	return &cluster{t: t, fail: map[string]error{}, slow: map[string]time.Duration{}, hang: map[string]chan struct{}{}}
}

func (c *cluster) note(entry string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.diary = append(c.diary, entry)
}

// calls returns the diary since the last call, without checks.
func (c *cluster) calls() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, entry := range c.diary {
		if !strings.HasSuffix(entry, "Alive") {
			out = append(out, entry)
		}
	}
	c.diary = nil
	return out
}

func (c *cluster) set(call string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail[call] = err
}

func (c *cluster) call(ctx context.Context, entry string) error {
	c.note(entry)
	c.mu.Lock()
	err, slow, hang := c.fail[entry], c.slow[entry], c.hang[entry]
	c.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (c *cluster) resource(name string) resource.Resource {
	do := func(what string) func(context.Context) error {
		return func(ctx context.Context) error { return c.call(ctx, name+" "+what) }
	}
	return resource.Funcs{OnOnline: do("Online"), OnOffline: do("Offline"), OnLooksAlive: do("LooksAlive"), OnIsAlive: do("IsAlive"),
		OnTerminate: func() { _ = c.call(context.Background(), name+" Terminate") }}
}

// start runs a group of members written "app: disk, ip4|ip6".
func (c *cluster) start(p resource.Policy, members ...string) {
	c.t.Helper()
	var specs []resource.Spec
	for _, m := range members {
		name, after, _ := strings.Cut(m, ":")
		s := resource.Spec{Name: name, Resource: c.resource(name), Policy: p}
		for _, or := range strings.Split(after, ",") {
			if or = strings.TrimSpace(or); or != "" {
				s.After = append(s.After, strings.Split(or, "|"))
			}
		}
		specs = append(specs, s)
	}
	g, err := resource.NewGroup(resource.Options{}, specs...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.group = g
	c.run()
}

func (c *cluster) run() {
	ctx, stop := context.WithCancel(c.t.Context())
	c.stop, c.done = stop, make(chan error, 1)
	go func() { c.done <- c.group.Run(ctx, func() { c.note("all online") }) }()
	synctest.Wait()
}

func (c *cluster) expect(want ...string) {
	c.t.Helper()
	synctest.Wait()
	if got := c.calls(); !slices.Equal(got, want) {
		c.t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestGroupComesOnlineInOrderAndGoesOfflineInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.slow["disk Online"] = time.Second
		c.start(resource.Policy{}, "app: disk, ip", "disk", "ip: disk")
		c.expect("disk Online")
		time.Sleep(time.Second)
		c.expect("ip Online", "app Online", "all online")
		c.stop()
		if err := <-c.done; err != nil {
			t.Error(err)
		}
		c.expect("app Offline", "ip Offline", "disk Offline")
	})
}

func TestOneOfAnOrGroupIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.slow["ip6 Online"] = time.Minute
		c.start(resource.Policy{}, "ip4", "ip6", "app: ip4|ip6")
		c.mu.Lock()
		slices.Sort(c.diary) // ip4 and ip6 in parallel
		c.mu.Unlock()
		c.expect("app Online", "ip4 Online", "ip6 Online")
		time.Sleep(time.Minute)
		c.expect("all online")
		if err := c.group.SetWanted("ip4", false); err != nil {
			t.Error(err)
		}
		c.expect("ip4 Offline") // ip6 carries the application on
		if err := c.group.SetWanted("ip6", false); err != nil {
			t.Error(err)
		}
		c.expect("app Offline", "ip6 Offline")
		if err := c.group.SetWanted("ip4", true); err != nil {
			t.Error(err)
		}
		c.expect("ip4 Online", "app Online")
		c.stop()
		<-c.done
	})
}

func TestFailedDiskIsRestartedAndOnlyTheDiskCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.slow["disk Terminate"] = time.Second // stands for the time in which the rest has to wait
		c.start(resource.Policy{}, "disk", "app: disk", "web: app")
		c.expect("disk Online", "app Online", "web Online", "all online")
		gone := errors.New("gone")
		for _, name := range []string{"disk", "app", "web"} {
			c.set(name+" LooksAlive", gone)
			c.set(name+" IsAlive", gone)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for _, name := range []string{"disk", "app", "web"} {
			c.set(name+" LooksAlive", nil)
			c.set(name+" IsAlive", nil)
		}
		time.Sleep(2 * time.Second)
		got := c.calls()
		for i := range min(2, len(got)) { // who answers first is terminated, the others are asked in good order
			got[i] = strings.Replace(got[i], "Terminate", "Offline", 1)
		}
		if want := []string{"web Offline", "app Offline", "disk Terminate", "disk Online", "app Online", "web Online"}; !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		for _, s := range c.group.Snapshot() {
			want := 0
			if s.Name == "disk" {
				want = 1
			}
			if s.State != resource.Online || s.Failures != want || s.Err != nil {
				t.Errorf("%+v, want %d failures", s, want)
			}
		}
		c.stop()
		<-c.done
	})
}

func TestGroupMovesAfterTheThreshold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		broken := errors.New("cannot open the log")
		c.set("app Online", broken)
		c.start(resource.Policy{RestartThreshold: 2}, "disk", "app: disk")
		err := <-c.done
		var failover *resource.FailoverError
		if !errors.As(err, &failover) || failover.Resource != "app" || failover.Failures != 3 || !errors.Is(err, broken) ||
			!errors.Is(err, resource.ErrFailover) || failover.RetryAfter != time.Hour {
			t.Fatalf("Run: %v", err)
		}
		const text = "resource app: failed 3 times within 15m0s: cannot open the log: move the group to another node, retry here after 1h0m0s"
		if err.Error() != text {
			t.Errorf("got  %s\nwant %s", err, text)
		}
		c.expect("disk Online", "app Online", "app Terminate", "app Online", "app Terminate", "app Online", "app Terminate", "disk Offline")
	})
}

func TestOldFailuresAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.start(resource.Policy{RestartThreshold: 1, RestartPeriod: time.Minute, RetryPeriodOnFailure: time.Minute}, "app")
		time.Sleep(2 * time.Second) // between two checks
		for range 5 {
			c.set("app LooksAlive", errors.New("ill"))
			c.set("app IsAlive", errors.New("ill"))
			time.Sleep(5 * time.Second)
			synctest.Wait()
			c.set("app LooksAlive", nil)
			c.set("app IsAlive", nil)
			time.Sleep(time.Minute)
		}
		c.stop()
		if err := <-c.done; err != nil {
			t.Error(err)
		}
	})
}

func TestLooksAliveIsOnlyAGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.set("app LooksAlive", errors.New("maybe not"))
		c.start(resource.Policy{}, "app")
		time.Sleep(time.Minute)
		c.expect("app Online", "all online")
		c.stop()
		<-c.done
	})
}

func TestHangingOfflineIsNamedAndTheRestIsVisited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.start(resource.Policy{PendingTimeout: time.Minute}, "disk", "app: disk", "ip")
		synctest.Wait()
		c.calls()
		release := make(chan struct{})
		c.mu.Lock()
		c.hang["app Offline"] = release
		c.mu.Unlock()
		start := time.Now()
		c.stop()
		err := <-c.done
		var hang *resource.HangError
		if !errors.As(err, &hang) || !slices.Equal(hang.Resources, []string{"app"}) || !errors.Is(err, resource.ErrHang) {
			t.Fatalf("Run: %v", err)
		}
		if took := time.Since(start); took != 2*time.Minute {
			t.Errorf("it took %v, want the limits of Offline and Terminate", took)
		}
		got := c.calls()
		slices.Sort(got[:2]) // in parallel
		if want := []string{"app Offline", "ip Offline", "app Terminate", "disk Offline"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := c.group.Run(t.Context(), nil); !errors.Is(err, resource.ErrHang) {
			t.Errorf("Run beside a call that hangs: %v", err)
		}
		close(release)
		synctest.Wait()
		c.run()
		c.stop()
		if err := <-c.done; err != nil {
			t.Errorf("Run when nothing hangs any more: %v", err)
		}
	})
}

func TestHangingCheckIsAFailureAndStopsARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		release := make(chan struct{})
		c.hang["app IsAlive"] = release
		c.start(resource.Policy{PendingTimeout: time.Minute}, "app", "ip")
		err := <-c.done
		var failover *resource.FailoverError
		if !errors.As(err, &failover) || failover.Resource != "app" || !errors.Is(err, resource.ErrHang) {
			t.Errorf("Run: %v", err)
		}
		if want := "resource app: failed once within 15m0s: IsAlive has not returned within 1m0s: move"; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s...", err, want)
		}
		close(release)
	})
}

func TestCheckThatHangsThroughAGoodStopIsTerminated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		release := make(chan struct{})
		c.hang["app IsAlive"] = release
		c.start(resource.Policy{}, "app")
		time.Sleep(time.Minute)
		c.expect("app Online", "all online")
		c.stop()
		if err := <-c.done; !errors.Is(err, resource.ErrHang) || errors.Is(err, resource.ErrFailover) {
			t.Errorf("Run: %v", err)
		}
		c.expect("app Offline", "app Terminate")
		close(release)
	})
}

func TestSlowStartIsCutShortByTheEndOfRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.slow["app Online"] = time.Minute
		c.start(resource.Policy{}, "disk", "app: disk")
		c.expect("disk Online", "app Online")
		start := time.Now()
		c.stop()
		if err := <-c.done; err != nil || time.Since(start) != 0 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		c.expect("app Terminate", "disk Offline") // interrupted: nobody knows what it left
	})
}

func TestStartBeyondItsLimitIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.slow["app Online"] = time.Hour
		c.start(resource.Policy{RestartThreshold: -1}, "app")
		start := time.Now()
		if err := <-c.done; !errors.Is(err, resource.ErrFailover) || time.Since(start) != 180*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestOfflineThatFailsIsTerminated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.set("app Offline", errors.New("busy"))
		c.start(resource.Policy{}, "disk", "app: disk")
		c.expect("disk Online", "app Online", "all online")
		c.stop()
		if err := <-c.done; err != nil {
			t.Error(err)
		}
		c.expect("app Offline", "app Terminate", "disk Offline")
	})
}

// The end of Run is asked for at each second of a life with slow calls and a restart.
func TestRunEndsWheneverItIsAskedTo(t *testing.T) {
	for at := range 40 {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			for _, name := range []string{"disk", "app"} {
				for _, what := range []string{"Online", "Offline", "LooksAlive", "IsAlive", "Terminate"} {
					c.slow[name+" "+what] = 3 * time.Second
				}
			}
			c.set("app LooksAlive", errors.New("ill"))
			c.set("app IsAlive", errors.New("ill"))
			c.start(resource.Policy{}, "disk", "app: disk")
			time.Sleep(time.Duration(at) * time.Second)
			c.stop()
			if err := <-c.done; err != nil {
				t.Errorf("at %d s: %v", at, err)
			}
			for _, s := range c.group.Snapshot() {
				if s.State != resource.Offline && s.State != resource.Failed {
					t.Errorf("at %d s: %+v", at, s)
				}
			}
		})
	}
}

func TestOnlyOneRunAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.start(resource.Policy{}, "app")
		if err := c.group.Run(t.Context(), nil); !errors.Is(err, resource.ErrRunning) {
			t.Errorf("second Run: %v", err)
		}
		c.stop()
		<-c.done
	})
}

func TestEventsTellTheWholeStoryInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		c := newCluster(t)
		c.set("app Offline", errors.New("busy"))
		g, err := resource.NewGroup(resource.Options{OnEvent: func(e resource.Event) {
			time.Sleep(time.Second) // a slow listener delays nothing but the end of Run
			got = append(got, fmt.Sprintf("%s %v %v %v", e.Resource, e.From, e.To, e.Err))
		}}, resource.Spec{Name: "app", Resource: c.resource("app")})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := g.Run(ctx, func() { got = append(got, "all online"); cancel() }); err != nil {
			t.Error(err)
		}
		want := []string{"app Offline OnlinePending <nil>", "app OnlinePending Online <nil>", "all online",
			"app Online OfflinePending <nil>", "app OfflinePending OfflinePending busy", "app OfflinePending Offline busy"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func TestNewGroupRefusesWhatCannotWork(t *testing.T) {
	r := resource.Funcs{}
	for _, row := range []struct {
		want  string
		specs []resource.Spec
	}{
		{"no name", []resource.Spec{{Resource: r}}},
		{"is nil", []resource.Spec{{Name: "a"}}},
		{"used twice", []resource.Spec{{Name: "a", Resource: r}, {Name: "a", Resource: r}}},
		{`After names "b"`, []resource.Spec{{Name: "a", Resource: r, After: [][]string{{"b"}}}}},
		{"empty OR group", []resource.Spec{{Name: "a", Resource: r, After: [][]string{{}}}}},
		{"b after c after b", []resource.Spec{{Name: "a", Resource: r, After: [][]string{{"b"}}},
			{Name: "b", Resource: r, After: [][]string{{"c"}}}, {Name: "c", Resource: r, After: [][]string{{"b"}}}}},
		{"PendingTimeout", []resource.Spec{{Name: "a", Resource: r, Policy: resource.Policy{PendingTimeout: -1}}}},
		{"RetryPeriodOnFailure", []resource.Spec{{Name: "a", Resource: r, Policy: resource.Policy{RetryPeriodOnFailure: time.Minute}}}},
	} {
		if _, err := resource.NewGroup(resource.Options{}, row.specs...); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("got %v, want %q", err, row.want)
		}
	}
	g, err := resource.NewGroup(resource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.SetWanted("a", true); !errors.Is(err, resource.ErrUnknown) {
		t.Errorf("SetWanted: %v", err)
	}
}

func TestSlowListenerLosesTheOldestEventsAndIsToldHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		heard, dropped, online := 0, 0, false
		c := newCluster(t)
		g, err := resource.NewGroup(resource.Options{OnEvent: func(e resource.Event) {
			<-release
			heard++
			dropped += e.Dropped
		}}, resource.Spec{Name: "app", Resource: c.resource("app")})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx, func() { online = true }) }()
		synctest.Wait()
		const wishes = 600
		for k := range wishes {
			if err := g.SetWanted("app", k%2 == 1); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if all := 2 + 2*wishes + 2; heard+dropped != all || dropped == 0 || !online {
			t.Errorf("heard %d and dropped %d of %d events, told online: %v", heard, dropped, all, online)
		}
	})
}

func TestDefaultsAreThoseOfTheClusterService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.start(resource.Policy{}, "app")
		for range 12 {
			time.Sleep(5 * time.Second)
			synctest.Wait()
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		looks, is := 0, 0
		for _, entry := range c.diary {
			switch entry {
			case "app LooksAlive":
				looks++
			case "app IsAlive":
				is++
			}
		}
		if looks != 11 || is != 1 {
			t.Errorf("LooksAlive %d times and IsAlive %d times in a minute", looks, is)
		}
		c.stop()
	})
}
