package resource_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

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
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &resource.Path{Dir: filepath.Join(t.TempDir(), "missing")}
	if err := p.Online(ctx); !errors.Is(err, os.ErrNotExist) || !errors.Is(err, context.Canceled) {
		t.Errorf("Online: %v", err)
	}
	p.Poll = -1
	if err := p.Online(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Online without waiting: %v", err)
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
