package lockfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStoppedHolderKnowsWhenItGoesOn: the deadline passes while no goroutine of the holder runs. The
// first thing it does on going on is to ask Err.
func TestStoppedHolderKnowsWhenItGoesOn(t *testing.T) {
	holder := startProcess(t, roleBrief, filepath.Join(memoryDir(t), "agent.lck"))
	holder.epoch()
	holder.say("err")
	if got := holder.read("err"); got != "<nil>" {
		t.Fatalf("before: %s", got)
	}
	if err := holder.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	awaitStop(t, holder.cmd.Process.Pid)
	holder.say("err")                             // it finds the question when it goes on
	<-time.After(briefDeadline + briefDeadline/5) // time itself is what has to pass here
	if err := holder.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := holder.read("err"); !strings.Contains(got, "is lost") {
		t.Errorf("after: %s", got)
	}
	holder.say("err")
	if got := holder.read("err"); !strings.Contains(got, "is lost") {
		t.Errorf("later: %s", got)
	}
}

// awaitStop returns when every thread of a child has stopped: kill(2) returns before, and a question
// asked meanwhile was answered in time.
func awaitStop(t *testing.T, pid int) {
	t.Helper()
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || !status.Stopped() {
			t.Fatalf("the child did not stop: %v, %v", err, status)
		}
		return
	}
}

// TestReleaseFreesTheLockThoughACopyOfTheDescriptorIsOpen: a child has one between fork and exec, and
// closing ours would leave the lock to it.
func TestReleaseFreesTheLockThoughACopyOfTheDescriptorIsOpen(t *testing.T) {
	path := lockPath(t)
	self, err := identity("")
	if err != nil {
		t.Fatal(err)
	}
	d := &files{path: path, self: self, opts: quick()}
	l, err := take(t.Context(), path, d, newClock(), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	duplicate, err := syscall.Dup(int(d.f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(duplicate)
	mustRelease(t, l)
	mustTake(t, path, quick())
}

func TestDirectoryWithoutPermissionIsNamed(t *testing.T) {
	const path = "/sys/agent.lck" // refused to root, too
	_, err := TryAcquire(path, Options{})
	var at *os.PathError
	if !errors.As(err, &at) || at.Path != path || errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestLeaseTimeOfTheServerIsReadFromTheMount(t *testing.T) {
	stats := []byte(`device /dev/vda mounted on / with fstype ext4
device server:/export mounted on /mnt/mq with fstype nfs4 statvers=1.1
	opts:	rw,vers=4.2,rsize=1048576
	age:	1234
	nfsv4:	bm0=0xfdffbfff,bm1=0xf9be3e,bm2=0x68800,acl=0x3,sessions,pnfs=not configured,lease_time=90,lease_expired=0
device other:/export mounted on /mnt/mq/inner with fstype nfs4 statvers=1.1
	nfsv4:	bm0=0xfdffbfff,acl=0x3,lease_time=10,lease_expired=0
device old:/export mounted on /mnt/old with fstype nfs statvers=1.1
	opts:	rw,vers=3
device blank:/export mounted on /mnt/mq/two\040words with fstype nfs4 statvers=1.1
	nfsv4:	bm0=0xfdffbfff,acl=0x3,lease_time=20,lease_expired=0
device first:/export mounted on /mnt/twice with fstype nfs4 statvers=1.1
	nfsv4:	bm0=0xfdffbfff,acl=0x3,lease_time=30,lease_expired=0
device second:/export mounted on /mnt/twice with fstype nfs4 statvers=1.1
	nfsv4:	bm0=0xfdffbfff,acl=0x3,lease_time=40,lease_expired=0
device /dev/vdb mounted on /mnt/mq/covered with fstype ext4
`)
	for path, want := range map[string]time.Duration{
		"/mnt/mq/agent.lck":       90 * time.Second,
		"/mnt/mq/inner/agent.lck": 10 * time.Second,
		"/mnt/mqx/agent.lck":      0,
		"/mnt/old/agent.lck":      0,

		"/mnt/mq/two words/agent.lck": 20 * time.Second,
		"/mnt/twice/agent.lck":        40 * time.Second, // the last one covers the other
		"/mnt/mq/covered/agent.lck":   0,
		"/agent.lck":                  0,
	} {
		if got := nfsLease(stats, path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func TestFileSystemIsThatOfTheInnermostMount(t *testing.T) {
	mounts := []byte(`22 1 254:0 / / rw,relatime - ext4 /dev/root rw
30 22 0:26 / /mnt/mq rw,relatime shared:1 - nfs4 server:/export rw,vers=4.1
31 30 0:27 / /mnt/mq/glu\040ster rw - fuse.glusterfs server:/v rw
32 22 0:28 / /mnt/twice rw - ext4 /dev/sdb rw
33 22 0:29 / /mnt/twice rw - fuse.sshfs host: rw
broken line
`)
	for path, want := range map[string]string{
		"/agent.lck":                 "ext4",
		"/mnt/mq/agent.lck":          "nfs4",
		"/mnt/mqx/agent.lck":         "ext4",
		"/mnt/mq/glu ster/agent.lck": "fuse.glusterfs",
		"/mnt/twice/sub/agent.lck":   "fuse.sshfs",
	} {
		if got := mountType(mounts, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestTemporaryDirectoryIsLocalAndTheRestIsNot(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, _, err := fileSystem(f); err != nil {
		t.Error(err)
	}
	for magic, local := range map[uint32]bool{
		0xef53: true, 0x58465342: true, 0x9123683e: true, 0x01021994: true,
		0x6969: false, 0xff534d42: false, 0xfe534d42: false, 0x00c36400: false, 0x65735546: false, 0x01021997: false, 0: false,
	} {
		if isLocalFileSystem(magic) != local {
			t.Errorf("%#x: local %v", magic, !local)
		}
	}
}
