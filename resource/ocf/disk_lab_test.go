//go:build lab && linux

package ocf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqha/mqha/internal/need"
	"golang.org/x/sys/unix"
)

// onDisk gives the daemon and the actions a small disk of their own to meet on.
func (r *rig) onDisk(options string) (dir string) {
	r.t.Helper()
	need.Root(r.t, "mounts")
	dir = filepath.Join(filepath.Dir(r.exe), "run")
	if err := os.Mkdir(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
	r.mount("tmpfs", dir, "tmpfs", 0, options)
	r.env = append(r.env, "HA_RSCTMP="+dir)
	r.m = meeting{filepath.Join(dir, "test-r")}
	r.t.Cleanup(r.endDaemon) // before the disk goes
	return dir
}

func (r *rig) mount(source, target, kind string, flags uintptr, options string) {
	r.t.Helper()
	if err := unix.Mount(source, target, kind, flags, options); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			r.t.Error(err)
		}
	})
}

// A disk on which nothing can be written any more is no reason to fence the node: monitor and stop used to want to
// open the lock file for writing.
func TestDaemonOnAReadOnlyDiskIsWatchedAndStopped(t *testing.T) {
	r := newRig(t)
	dir := r.onDisk("size=8m")
	r.act(Success, "start")
	r.mount(dir, dir, "", unix.MS_BIND, "")
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	r.act(Success, "monitor", deep)
	r.act(Success, "stop")
	r.act(NotRunning, "monitor")
	if out := r.act(Generic, "start"); !strings.Contains(out, "read-only") {
		t.Errorf("it says %q", out)
	}
}

func TestDaemonOnAFullDiskIsStartedWatchedAndStopped(t *testing.T) {
	r := newRig(t)
	dir := r.onDisk("size=64k")
	if err := os.WriteFile(filepath.Join(dir, "full"), make([]byte, 128<<10), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	r.act(Success, "start")
	r.act(Success, "monitor", deep)
	r.act(Success, "stop")
	r.act(NotRunning, "monitor")
}

func TestDiskWithoutInodesFailsTheStartAndSaysSo(t *testing.T) {
	r := newRig(t)
	r.onDisk("nr_inodes=3") // its root, the directory, one file
	if out := r.act(Generic, "start"); !strings.Contains(out, "no space left") {
		t.Errorf("it says %q", out)
	}
	r.act(NotRunning, "monitor")
	r.act(Success, "stop")
}
