package lockfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/need"
	"golang.org/x/sys/unix"
)

// Disks that are full, read-only, hung or pulled. They are real file systems on loop devices, so that
// these tests need root. What lies under the loop devices is memory: a real disk that is busy for as long as a brief
// lease lasts would end it before the trouble does.

// TestDiskTestsFailWhereTheirProgramsMayNotBeMissing: they skipped where nobody looked.
func TestDiskTestsFailWhereTheirProgramsMayNotBeMissing(t *testing.T) {
	c := exec.Command(os.Args[0], "-test.run=^TestPulledDiskEndsTheLease$")
	c.Env = append(os.Environ(), "MQHA_CI=1", "PATH="+t.TempDir())
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "MQHA_CI=1, but: ") {
		t.Errorf("%v: %s", err, out)
	}
}

// mount returns a directory with a file system of its own; what to mount comes last.
func mount(t *testing.T, args ...string) (dir string) {
	t.Helper()
	need.Root(t, "mounts")
	dir = t.TempDir()
	if out, err := exec.Command("mount", append(args, dir)...).CombinedOutput(); err != nil {
		need.Missing(t, "no mounts here: %s", out)
	}
	t.Cleanup(func() { unmount(t, dir) })
	return dir
}

func unmount(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
		t.Errorf("umount: %s", out)
	}
}

// image makes a file in dir with an empty file system in it.
func image(t *testing.T, dir string, size int64, mkfs string, options ...string) string {
	t.Helper()
	need.Program(t, mkfs, map[string]string{"mkfs.ext4": "e2fsprogs", "mkfs.xfs": "xfsprogs", "mkfs.btrfs": "btrfs-progs"}[mkfs])
	file := filepath.Join(dir, "image")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, size); err != nil { // sparse
		t.Fatal(err)
	}
	if out, err := exec.Command(mkfs, append(options, file)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %s", mkfs, out)
	}
	return file
}

func mountExt4(t *testing.T) (dir string) {
	t.Helper()
	return mount(t, "-o", "loop,errors=remount-ro", image(t, roomyDir(t, 32<<20), 32<<20, "mkfs.ext4", "-q"))
}

// loop names the device under dir as /sys/fs/ext4 does.
func loop(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("findmnt", "-n", "-o", "SOURCE", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(strings.TrimSpace(string(out)))
}

// expectLoss waits until the child's lease is lost to its deadline, because of cause.
func expectLoss(t *testing.T, holder *process, cause string) {
	t.Helper()
	holder.say("loss")
	if loss := holder.read("loss"); !strings.Contains(loss, "no good heartbeat") || !strings.Contains(loss, cause) {
		t.Errorf("loss: %s", loss)
	}
}

func TestDiskThatBecomesReadOnlyEndsTheLease(t *testing.T) {
	dir := mountExt4(t)
	path := filepath.Join(dir, "agent.lck")
	holder := startProcess(t, roleBrief, path)
	holder.epoch()
	trigger := filepath.Join("/sys/fs/ext4", loop(t, dir), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("test\n"), 0); err != nil { // as a bad block does
		need.Missing(t, "no errors on demand here: %v", err)
	}
	holder.say("verify")
	if got := holder.read("verify"); !strings.Contains(got, "not proven") || !strings.Contains(got, unix.EROFS.Error()) {
		t.Errorf("Verify: %s", got)
	}
	expectLoss(t, holder, unix.EROFS.Error())
	holder.say("release")
	if got := holder.read("released"); got != "<nil>" {
		t.Errorf("Release: %s", got)
	}
	if _, err := TryAcquire(path, quick()); !errors.Is(err, unix.EROFS) || errors.Is(err, ErrHeld) {
		t.Errorf("on a read-only disk: %v", err)
	}
	holder.end()
}

func TestPulledDiskEndsTheLease(t *testing.T) {
	dir := mountExt4(t)
	path := filepath.Join(dir, "agent.lck")
	holder := startProcess(t, roleBrief, path)
	holder.epoch()
	pull(t, dir)
	expectLoss(t, holder, unix.EIO.Error())
	if _, err := TryAcquire(path, quick()); !errors.Is(err, unix.EIO) && !errors.Is(err, ErrHeld) {
		t.Errorf("on a pulled disk: %v", err)
	}
	holder.say("release")
	if got := holder.read("released"); got != "<nil>" {
		t.Errorf("Release: %s", got)
	}
	if _, err := TryAcquire(path, quick()); !errors.Is(err, unix.EIO) {
		t.Errorf("on a pulled disk: %v", err)
	}
	holder.end()
}

// pull ends all I/O of a file system, without a last flush of its log: FS_IOC_SHUTDOWN with
// FS_SHUTDOWN_FLAGS_NOLOGFLUSH, in linux/fs.h.
func pull(t *testing.T, dir string) {
	t.Helper()
	const shutdown, noLogFlush = 0x8004587d, 2
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush); err != nil {
		t.Fatalf("FS_IOC_SHUTDOWN: %v", err)
	}
}

// TestHungDiskEndsTheLeaseOfAProcess: the heartbeat's goroutine is in a system call that does not return.
func TestHungDiskEndsTheLeaseOfAProcess(t *testing.T) {
	dir := mountExt4(t)
	path := filepath.Join(dir, "agent.lck")
	holder := startProcess(t, roleBrief, path)
	first := holder.epoch()
	thaw := freeze(t, dir)
	expectLoss(t, holder, "")
	holder.say("release") // it hangs
	ctx, cancel := context.WithTimeout(t.Context(), briefDeadline)
	defer cancel()
	if _, err := Acquire(ctx, path, quick()); !errors.Is(err, ErrHeld) {
		t.Errorf("while the disk hangs: %v", err) // nobody works there now, and nobody may
	}
	thaw()
	if got := holder.read("released"); got != "<nil>" {
		t.Errorf("Release: %s", got)
	}
	if next := mustTake(t, path, quick()); next.Epoch() <= first {
		t.Errorf("epoch %d after %d", next.Epoch(), first)
	}
	holder.end()
}

func freeze(t *testing.T, dir string) (thaw func()) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	const fifreeze, fithaw = 0xc0045877, 0xc0045878 // linux/fs.h
	if err := unix.IoctlSetInt(int(f.Fd()), fifreeze, 0); err != nil {
		t.Fatalf("FIFREEZE: %v", err)
	}
	frozen := true
	thaw = func() {
		if frozen {
			frozen = false
			if err := unix.IoctlSetInt(int(f.Fd()), fithaw, 0); err != nil {
				t.Errorf("FITHAW: %v", err)
			}
			f.Close()
		}
	}
	t.Cleanup(thaw) // or nothing that waits for the disk ever ends
	return thaw
}

// TestAcquireOnAHungDiskEndsWithItsContext: what is left in the system call gives the lock back by itself.
func TestAcquireOnAHungDiskEndsWithItsContext(t *testing.T) {
	dir := mountExt4(t)
	path := filepath.Join(dir, "agent.lck")
	thaw := freeze(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Acquire(ctx, path, quick()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("%v", err)
	}
	thaw()
	l, err := Acquire(t.Context(), path, quick())
	if err != nil {
		t.Fatal(err)
	}
	mustRelease(t, l)
}

func TestCheckOfAHungDiskEndsWithItsContext(t *testing.T) {
	dir := mountExt4(t)
	thaw := freeze(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Check(ctx, dir, helperCommand(roleHelper)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("%v", err)
	}
	thaw()
	// What was left in the system call cleans up. Nothing tells when it has, and until then the disk is in use.
	late, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	stacks := make([]byte, 1<<20)
	for late.Err() == nil && bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("lockfile.check(")) {
		runtime.Gosched()
	}
	if late.Err() != nil {
		t.Errorf("after a minute it is still there:\n%s", stacks)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 1 { // lost+found
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestFullDisk: a holder needs no more space, a new one does.
func TestFullDisk(t *testing.T) {
	for name, make := range map[string]func(*testing.T) string{
		"ext4":  mountExt4,
		"tmpfs": func(t *testing.T) string { return mount(t, "-t", "tmpfs", "-o", "size=256k,nr_inodes=64", "none") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := make(t)
			path := filepath.Join(dir, "agent.lck")
			holder := startProcess(t, "holder", path)
			first := holder.epoch()
			remove := fill(t, dir)
			for range 5 {
				holder.say("verify")
				if got := holder.read("verify"); got != "<nil>" {
					t.Fatalf("Verify: %s", got)
				}
			}
			fresh := filepath.Join(dir, "fresh.lck")
			if _, err := TryAcquire(fresh, quick()); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("a new lock on a full disk: %v", err)
			}
			remove()
			mustRelease(t, mustTake(t, fresh, quick())) // the attempt left nothing in the way
			holder.kill()
			l, err := Acquire(t.Context(), path, quick())
			if err != nil {
				t.Fatal(err)
			}
			if l.Epoch() <= first {
				t.Errorf("epoch %d after %d", l.Epoch(), first)
			}
			mustRelease(t, l)
		})
	}
}

// TestFullDiskThatCopiesOnWriteEndsTheLease: there each heartbeat needs new blocks.
func TestFullDiskThatCopiesOnWriteEndsTheLease(t *testing.T) {
	dir := mount(t, "-o", "loop", image(t, roomyDir(t, 128<<20), 128<<20, "mkfs.btrfs", "-q", "-m", "single"))
	path := filepath.Join(dir, "agent.lck")
	holder := startProcess(t, roleBrief, path)
	first := holder.epoch()
	remove := fill(t, dir)
	expectLoss(t, holder, unix.ENOSPC.Error())
	remove()
	holder.say("release")
	if got := holder.read("released"); got != "<nil>" {
		t.Errorf("Release: %s", got)
	}
	l := mustTake(t, path, quick())
	if l.Epoch() <= first {
		t.Errorf("epoch %d after %d", l.Epoch(), first)
	}
	mustRelease(t, l) // before the disk is unmounted
	holder.end()
}

// fill leaves not a block and not an inode.
func fill(t *testing.T, dir string) (remove func()) {
	t.Helper()
	sink := filepath.Join(dir, "sink")
	if err := os.Mkdir(sink, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(sink, "data"))
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size >= 512; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	err = errors.Join(f.Sync(), f.Close())
	for i := 0; !errors.Is(err, unix.ENOSPC); i++ {
		if err = os.WriteFile(filepath.Join(sink, fmt.Sprint(i)), nil, 0o644); err != nil && !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.RemoveAll(sink); err != nil {
			t.Fatal(err)
		}
	}
}
