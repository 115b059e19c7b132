package lockfile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRenamedDirectoryEndsTheLease(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "agent.lck")
	holder := startProcess(t, "holder", path)
	holder.epoch()
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	holder.say("loss")
	if loss := holder.read("loss"); !strings.Contains(loss, "not at its path") {
		t.Errorf("loss: %s", loss)
	}
	if err := os.Rename(dir+".old", dir); err != nil { // it never becomes good again
		t.Fatal(err)
	}
	holder.say("verify")
	if got := holder.read("verify"); !strings.Contains(got, "is lost") {
		t.Errorf("Verify: %s", got)
	}
	if _, err := TryAcquire(path, quick()); !errors.Is(err, ErrHeld) {
		t.Errorf("before the loser has released: %v", err)
	}
	holder.say("release")
	holder.read("released")
	mustTake(t, path, quick())
}

// TestLinkToTheLockFileIsRefused: two instances by way of two links shared the lock, but not the names of the epochs.
func TestLinkToTheLockFileIsRefused(t *testing.T) {
	path, link := lockPath(t), lockPath(t)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := TryAcquire(link, quick()); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), link) {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(namesDir(link)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("names beside the link: %v", err)
	}
	// One that leads to where nothing is passed for a missing directory, for which a program may wait for ever.
	if err := errors.Join(os.Remove(path), os.Remove(filepath.Dir(path))); err != nil {
		t.Fatal(err)
	}
	if _, err := TryAcquire(link, quick()); !errors.Is(err, ErrForeign) || errors.Is(err, os.ErrNotExist) {
		t.Errorf("a link to nowhere: %v", err)
	}
	path = lockPath(t)
	linked := filepath.Join(t.TempDir(), "linked") // a directory may be one: the names lie behind it
	if err := os.Symlink(filepath.Dir(path), linked); err != nil {
		t.Fatal(err)
	}
	l := mustTake(t, filepath.Join(linked, "agent.lck"), quick())
	if _, err := TryAcquire(path, quick()); !errors.Is(err, ErrHeld) {
		t.Errorf("by the other path: %v", err)
	}
	mustRelease(t, l)
	if next := mustTake(t, path, quick()); next.Epoch() <= l.Epoch() {
		t.Errorf("epoch %d after %d", next.Epoch(), l.Epoch())
	}
}

// TestWaiterRefusesALinkThatAppears: only the first try had looked.
func TestWaiterRefusesALinkThatAppears(t *testing.T) {
	path, other := lockPath(t), lockPath(t)
	mustTake(t, path, quick())
	w := startWaiter(t, path, quick())
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(other, path+".new"), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
	if err := w.end(t); !errors.Is(err, ErrForeign) || errors.Is(err, ErrHeld) {
		t.Errorf("lease by way of a link: %v", err)
	}
}

// TestEachInquiryStartsFromTheOptionsAsGiven: what is mounted over the directory later may be a network disk.
func TestEachInquiryStartsFromTheOptionsAsGiven(t *testing.T) {
	d := &files{path: lockPath(t)}
	if err := d.open(); err != nil {
		t.Fatal(err)
	}
	defer d.f.Close()
	o := d.inquire()
	if o.event.Err != nil || o.event.Deadline == 0 || d.opts.Poll != 0 || d.opts.Heartbeat != 0 || d.opts.Deadline != 0 {
		t.Errorf("%+v, options %+v", o.event, d.opts)
	}
}

// TestWhoMayOnlyReadKeepsEverybodyOut, as the package comment warns.
func TestWhoMayOnlyReadKeepsEverybodyOut(t *testing.T) {
	path := lockPath(t)
	mustRelease(t, mustTake(t, path, quick()))
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := setLock(reader, unix.F_RDLCK); err != nil {
		t.Fatal(err)
	}
	if _, err := TryAcquire(path, quick()); !errors.Is(err, ErrHeld) {
		t.Errorf("%v", err)
	}
	if err := unlock(reader); err != nil {
		t.Fatal(err)
	}
	mustTake(t, path, quick())
}

// TestLosersReleaseDoesNotDisturbTheSuccessor: their locks are on two files.
func TestLosersReleaseDoesNotDisturbTheSuccessor(t *testing.T) {
	path := lockPath(t)
	loser := startProcess(t, "loser", path)
	first := loser.epoch()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	loser.say("loss")
	loser.read("loss")
	successor := mustTake(t, path, quick())
	if successor.Epoch() <= first {
		t.Errorf("epoch %d after %d", successor.Epoch(), first)
	}
	loser.say("release")
	if got := loser.read("released"); got != "<nil>" {
		t.Errorf("Release: %s", got)
	}
	if err := successor.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := TryAcquire(path, Options{}); !errors.Is(err, ErrHeld) {
		t.Errorf("a third instance: %v", err)
	}
}

// TestStartingProcessesAllTheTimeNeverKeepsTheLock: each has copies of all descriptors between fork
// and exec.
func TestStartingProcessesAllTheTimeNeverKeepsTheLock(t *testing.T) {
	path := lockPath(t)
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := exec.Command("/bin/true").Run(); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for range 100 {
		l, err := TryAcquire(path, quick())
		if err != nil {
			t.Error(err)
			break
		}
		mustRelease(t, l)
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestNoDescriptorOfTheLockIsInherited looks into a child of a holder.
func TestNoDescriptorOfTheLockIsInherited(t *testing.T) {
	path := lockPath(t)
	mustTake(t, path, quick())
	child := exec.Command("sleep", "3600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Signal(syscall.SIGKILL)
	fds := fmt.Sprintf("/proc/%d/fd", child.Process.Pid)
	entries, err := os.ReadDir(fds)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(fds, e.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // the program has closed what it opened as it began; what is inherited stays open
		}
		if err != nil || strings.HasPrefix(target, path) {
			t.Errorf("descriptor %s: %s, %v", e.Name(), target, err)
		}
	}
}
