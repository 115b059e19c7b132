package resource_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

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

// The application notices first: the disk is not polled at all, and asked because of the application.
func TestFailureIsTracedToTheDiskThatNobodyHasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		g, run := runGroup(t, resource.Options{},
			resource.Spec{Name: "disk", Resource: c.resource("disk"), Policy: resource.Policy{LooksAlivePoll: -1, IsAlivePoll: -1}},
			resource.Spec{Name: "app", Resource: c.resource("app"), After: [][]string{{"disk"}}})
		c.expect("disk Online", "app Online")
		gone := errors.New("gone")
		for _, name := range []string{"disk", "app"} {
			c.set(name+" LooksAlive", gone)
			c.set(name+" IsAlive", gone)
		}
		c.mu.Lock()
		c.slow["disk Online"] = time.Second
		c.mu.Unlock()
		time.Sleep(5*time.Second + 500*time.Millisecond)
		if s := g.Snapshot(); s[0].Failures != 1 || s[1].Failures != 0 {
			t.Errorf("%+v", s)
		}
		c.set("app LooksAlive", nil)
		c.set("app IsAlive", nil)
		time.Sleep(time.Second)
		synctest.Wait()
		for i, s := range g.Snapshot() {
			if s.State != resource.Online || s.Failures != 1-i || s.Err != nil {
				t.Errorf("%+v", s)
			}
		}
		c.expect("app Terminate", "disk Terminate", "disk Online", "app Online")
		if err := run.stop(); err != nil {
			t.Error(err)
		}
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
