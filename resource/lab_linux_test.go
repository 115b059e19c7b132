//go:build lab

package resource_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/need"
	"github.com/mqha/mqha/resource"
	"golang.org/x/sys/unix"
)

// insideVariable says that this process has namespaces of its own.
const insideVariable = "MQHA_RESOURCE_TEST_INSIDE"

// inside runs the test again in a process whose mounts and network nobody else sees, and reports whether
// this is that process.
func inside(t *testing.T, programs map[string]string) bool {
	t.Helper()
	if os.Getenv(insideVariable) != "" {
		return true
	}
	need.Root(t, "namespaces, mounts and a loop device")
	for program, pkg := range programs {
		need.Program(t, program, pkg)
	}
	cmd := exec.Command("unshare", "--mount", "--net", "--kill-child", "--fork", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// A disk on which no further file can be made, because its inodes are used up, was taken for a broken one.
func TestDiskFullOfFilesIsNoReasonToMove(t *testing.T) {
	if !inside(t, nil) {
		return
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "nr_inodes=8"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, 0)
	p := &resource.Path{Dir: dir}
	if err := p.Online(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	for err == nil {
		var f *os.File
		if f, err = os.CreateTemp(dir, "x"); err == nil {
			err = f.Close()
		}
	}
	if got := p.IsAlive(t.Context()); !errors.Is(got, unix.ENOSPC) || !errors.Is(got, resource.ErrElsewhere) {
		t.Errorf("%v", got)
	}
}

// A real disk: mounted, frozen, thawed, unmounted, and another one in its place.
func TestPathFollowsARealDisk(t *testing.T) {
	if !inside(t, map[string]string{"mkfs.ext4": "e2fsprogs", "fsfreeze": "util-linux", "losetup": "util-linux"}) {
		return
	}
	dir := t.TempDir()
	disk := func(name string) string {
		image := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 32<<20)); err != nil {
			t.Fatal(err)
		}
		command(t, "mkfs.ext4", "-q", image)
		loop := command(t, "losetup", "--find", "--show", image)
		t.Cleanup(func() { command(t, "losetup", "--detach", loop) })
		return loop
	}
	ours, foreign := disk("ours"), disk("foreign")
	mountPoint := filepath.Join(dir, "mnt")
	if err := os.Mkdir(mountPoint, 0o755); err != nil {
		t.Fatal(err)
	}
	p := &resource.Path{Dir: mountPoint, Device: ours, Poll: -1}
	if err := p.Online(t.Context()); !errors.Is(err, resource.ErrDevice) {
		t.Errorf("online on the empty mount point: %v", err)
	}
	command(t, "mount", foreign, mountPoint)
	if err := p.Online(t.Context()); !errors.Is(err, resource.ErrDevice) {
		t.Errorf("online on a foreign disk: %v", err)
	}
	command(t, "umount", mountPoint)
	command(t, "mount", ours, mountPoint)
	link := filepath.Join(dir, "by-another-name")
	if err := os.Symlink(ours, link); err != nil {
		t.Fatal(err)
	}
	p.Device = link
	if err := p.Online(t.Context()); err != nil {
		t.Fatalf("by another name of the device: %v", err)
	}

	command(t, "fsfreeze", "--freeze", mountPoint)
	if err := p.LooksAlive(t.Context()); err != nil {
		t.Errorf("LooksAlive writes nothing: %v", err)
	}
	p.Limit = time.Second // only now: a good disk that is busy may take longer
	if err := p.IsAlive(t.Context()); !errors.Is(err, resource.ErrSlow) {
		t.Errorf("IsAlive of a frozen disk: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := p.Offline(ctx); !errors.Is(err, resource.ErrSlow) {
		t.Errorf("Offline while a call is with the disk: %v", err)
	}
	command(t, "fsfreeze", "--unfreeze", mountPoint)
	p.Terminate()
	p.Limit = 0
	if err := p.IsAlive(t.Context()); err != nil {
		t.Errorf("IsAlive of the thawed disk: %v", err)
	}
	command(t, "umount", mountPoint)
	for name, check := range map[string]func(context.Context) error{"LooksAlive": p.LooksAlive, "IsAlive": p.IsAlive} {
		if err := check(t.Context()); !errors.Is(err, resource.ErrDevice) {
			t.Errorf("%s of an unmounted disk: %v", name, err)
		}
	}
	p.Device = ""
	if err := p.IsAlive(t.Context()); !errors.Is(err, resource.ErrReplaced) {
		t.Errorf("IsAlive of an unmounted disk, without its device: %v", err)
	}
}

func TestWishThatFindsTheDiskFullChangesNothing(t *testing.T) {
	if !inside(t, nil) {
		return
	}
	dir := t.TempDir()
	command(t, "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir)
	t.Cleanup(func() { command(t, "umount", dir) })
	g := node(t, dir, "disk", "app")
	if err := g.SetWanted("app", false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "everything else"), make([]byte, 64<<10), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	err := g.SetWanted("disk", false)
	if !errors.Is(err, resource.ErrWishes) || !errors.Is(err, unix.ENOSPC) || !g.Snapshot()[0].Wanted {
		t.Errorf("%v, %+v", err, g.Snapshot()[0])
	}
	if got := life(t, node(t, dir, "disk", "app")); len(got) != 1 || got[0] != "disk" {
		t.Errorf("online in a new process: %q", got)
	}
}

func TestAddressFollowsARealInterface(t *testing.T) {
	if !inside(t, map[string]string{"ip": "iproute2"}) {
		return
	}
	const ip = "10.214.78.71" // in a network namespace of its own
	a := &resource.Address{IP: netip.MustParseAddr(ip), Poll: 10 * time.Millisecond}
	command(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other")
	if err := a.IsAlive(t.Context()); !errors.Is(err, resource.ErrNotHeld) {
		t.Errorf("before it was given: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Online(t.Context()) }()
	command(t, "ip", "addr", "add", ip+"/24", "dev", "eth0")
	if err := a.LooksAlive(t.Context()); err == nil || !strings.Contains(err.Error(), "is down") {
		t.Errorf("on an interface that is down: %v", err)
	}
	command(t, "ip", "link", "set", "other", "up")
	command(t, "ip", "link", "set", "eth0", "up")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	command(t, "ip", "link", "set", "other", "down") // the cable
	limit, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := a.IsAlive(limit)
	for err == nil && limit.Err() == nil { // the kernel passes the news on a moment later
		err = a.IsAlive(limit)
	}
	if err == nil || !strings.Contains(err.Error(), "no link") {
		t.Errorf("without a link: %v", err)
	}
	command(t, "ip", "link", "set", "other", "up")
	command(t, "ip", "addr", "del", ip+"/24", "dev", "eth0")
	if err := a.LooksAlive(t.Context()); !errors.Is(err, resource.ErrNotHeld) {
		t.Errorf("when it was taken away: %v", err)
	}
}
