package ha

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/resource"
)

func mkdir(t *testing.T, elements ...string) string {
	t.Helper()
	dir := filepath.Join(elements...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// It was taken for a failure of this node, so that the group moved from node to node.
func TestStateDirBelowWriteRootIsAConfigurationError(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	for name, place := range map[string]func(c *Config, base string){
		"below": func(c *Config, base string) { c.StateDir, c.Transfer.WriteRoot = mkdir(t, base, "in", "state"), base },
		"the same directory": func(c *Config, base string) {
			c.StateDir, c.Transfer.WriteRoot = base, base
		},
		"WriteRoot is where the journals are": func(c *Config, base string) {
			c.StateDir, c.Transfer.WriteRoot = base, mkdir(t, base, "transfer")
		},
		"below by a link": func(c *Config, base string) {
			state := mkdir(t, base, "in", "state")
			c.StateDir, c.Transfer.WriteRoot = filepath.Join(base, "link"), filepath.Join(base, "in")
			if err := os.Symlink(state, c.StateDir); err != nil {
				t.Skipf("no symbolic links here: %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.config("SRC")
			place(&c, t.TempDir())
			err := start(t, c).ends()
			if !errors.Is(err, ErrConfig) || ExitCode(err) != 78 || errors.Is(err, resource.ErrFailover) ||
				!strings.Contains(err.Error(), c.StateDir) || !strings.Contains(err.Error(), "WriteRoot") {
				t.Errorf("Run: %v", err)
			}
		})
	}
}

func TestWriteRootBesideStateDirIsFine(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	// The names begin alike, and WriteRoot holds the state directory's parent's other child.
	c.StateDir, c.Transfer.WriteRoot = mkdir(t, s.dir, "in-state"), mkdir(t, s.dir, "in")
	start(t, c).event(CodeActive, 1)
}

// An instance that waits for its disk must not have the lock: another one may have the disk.
func TestMissingWriteRootIsWaitedForWithoutTheLock(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.Transfer.WriteRoot = filepath.Join(s.dir, "not", "mounted")
	a := start(t, c)
	if ev := a.event(CodeStandby, 1); !strings.Contains(ev.Text, c.Transfer.WriteRoot) {
		t.Errorf("event: %s", ev.Text)
	}
	lease, err := lockfile.TryAcquire(filepath.Join(c.StateDir, "agent.lck"), lockfile.Options{})
	if err != nil {
		t.Fatalf("it waits with the lock: %v", err)
	}
	if err := lease.Release(within(t)); err != nil {
		t.Fatal(err)
	}
	mkdir(t, c.Transfer.WriteRoot)
	a.event(CodeActive, 1)
	if n := a.count(CodeFailover); n > 0 {
		t.Errorf("%d failovers:\n%s", n, a.story())
	}
}

// The disk is not on this node, and no resource says so: the instance waited with the lock held for ever.
func TestWriteRootThatDoesNotComeWithItsGroupMovesTheAgent(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	first, second := s.config("SRC"), s.config("SRC")
	first.Transfer.WriteRoot, second.Transfer.WriteRoot = filepath.Join(s.dir, "not", "mounted"), mkdir(t, s.dir, "mounted")
	first.Group = []resource.Spec{{Name: "disk", Resource: &resource.Path{Dir: s.dir}}}
	a := start(t, first, func(a *Agent) { a.diskWait, a.standBack = time.Millisecond, time.Hour })
	a.event(CodeElected, 1)
	b := start(t, second)
	if ev := a.event(CodeFailover, 1); !strings.Contains(ev.Text, first.Transfer.WriteRoot) {
		t.Errorf("it does not say what is missing: %s", ev.Text)
	}
	b.event(CodeActive, 1)
	if err := b.stop(); err != nil {
		t.Error(err)
	}
	a.event(CodeElected, 2) // another one has been active
	exits := first
	exits.AfterLoss, exits.StateDir = Exit, mkdir(t, s.dir, "another")
	if err := start(t, exits, func(a *Agent) { a.diskWait = time.Millisecond }).ends(); ExitCode(err) != 75 || !errors.Is(err, resource.ErrFailover) {
		t.Errorf("exit code %d: %v", ExitCode(err), err)
	}
}

// Group may be what mounts the disk, and is online with the lease only.
func TestWriteRootOfAGroupIsWaitedForWhenTheGroupIsOnline(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.Transfer.WriteRoot = filepath.Join(s.dir, "not", "mounted")
	c.Group = []resource.Spec{{Name: "disk", Resource: &resource.Path{Dir: s.dir}}}
	a := start(t, c)
	if ev := a.event(CodeStandby, 1); ev.Epoch != 1 || !strings.Contains(ev.Text, c.Transfer.WriteRoot) {
		t.Errorf("event with epoch %d: %s", ev.Epoch, ev.Text)
	}
	mkdir(t, c.Transfer.WriteRoot)
	a.event(CodeActive, 1)
	if n := a.count(CodeFailover); n > 0 {
		t.Errorf("%d failovers:\n%s", n, a.story())
	}
}

func TestWriteRootThatIsAFileIsAConfigurationError(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.Transfer.WriteRoot = filepath.Join(s.dir, "file")
	if err := os.WriteFile(c.Transfer.WriteRoot, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(t, c).ends(); ExitCode(err) != 78 || !strings.Contains(err.Error(), c.Transfer.WriteRoot) {
		t.Errorf("Run: %v", err)
	}
}

// An agent that had ended with a configuration error exited with 70 and "lease released" now and then:
// its own release of the lock was reported as the loss of it.
func TestReleaseOfTheLockIsNotItsLoss(t *testing.T) {
	lease, err := lockfile.TryAcquire(filepath.Join(t.TempDir(), "agent.lck"), lockfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan struct{})
	close(released)
	if err := lease.Release(within(t)); err != nil {
		t.Fatal(err)
	}
	<-lease.Done()
	r := &run{inbox: make(chan note, 200), over: make(chan struct{})}
	for range 100 {
		r.watchLease(lease, released)
	}
	if n := len(r.inbox); n > 0 {
		t.Errorf("%d of 100 times it was reported as lost", n)
	}
	r.watchLease(lease, make(chan struct{}))
	if n := len(r.inbox); n != 1 {
		t.Errorf("%d reports of a lease that ended by itself", n)
	}
}

// Nothing but the lock says so where its directory is there. It was asked again at once, for ever; without a pause the clock
// of this test stands still.
func TestLockThatLeadsNowhereIsAskedForWithPauses(t *testing.T) {
	s := newSite(t, "SRC")
	c := s.config("SRC")
	c.LockFile = filepath.Join(s.dir, "agent.lck")
	if err := os.Symlink(filepath.Join(s.dir, "gone"), c.LockFile+".epochs"); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		var said []string
		a, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		a.events = newReporter(func(ev Event) { said = append(said, ev.Text) }, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r := newRun(ctx, a)
		defer r.timer.Stop()
		if _, err := r.campaign(ctx, func() {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the campaign ended: %v", err)
		}
		if err := a.flush(nil); err != nil {
			t.Error(err)
		}
		if text := strings.Join(said, "\n"); strings.Count(text, "waits for its disk") != 1 || !strings.Contains(text, ".epochs") {
			t.Errorf("events:\n%s", text)
		}
	})
}
