package lockfile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestStandbyOutlastsAnEditorInTheLockFile: whoever waited for the lock gave up when somebody wrote over the record,
// although the holder lived and mended it.
func TestStandbyOutlastsAnEditorInTheLockFile(t *testing.T) {
	path := lockPath(t)
	o := quick()
	o.Heartbeat = 20 * time.Second // only Verify beats
	holder := mustTake(t, path, o)
	if err := os.WriteFile(path, []byte("dear diary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := TryAcquire(path, quick()); !errors.As(err, &held) || held.Owner != (Record{}) {
		t.Fatalf("with another text in the file: %v", err)
	}
	waits, got := make(chan struct{}), make(chan error, 1)
	var second *Lease
	var once sync.Once
	go func() {
		w := quick()
		w.OnEvent = func(e Event) {
			if e.Kind == Waiting {
				once.Do(func() { close(waits) }) // it may say whom it waits for when the record is mended
			}
		}
		var err error
		second, err = Acquire(context.Background(), path, w)
		got <- err
	}()
	<-waits
	for range 2 { // whichever line it writes first
		if err := holder.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	mustRelease(t, holder)
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	if second.Epoch() <= holder.Epoch() {
		t.Errorf("epoch %d after %d", second.Epoch(), holder.Epoch())
	}
	mustRelease(t, second)
}

// TestDamageToTheFileIsReportedOnceAndMended: an editor that writes a new file in place of the old one ends
// the lease instead, as TestReplacedLockFileEndsTheLease shows.
func TestDamageToTheFileIsReportedOnceAndMended(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"truncated":         func(path string) error { return os.Truncate(path, 0) },
		"cut":               func(path string) error { return os.Truncate(path, lineSize+10) },
		"edited":            func(path string) error { return writeAt(path, "x", lineSize-20) },
		"written over":      func(path string) error { return writeAt(path, "dear diary\n", 0) },
		"an earlier holder": func(path string) error { return writeAt(path, string(earlierLine), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			path := lockPath(t)
			events := make(chan Event, eventQueue)
			o := quick()
			o.Heartbeat = 20 * time.Second // only Verify beats
			o.EpochFloor = func(context.Context) (uint64, error) { return 5, nil }
			o.OnEvent = func(e Event) { events <- e }
			l := mustTake(t, path, o)
			<-events
			for range 2 { // whichever line the next heartbeat writes
				if err := damage(path); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if err := l.Verify(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if content, err := os.ReadFile(path); err != nil || bytes.Count(content, []byte(lineStart)) != 3 || !slices.Equal(parseClaims(content), []uint64{l.Epoch()}) {
				t.Errorf("not mended: %q, %v", content, err)
			}
			mustRelease(t, l)
			reported := 0
			for len(events) > 0 {
				e := <-events
				if e.Kind == Overwritten {
					reported++
				}
				if e.Kind == Overwritten && (e.Owner.Epoch == 3) != (name == "an earlier holder") {
					t.Errorf("owner %+v", e.Owner)
				}
			}
			// A line that our own next heartbeat writes anyway shows nothing of what was there.
			if reported == 0 || reported > 2 {
				t.Errorf("reported %d times", reported)
			}
		})
	}
}

var earlierLine = func() []byte {
	line, err := sampleRecord(3, 2).line()
	if err != nil {
		panic(err)
	}
	return line
}()

func writeAt(path, text string, at int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(text), at)
	return errors.Join(err, f.Close())
}

func TestTextAfterTheRecordIsReportedOnceAndRemoved(t *testing.T) {
	path := lockPath(t)
	var overwritten int
	o := quick()
	o.OnEvent = func(e Event) {
		if e.Kind == Overwritten {
			overwritten++
		}
		if e.Kind == Overwritten && e.Owner != (Record{}) {
			t.Errorf("the intruder would be %+v", e.Owner) // it was ourselves
		}
	}
	l := mustTake(t, path, o)
	if err := writeAt(path, "dear diary\n", fileSize); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := l.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	mustRelease(t, l)
	if overwritten != 1 {
		t.Errorf("reported %d times", overwritten)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != fileSize {
		t.Errorf("%v, %v", info, err)
	}
}

// TestEpochDoesNotRepeatWhenEverythingIsDeleted: the floor is what is left.
func TestEpochDoesNotRepeatWhenEverythingIsDeleted(t *testing.T) {
	path := lockPath(t)
	var highest uint64
	o := quick()
	o.EpochFloor = func(context.Context) (uint64, error) { return highest, nil }
	for _, loss := range []func() error{
		func() error { return os.Remove(path) },
		func() error { return os.RemoveAll(namesDir(path)) },
		func() error { return errors.Join(os.Remove(path), os.RemoveAll(namesDir(path))) },
		func() error { return errors.Join(os.Truncate(path, 0), os.RemoveAll(namesDir(path))) },
	} {
		l := mustTake(t, path, o)
		if l.Epoch() <= highest {
			t.Errorf("epoch %d after %d", l.Epoch(), highest)
		}
		highest = l.Epoch()
		mustRelease(t, l)
		if err := loss(); err != nil {
			t.Fatal(err)
		}
	}
	if l := mustTake(t, path, o); l.Epoch() <= highest {
		t.Errorf("epoch %d after %d", l.Epoch(), highest)
	}
}
