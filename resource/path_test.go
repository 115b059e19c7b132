package resource_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/need"
	"github.com/mqha/mqha/resource"
)

func TestPathWaitsForItsDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "shared")
		p := &resource.Path{Dir: dir, Marker: "on-the-disk"}
		done := make(chan error, 1)
		go func() { done <- p.Online(t.Context()) }()
		synctest.Wait()
		if err := os.Mkdir(dir, 0o700); err != nil { // the mount point, nothing mounted
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		select {
		case err := <-done:
			t.Fatalf("online without the disk: %v", err)
		default:
		}
		if err := os.WriteFile(filepath.Join(dir, "on-the-disk"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := p.IsAlive(t.Context()); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".mqha-probe-*")); left != nil {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestPathSaysWhatItHasSeenWhenItGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		p := &resource.Path{Dir: filepath.Join(t.TempDir(), "missing")}
		if err := p.Online(ctx); !errors.Is(err, os.ErrNotExist) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Online: %v", err)
		}
		p.Poll = -1
		if err := p.Online(t.Context()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Online without waiting: %v", err)
		}
	})
}

// A disk that does not answer: the check fails in time, nobody piles up more calls, and the group names
// what hangs.
func TestPathWhoseDiskDoesNotAnswerFailsInTimeAndIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &resource.Path{Dir: t.TempDir(), Limit: 10 * time.Second}
		stuck := make(chan struct{})
		var hangs atomic.Bool
		var flushes atomic.Int64
		p.SetFlush(func(*os.File) error {
			if hangs.Load() {
				flushes.Add(1)
				<-stuck
			}
			return nil
		})
		g, run := runGroup(t, resource.Options{}, resource.Spec{Name: "disk", Resource: p,
			Policy: resource.Policy{PendingTimeout: time.Minute, RestartThreshold: -1}})
		time.Sleep(time.Second)
		if s := g.Snapshot()[0]; s.State != resource.Online {
			t.Fatalf("%+v", s)
		}
		hangs.Store(true)
		begun := time.Now()
		err := run.wait()
		var hang *resource.HangError
		if !errors.Is(err, resource.ErrSlow) || !errors.As(err, &hang) || hang.Resources[0] != "disk" || flushes.Load() != 1 {
			t.Errorf("Run: %v; %d flushes", err, flushes.Load())
		}
		if took := time.Since(begun); took != 59*time.Second+10*time.Second+time.Minute {
			t.Errorf("it took %v: the next IsAlive, Limit and the limit of Terminate", took)
		}
		close(stuck)
		synctest.Wait()
		if err := p.Offline(t.Context()); err != nil {
			t.Errorf("when it answers again: %v", err)
		}
	})
}

func TestPathMakesNoSecondCallBesideOneThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &resource.Path{Dir: t.TempDir(), Limit: time.Second}
		if err := p.Online(t.Context()); err != nil {
			t.Fatal(err)
		}
		stuck := make(chan struct{})
		var flushes atomic.Int64
		p.SetFlush(func(*os.File) error { flushes.Add(1); <-stuck; return nil })
		for range 5 {
			if err := p.IsAlive(t.Context()); !errors.Is(err, resource.ErrSlow) {
				t.Errorf("IsAlive: %v", err)
			}
		}
		if n := flushes.Load(); n != 1 {
			t.Errorf("%d calls are with the disk", n)
		}
		close(stuck)
		p.Terminate()
	})
}

func TestPathIsOnlineOnItsDeviceOnly(t *testing.T) {
	p := &resource.Path{Dir: t.TempDir(), Device: "/dev/no-such-device", Poll: -1}
	err := p.Online(t.Context())
	if errors.Is(err, errors.ErrUnsupported) {
		need.Missing(t, "the device of a directory: %v", err)
	}
	var source string
	if !errors.Is(err, resource.ErrDevice) {
		t.Fatalf("Online: %v", err)
	}
	_, after, _ := strings.Cut(err.Error(), ": mounted from ")
	if source, _, _ = strings.Cut(after, ": "); source == "" {
		_, after, _ = strings.Cut(err.Error(), ": on volume ")
		source, _, _ = strings.Cut(after, ": ")
	}
	p.Device = source
	if err := p.Online(t.Context()); err != nil {
		t.Errorf("on %q: %v", source, err)
	}
}

func TestPathNoticesTheDirectoryUnderAnUnmountedDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shared")
	p := &resource.Path{Dir: dir}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.Online(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	if err := p.LooksAlive(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("LooksAlive without the directory: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, check := range map[string]func(context.Context) error{"LooksAlive": p.LooksAlive, "IsAlive": p.IsAlive} {
		if err := check(t.Context()); !errors.Is(err, resource.ErrReplaced) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPathIsNoFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &resource.Path{Dir: file, Poll: -1}
	if err := p.Online(t.Context()); err == nil {
		t.Error("a file passes for a directory")
	}
}

// TestFullDiskIsNoReasonToMove: it answers, and is as full on the next node.
func TestFullDiskIsNoReasonToMove(t *testing.T) {
	for err, elsewhere := range diskErrors() {
		p := &resource.Path{Dir: t.TempDir()}
		if err := p.Online(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.SetFlush(func(f *os.File) error { return &os.PathError{Op: "sync", Path: f.Name(), Err: err} })
		got := p.IsAlive(t.Context())
		if !errors.Is(got, err) || errors.Is(got, resource.ErrElsewhere) != elsewhere {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// TestGroupOnAFullDiskWaits: the start of a Path whose disk had no room was silent until its limit, which counted, and after
// four of them the group moved to a node on which the disk was as full.
func TestGroupOnAFullDiskWaits(t *testing.T) {
	for full, elsewhere := range diskErrors() {
		if !elsewhere {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			p := &resource.Path{Dir: t.TempDir()}
			var room atomic.Bool
			p.SetFlush(func(f *os.File) error {
				if room.Load() {
					return nil
				}
				return &os.PathError{Op: "sync", Path: f.Name(), Err: full}
			})
			g, run := runGroup(t, resource.Options{}, resource.Spec{Name: "disk", Resource: p})
			time.Sleep(20 * time.Minute)
			if s := g.Snapshot()[0]; s.State != resource.OnlinePending || s.Failures != 0 || !strings.Contains(s.Progress, full.Error()) {
				t.Errorf("after six limits: %+v", s)
			}
			room.Store(true)
			time.Sleep(2 * time.Second)
			if s := g.Snapshot()[0]; s.State != resource.Online {
				t.Errorf("with room: %+v", s)
			}
			if err := run.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
