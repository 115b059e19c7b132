package lockfile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// quick makes a loss show soon where a test has to wait for a heartbeat.
func quick() Options {
	return Options{Instance: "test", Poll: time.Millisecond, Heartbeat: 5 * time.Millisecond, Deadline: time.Minute}
}

func lockPath(t testing.TB) string { return filepath.Join(t.TempDir(), "agent.lck") }

func mustTake(t testing.TB, path string, o Options) *Lease {
	t.Helper()
	l, err := TryAcquire(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustRelease(t, l) })
	return l
}

func mustRelease(t testing.TB, l *Lease) {
	t.Helper()
	if err := l.Release(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestTwoLeasesOfOneProcessExcludeEachOther(t *testing.T) {
	path := lockPath(t)
	first := mustTake(t, path, quick())
	_, err := TryAcquire(path, Options{})
	var held *HeldError
	if !errors.As(err, &held) || !errors.Is(err, ErrHeld) {
		t.Fatalf("second: %v", err)
	}
	if held.Owner.PID != os.Getpid() || held.Owner.Epoch != first.Epoch() || held.Owner.Instance != "test" {
		t.Errorf("owner %+v", held.Owner)
	}
	mustRelease(t, first)
	if second := mustTake(t, path, quick()); second.Epoch() <= first.Epoch() {
		t.Errorf("epoch %d after %d", second.Epoch(), first.Epoch())
	}
}

// TestClosingAnotherDescriptorKeepsTheLock is what traditional fcntl locks fail.
func TestClosingAnotherDescriptorKeepsTheLock(t *testing.T) {
	path := lockPath(t)
	l := mustTake(t, path, quick())
	if _, err := Inspect(path); err != nil { // opens and closes the file
		t.Error(err)
	}
	if err := l.Verify(t.Context()); err != nil { // likewise
		t.Error(err)
	}
	if _, err := TryAcquire(path, Options{}); !errors.Is(err, ErrHeld) {
		t.Errorf("second: %v", err)
	}
}

func TestHeldErrorTellsAPersonWhoAndWhere(t *testing.T) {
	err := &HeldError{Path: "/mnt/agent.lck", Owner: sampleRecord(7, 1)}
	want := `lockfile: /mnt/agent.lck is held by instance "instance-1" on host node1 (process 4711, epoch 7) since 2026-01-02T03:04:05Z`
	if err.Error() != want {
		t.Errorf("%s", err)
	}
}

func TestRecordCanBeReadWhileTheLockIsHeld(t *testing.T) {
	path := lockPath(t)
	l := mustTake(t, path, quick())
	content, err := os.ReadFile(path)
	if err != nil || len(content) > fileSize || bytes.Count(content, []byte("\n")) != 3 {
		t.Errorf("%q, %v", content, err)
	}
	r, err := Inspect(path)
	if err != nil || r.Epoch != l.Epoch() || r.Primitive != primitive || r.Since.IsZero() {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestEpochIsAboveTheFloorWhichIsAskedUnderTheLock(t *testing.T) {
	path := lockPath(t)
	o := quick()
	o.EpochFloor = func(context.Context) (uint64, error) {
		if _, err := TryAcquire(path, Options{}); !errors.Is(err, ErrHeld) {
			t.Errorf("floor asked without the lock: %v", err)
		}
		return 41, nil
	}
	if l := mustTake(t, path, o); l.Epoch() != 42 {
		t.Errorf("epoch %d", l.Epoch())
	}
	o.EpochFloor = func(context.Context) (uint64, error) { return 0, errInjected }
	other := lockPath(t)
	if _, err := TryAcquire(other, o); !errors.Is(err, errInjected) {
		t.Errorf("failing floor: %v", err)
	}
	mustTake(t, other, quick()) // the failed attempt left no lock behind
}

// TestNameMadeAfterTheListingIsSteppedOver is what a stale listing of a network file system looks like.
func TestNameMadeAfterTheListingIsSteppedOver(t *testing.T) {
	path := lockPath(t)
	o := quick()
	o.EpochFloor = func(context.Context) (uint64, error) { // asked between listing and creating
		return 0, os.WriteFile(namePath(path, 1), nil, 0o644)
	}
	if l := mustTake(t, path, o); l.Epoch() != 2 {
		t.Errorf("epoch %d", l.Epoch())
	}
}

func TestEpochNamesArePrunedToTheNewest(t *testing.T) {
	path := lockPath(t)
	mustRelease(t, mustTake(t, path, quick()))
	for n := uint64(2); n <= 100; n++ {
		if err := os.WriteFile(namePath(path, n), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(namesDir(path), ".nfs0001"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l := mustTake(t, path, quick())
	if l.Epoch() != 101 {
		t.Errorf("epoch %d", l.Epoch())
	}
	var names []uint64
	for len(names) != keepNames { // each Verify is one heartbeat, and pruning goes on between two
		if err := l.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		var err error
		if names, err = listNames(path); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Min(names) != 101-keepNames+1 {
		t.Errorf("oldest name %d", slices.Min(names))
	}
}

func TestRemovedNamesDoNotTurnTheEpochBack(t *testing.T) {
	path := lockPath(t)
	for range 3 {
		mustRelease(t, mustTake(t, path, quick()))
	}
	if err := os.RemoveAll(namesDir(path)); err != nil {
		t.Fatal(err)
	}
	if l := mustTake(t, path, quick()); l.Epoch() != 4 {
		t.Errorf("epoch %d", l.Epoch())
	}
}

func TestHigherEpochInTheRecordEndsTheLeaseAndALowerOneIsWrittenOver(t *testing.T) {
	path := lockPath(t)
	overwritten := make(chan Event, eventQueue)
	o := quick()
	o.EpochFloor = func(context.Context) (uint64, error) { return 10, nil }
	o.Heartbeat, o.Deadline = 20*time.Second, time.Minute // only Verify beats
	o.OnEvent = func(e Event) {
		if e.Kind == Overwritten {
			overwritten <- e
		}
	}
	l := mustTake(t, path, o)
	write := func(r Record) {
		t.Helper()
		if err := os.WriteFile(path, append(mustLine(t, r), mustLine(t, r)...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(sampleRecord(3, 3))
	if err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if r, err := Inspect(path); err != nil || r.Epoch != l.Epoch() {
		t.Errorf("%+v, %v", r, err)
	}
	write(sampleRecord(12, 0))
	if err := l.Verify(t.Context()); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "instance-1") {
		t.Error(err)
	}
}

func TestForeignFilesAreRefusedAndLeftAlone(t *testing.T) {
	otherLock := sampleRecord(3, 3)
	otherLock.Primitive = "other"
	for name, content := range map[string][]byte{
		"no lock file":    []byte("dear diary\n"),
		"another's locks": append(mustLine(t, otherLock), mustLine(t, otherLock)...),
	} {
		t.Run(name, func(t *testing.T) {
			path := lockPath(t)
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := TryAcquire(path, Options{}); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), path) {
				t.Errorf("TryAcquire: %v", err)
			}
			if _, err := Acquire(t.Context(), path, Options{}); !errors.Is(err, ErrForeign) {
				t.Errorf("Acquire: %v", err)
			}
			if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, content) {
				t.Errorf("left %q, %v", left, err)
			}
		})
	}
}

func TestPlacesThatCannotBeUsedAreNamed(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "not mounted", "agent.lck")
	_, err := Acquire(t.Context(), missing, Options{})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), missing) || !strings.Contains(err.Error(), "directory") {
		t.Errorf("missing directory: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(missing)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the missing directory was made: %v", err)
	}
	if _, err := TryAcquire(dir, Options{}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("directory as lock file: %v", err)
	}
	blocked := filepath.Join(dir, "blocked.lck")
	if err := os.WriteFile(namesDir(blocked), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := TryAcquire(blocked, Options{}); err == nil || !strings.Contains(err.Error(), namesDir(blocked)) {
		t.Errorf("no place for names: %v", err)
	}
	if _, err := TryAcquire("", Options{}); err == nil {
		t.Error("no path, no error")
	}
	if _, err := Inspect(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Inspect: %v", err)
	}
}

func TestRelationsBetweenOptionsAreChecked(t *testing.T) {
	path := lockPath(t)
	for _, o := range []Options{
		{Poll: -1},
		{Heartbeat: -1},
		{Deadline: -1},
		{Heartbeat: time.Second, Deadline: 2*time.Second - 1},
		{Heartbeat: localDeadline},
		{Instance: strings.Repeat("x", maxInstance+1)},
		{Instance: "\xff"},
		{Instance: strings.Repeat("<", maxInstance)}, // six bytes each in JSON: it failed when the lock was held and an epoch was used up
	} {
		if _, err := TryAcquire(path, o); err == nil || errors.Is(err, ErrHeld) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	// What is wrong with the relation to a default shows only when the file system is known.
	if _, err := os.Stat(namesDir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("names: %v", err)
	}
	mustTake(t, path, quick())
}

func TestDefaultsByFileSystem(t *testing.T) {
	for _, row := range []struct {
		name                      string
		given                     Options
		local                     bool
		lease, longest            time.Duration
		poll, heartbeat, deadline time.Duration
	}{
		{"local", Options{}, true, 0, 0, 100 * time.Millisecond, time.Second, 10 * time.Second},
		{"network", Options{}, false, 0, 0, 500 * time.Millisecond, 2 * time.Second, 5 * time.Second},
		{"long lease", Options{}, false, 90 * time.Second, 0, 500 * time.Millisecond, 2 * time.Second, 5 * time.Second},
		{"short lease", Options{}, false, 5 * time.Second, 0, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond},
		{"GlusterFS", Options{}, false, 0, knowledgeOf("fuse.glusterfs").deadline, 500 * time.Millisecond, 1200 * time.Millisecond, 3 * time.Second},
		{"other FUSE", Options{}, false, 0, knowledgeOf("fuse.juicefs").deadline, 500 * time.Millisecond, 2 * time.Second, 5 * time.Second},
		{"given deadline on GlusterFS", Options{Deadline: 20 * time.Second}, false, 0, 3 * time.Second, 500 * time.Millisecond, 2 * time.Second, 20 * time.Second},
		{"given deadline", Options{Deadline: time.Second}, true, 0, 0, 100 * time.Millisecond, 400 * time.Millisecond, time.Second},
		{"given all", Options{Poll: 1, Heartbeat: 2, Deadline: 5}, false, 0, 0, 1, 2, 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			o, err := row.given.on(row.local, row.lease, row.longest)
			if err != nil || o.Poll != row.poll || o.Heartbeat != row.heartbeat || o.Deadline != row.deadline {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
}
