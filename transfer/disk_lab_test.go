//go:build lab && linux

package transfer_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mqha/mqha/transfer"
)

// outcome is what an agent makes of a disk in trouble.
type outcome string

const (
	unharmed outcome = "unharmed" // what fails was not needed any more
	fails    outcome = "fails"    // files, by name; the others arrive
	waits    outcome = "waits"    // until the disk is well, and goes on by itself
	stops    outcome = "stops"    // with ErrDurability; the next instance goes on
)

// place is which directory of whom lies on the disk.
type place string

const (
	stateOfA place = "state of A"
	readOfA  place = "source of A"
	stateOfB place = "state of B"
	gotOfB   place = "destination of B"
)

func (p place) victim() string { return string(p[len(p)-1:]) }

// trouble is something that befalls a disk, and how it is mended.
type trouble struct {
	name   string
	strike func()
	mend   func()
	errno  syscall.Errno // what Open and Submit may answer
	poison func() int    // syncs that were tried again, nil: cannot be told

	// lies: a sync that is under way may be answered with success, and what it was for is gone. ext4 of Linux 6.18 does so in the
	// moment that it becomes read-only (seen once in 60 tries of a small program that appends, syncs and compares after the next mount).
	lies bool
}

// pointsOfEach is how often each trouble strikes each place, at different points.
const pointsOfEach = 8

// TestSickDisk has operations of a disk fail, all of them, or its driver die, at points that chance chooses. Whatever
// happens, what lies under a final name is the file, the error is a typed one, no sync is tried again that has failed,
// and all that was not reported by name arrives when the disk is well again.
func TestSickDisk(t *testing.T) {
	program := buildSickDisk(t)
	random := labRandom(t)
	const all = "write,fsync,fsyncdir,names"
	for _, c := range []struct {
		place place
		line  string // empty: kill -9 of its process
		want  outcome
	}{
		{stateOfA, "fail write EIO", stops}, {stateOfA, "fail fsync EIO", stops}, {stateOfA, "fail read," + all + " EIO", stops},
		{stateOfA, "fail " + all + " EROFS", stops}, {stateOfA, "fail write,names ENOSPC", stops}, {stateOfA, "", stops},
		{stateOfB, "fail write EIO", stops}, {stateOfB, "fail fsync EIO", stops}, {stateOfB, "fail " + all + " EIO", stops},
		{stateOfB, "fail " + all + " EROFS", stops}, {stateOfB, "fail write,names ENOSPC", stops}, {stateOfB, "", stops},
		{gotOfB, "fail write EIO", stops}, {gotOfB, "fail fsync EIO", stops}, {gotOfB, "fail fsync,fsyncdir EIO", stops},
		{gotOfB, "fail " + all + " EIO", stops}, {gotOfB, "fail " + all + " EROFS", stops}, {gotOfB, "fail write,names ENOSPC", waits}, {gotOfB, "", stops},
		// What is read lies in several places (Options.ReadRoots). One that is gone does not stop what goes on in the others, and is waited for.
		{readOfA, "fail read EIO", waits}, {readOfA, "", waits},
	} {
		name := c.line
		if name == "" {
			name = "kill"
		}
		t.Run(fmt.Sprintf("%s, %s", c.place, name), func(t *testing.T) {
			calls := callsOf(t, c.place)
			seen := map[outcome]int{}
			for n := range pointsOfEach {
				d := newSickDisk(t, program)
				tr := trouble{name: name, mend: func() { d.say("well") }, poison: func() int { _, n := d.counts(); return n }}
				tr.strike = func() { d.say(c.line) }
				for errno, text := range map[syscall.Errno]string{syscall.EIO: "EIO", syscall.EROFS: "EROFS", syscall.ENOSPC: "ENOSPC"} {
					if strings.HasSuffix(c.line, text) {
						tr.errno = errno
					}
				}
				if c.line == "" {
					tr.strike, tr.mend, tr.poison, tr.errno = d.kill, func() { d.pull(); d.mount() }, nil, syscall.ENOTCONN
				}
				seen[suffer(t, c.place, d.place, d.below, tr, point(random, n, calls))]++
			}
			wantOutcome(t, seen, c.want, strings.HasSuffix(c.line, "ENOSPC"))
		})
	}
}

// TestRealDiskInTrouble: a disk that is full, one that became read-only as after a bad block in its tables, and one that
// was pulled.
func TestRealDiskInTrouble(t *testing.T) {
	random := labRandom(t)
	for _, c := range []struct {
		disk  string
		place place
		want  outcome
	}{
		{"full tmpfs", stateOfA, stops}, {"full tmpfs", stateOfB, stops}, {"full tmpfs", gotOfB, waits},
		{"full ext4", stateOfA, stops}, {"full ext4", stateOfB, stops}, {"full ext4", gotOfB, waits},
		{"read-only ext4", stateOfA, stops}, {"read-only ext4", stateOfB, stops}, {"read-only ext4", gotOfB, stops},
		{"pulled ext4", readOfA, waits}, {"pulled xfs", readOfA, waits},
	} {
		t.Run(fmt.Sprintf("%s, %s", c.place, c.disk), func(t *testing.T) {
			calls := callsOf(t, c.place)
			seen := map[outcome]int{}
			for n := range pointsOfEach {
				dir, tr := realTrouble(t, c.disk)
				seen[suffer(t, c.place, dir, dir, tr, point(random, n, calls))]++
			}
			wantOutcome(t, seen, c.want, strings.HasPrefix(c.disk, "full"))
		})
	}
}

func realTrouble(t *testing.T, kind string) (string, trouble) {
	t.Helper()
	if kind == "full tmpfs" {
		dir := t.TempDir()
		smallDisk(t, dir, "8m")
		return dir, filled(t, dir)
	}
	switch kind {
	case "pulled ext4":
		return pulled(newDisk(t, 16<<20, "loop", "mkfs.ext4", "-q"))
	case "pulled xfs":
		return pulled(newDisk(t, 320<<20, "loop", "mkfs.xfs", "-q"))
	}
	d := newDisk(t, 16<<20, "loop,errors=remount-ro", "mkfs.ext4", "-q")
	if kind == "full ext4" {
		return d.dir, filled(t, d.dir)
	}
	out, err := exec.Command("findmnt", "-n", "-o", "SOURCE", d.dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(strings.TrimSpace(string(out))), "trigger_fs_error")
	return d.dir, trouble{
		name: kind, errno: syscall.EROFS, lies: true,
		strike: func() {
			if err := os.WriteFile(trigger, []byte("test\n"), 0); err != nil {
				t.Errorf("no errors on demand here: %v", err)
			}
		},
		mend: func() { d.unmount(); d.mount() },
	}
}

// pulled has everything answered with EIO but what is cached, as of ext4 the names of files.
func pulled(d *labDisk) (string, trouble) {
	var mu sync.Mutex // while the directory is open in pull, nobody can unmount it
	locked := func(fn func()) func() {
		return func() {
			mu.Lock()
			defer mu.Unlock()
			fn()
		}
	}
	return d.dir, trouble{name: "pulled", errno: syscall.EIO, strike: locked(d.pull), mend: locked(func() { d.unmount(); d.mount() })}
}

// filled leaves no room on the disk.
func filled(t *testing.T, dir string) trouble {
	filler := filepath.Join(dir, "filler")
	return trouble{
		name: "full", errno: syscall.ENOSPC,
		strike: func() {
			f, err := os.Create(filler)
			if err == nil {
				defer f.Close()
				for _, size := range []int{64 << 10, 4 << 10, 1} {
					for err = nil; err == nil; {
						_, err = f.Write(make([]byte, size))
					}
				}
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Error(err)
			}
		},
		mend: func() {
			if err := os.Remove(filler); err != nil && !errors.Is(err, os.ErrNotExist) { // it may not have come to that
				t.Error(err)
			}
		},
	}
}

// point is the call to strike before: first of all the first one, which no trouble comes too late for.
func point(random *rand.Rand, n int, calls int64) int64 {
	if n == 0 {
		return 1
	}
	return 1 + random.Int64N(calls)
}

// newSuffering is an ordeal of which one directory lies on that disk.
func newSuffering(t *testing.T, p place, disk string) *ordeal {
	t.Helper()
	beside := t.TempDir()
	at := func(of place) string {
		if of == p {
			return filepath.Join(disk, "on")
		}
		return filepath.Join(beside, string(of))
	}
	a := seatOn(t, "A", at(stateOfA), at(readOfA), filepath.Join(beside, "got of A"))
	b := seatOn(t, "B", at(stateOfB), at(readOfA), at(gotOfB))
	o := newOrdeal(t, a, b)
	if disk != "" {
		mustRun(t, "sync", "-f", disk) // the directory is there whatever happens
	}
	o.retry = 50 * time.Millisecond // a full disk is tried again after five times as long
	return o
}

// callsOf counts the points that a trouble may strike at, when nothing happens: the victim's system calls that change
// something, and where its source is concerned, which it only reads, the frames that it sends.
func callsOf(t *testing.T, p place) int64 {
	t.Helper()
	o := newSuffering(t, "", "")
	fences := map[string]*strikingFence{"A": {epoch: 1}, "B": {epoch: 1}}
	s, ended, closed := o.live("A", fences)
	if err := errors.Join(ended, closed); err != nil {
		t.Fatal(err)
	}
	o.closeOthers()
	o.check(s)
	if p == readOfA {
		return o.la.frames
	}
	return fences[p.victim()].calls.Load()
}

// suffer runs a transfer, lets the trouble strike before one call of the victim, sees what comes of it, mends the disk, and
// sees that everything arrives.
func suffer(t *testing.T, p place, disk, below string, tr trouble, at int64) outcome {
	t.Helper()
	o, victim := newSuffering(t, p, disk), p.victim()
	mend := sync.OnceFunc(tr.mend)
	o.whenStalled = mend
	fences := map[string]*strikingFence{"A": {epoch: 1}, "B": {epoch: 1}}
	if p == readOfA {
		o.la.strike = func(n int64) {
			if n == at {
				tr.strike()
			}
		}
	} else {
		fences[victim].at, fences[victim].strike = at, tr.strike
	}
	s, ended, closed := o.live(victim, fences)
	for _, err := range []error{ended, closed} {
		// Open and Submit give the error of the file system.
		if err != nil && !errors.Is(err, transfer.ErrDurability) && !errors.Is(err, tr.errno) {
			t.Errorf("%s at call %d: %v", tr.name, at, err)
		}
	}
	if tr.poison != nil && tr.poison() > 0 {
		t.Errorf("%s at call %d: %d syncs that failed were tried again", tr.name, at, tr.poison())
	}
	if p == gotOfB {
		o.holdAgainst(filepath.Join(below, "on"))
	}
	mend()
	if ended == nil { // closed is then of a disk that failed behind the last word
		o.closeOthers()
		return o.outcomeOf(s)
	}
	s = o.liveOn(victim)
	if tr.lies && p == stateOfB {
		s = withoutDelivered(s)
	}
	if !o.check(s) {
		t.Errorf("%s at call %d, and then: %v, %v", tr.name, at, ended, closed)
	}
	return stops
}

// withoutDelivered leaves out the failures of files that had been delivered when their COMMIT was lost. Each is there
// once all the same, which check sees.
func withoutDelivered(s transfer.Status) transfer.Status {
	s.Failures = slices.DeleteFunc(s.Failures, func(f transfer.FileFailure) bool {
		return f.Reason == "a file of that name is there already"
	})
	s.Failed = len(s.Failures)
	return s
}

// outcomeOf is what came of a transfer that no engine stopped over.
func (o *ordeal) outcomeOf(s transfer.Status) outcome {
	o.t.Helper()
	if s.Failed > 0 {
		o.checkFailed(s)
		return fails
	}
	o.check(s)
	if _, stalled := o.events.find(isStalled); stalled {
		return waits
	}
	return unharmed
}

func isStalled(e transfer.Event) bool {
	return e.Kind == transfer.EventStalled && e.Transfer != (transfer.ID{})
}

// holdAgainst looks that nothing but the source's files lies under their names, whatever the disk says.
func (o *ordeal) holdAgainst(dir string) {
	o.t.Helper()
	for name, f := range facts(o.t, dir) {
		if !strings.HasPrefix(filepath.Base(name), ".") && name != "filler" && f != o.want[name] {
			o.t.Errorf("under its final name %s is %+v, want %+v", name, f, o.want[name])
		}
	}
}

// checkFailed holds files that failed and files that arrived against each other: each is one of the two.
func (o *ordeal) checkFailed(s transfer.Status) {
	o.t.Helper()
	o.holdAgainst(o.b.got)
	var failed []string
	for _, f := range s.Failures {
		failed = append(failed, f.Name)
		if f.Reason == "" {
			o.t.Errorf("%s failed without a reason", f.Name)
		}
	}
	for name := range labSizes {
		_, err := os.Stat(filepath.Join(o.b.got, name))
		if (err == nil) == slices.Contains(failed, name) {
			o.t.Errorf("%s: %v, and the failures are %v", name, err, failed)
		}
	}
}

// wantOutcome asks for one outcome; a trouble may also come too late for it, and a full disk be waited for, where no more is
// missing than the room for a list.
func wantOutcome(t *testing.T, seen map[outcome]int, want outcome, full bool) {
	t.Helper()
	t.Logf("%v", seen)
	others := seen[unharmed]
	if full && want != waits {
		others += seen[waits]
	}
	if seen[want] == 0 || seen[want]+others != pointsOfEach {
		t.Errorf("came to %v, want %s", seen, want)
	}
}
