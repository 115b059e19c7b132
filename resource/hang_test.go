package resource_test

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

// Each call in turn never returns and heeds no context. The rest is taken offline, in time; what hangs is named; and
// its answer, when it comes at last, changes nothing.
func TestWhateverHangsIsNamedAndHoldsUpNobodyElse(t *testing.T) {
	for _, op := range []string{"Online", "Offline", "LooksAlive", "IsAlive", "Terminate"} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			release := make(chan struct{})
			c.hang["app "+op] = release
			if op == "Terminate" {
				c.set("app Offline", errors.New("busy"))
			}
			c.start(resource.Policy{PendingTimeout: time.Minute}, "disk", "app: disk", "ip")
			time.Sleep(61 * time.Second)
			c.stop()
			begun := time.Now()
			err := <-c.done
			var hang *resource.HangError
			if !errors.As(err, &hang) || !slices.Equal(hang.Resources, []string{"app"}) {
				t.Errorf("%s: Run: %v", op, err)
			}
			if took := time.Since(begun); took > 3*time.Minute {
				t.Errorf("%s: it took %v, more than three limits", op, took)
			}
			before := c.group.Snapshot()
			for _, s := range before {
				if want := s.Name == "app"; (s.State == resource.Failed) != want || (s.State == resource.Offline) == want {
					t.Errorf("%s: %+v", op, s)
				}
			}
			stops := strings.Join(c.calls(), ",")
			if !strings.Contains(stops, "disk Offline") || !strings.Contains(stops, "ip Offline") {
				t.Errorf("%s: not everybody was visited: %s", op, stops)
			}
			close(release)
			synctest.Wait()
			if after := c.group.Snapshot(); !slices.Equal(before, after) {
				t.Errorf("%s: a late answer changed %+v to %+v", op, before, after)
			}
			c.expect() // and led to no call
		})
	}
}

// A start came through long after its limit, when Terminate had done its work: it was online, the group believed that
// it was not, and the next start or another node came on top.
func TestStartThatComesThroughAfterTerminateIsTerminatedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		release := make(chan struct{})
		c.hang["app Online"] = release
		c.start(resource.Policy{PendingTimeout: time.Minute}, "disk", "app: disk")
		time.Sleep(90 * time.Second)
		c.expect("disk Online", "app Online", "app Terminate")
		c.mu.Lock()
		delete(c.hang, "app Online")
		c.mu.Unlock()
		close(release)
		c.expect("app Terminate", "app Online", "all online")
		if s := c.group.Snapshot()[1]; s.State != resource.Online || s.Failures != 1 {
			t.Errorf("%+v", s)
		}
		c.stop()
		if err := <-c.done; err != nil {
			t.Error(err)
		}
	})
}

// An operator changes his mind while a member goes offline, and while it comes online.
func TestWishThatChangesWhileAMemberIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.slow["app Offline"] = 10 * time.Second
		c.start(resource.Policy{}, "disk", "app: disk")
		c.expect("disk Online", "app Online", "all online")
		want := func(online bool) {
			t.Helper()
			if err := c.group.SetWanted("app", online); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		want(false)
		want(true)
		if s := c.group.Snapshot()[1]; s.State != resource.OfflinePending || !s.Wanted {
			t.Errorf("%+v", s)
		}
		c.expect("app Offline") // is not called back, and does not hide the wish
		time.Sleep(10 * time.Second)
		c.expect("app Online")

		c.mu.Lock()
		c.slow["app Online"] = 10 * time.Second
		c.mu.Unlock()
		want(false)
		time.Sleep(10 * time.Second)
		want(true)
		want(false) // the start is cut short
		want(true)
		c.expect("app Offline", "app Online", "app Terminate", "app Online")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s := c.group.Snapshot()[1]; s.State != resource.Online || s.Failures != 0 || s.Err != nil {
			t.Errorf("%+v", s)
		}
		want(false)
		want(true)
		c.stop() // in the middle of a stop that was asked for otherwise
		if err := <-c.done; err != nil {
			t.Error(err)
		}
		c.expect("app Offline", "disk Offline")
	})
}

// A panic must end the process, and with it the lock: the other node takes over.
func TestPanicOfAResourceEndsTheProcess(t *testing.T) {
	out, err := child("panicking")().CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "panic: as asked") {
		t.Errorf("%v: %s", err, out)
	}
}
