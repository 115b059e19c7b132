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
