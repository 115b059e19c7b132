package lockfile

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/core/lease"
	"github.com/mqha/mqha/internal/events"
)

const (
	testHeartbeat = time.Second
	testDeadline  = 10 * time.Second
)

var errInjected = errors.New("injected")

// fakeDisk answers like a healthy disk that nobody else uses, unless a test interferes.
type fakeDisk struct {
	epoch, beat uint64
	syncs       atomic.Int64
	interfere   atomic.Pointer[func(lease.Action) *outcome] // nil outcome: go on
	unlocked    atomic.Bool
}

func (d *fakeDisk) do(ctx context.Context, a lease.Action) outcome {
	if f := d.interfere.Load(); f != nil {
		if o := (*f)(a); o != nil {
			return *o
		}
	}
	switch a.Op {
	case lease.Inquire:
		return outcome{event: lease.Event{Interval: testHeartbeat, Deadline: testDeadline}}
	case lease.Pause:
		return failed(pause(ctx, 100*time.Millisecond))
	case lease.Write:
		d.epoch, d.beat = a.Epoch, a.Beat
	case lease.Sync:
		d.syncs.Add(1)
	case lease.Look:
		return outcome{event: lease.Event{Epoch: d.epoch, Beat: d.beat, Mine: true, Claims: []uint64{d.epoch}}}
	case lease.Unlock:
		d.unlocked.Store(true)
	}
	return outcome{}
}

func (d *fakeDisk) on(f func(lease.Action) *outcome) { d.interfere.Store(&f) }

// hang makes op hang until the returned function is called.
func (d *fakeDisk) hang(op lease.Op) (letGo func()) {
	hung := make(chan struct{})
	d.on(func(a lease.Action) *outcome {
		if a.Op == op {
			<-hung
		}
		return nil
	})
	return func() { close(hung) }
}

// takeFake takes a lease on d, with a clock that also shows what asleep adds.
func takeFake(t *testing.T, d disk, asleep *atomic.Int64, onEvent func(Event)) *Lease {
	t.Helper()
	real := newClock()
	clock := func() lease.Instant {
		now := real()
		if asleep != nil {
			now.Boot += time.Duration(asleep.Load())
		}
		return now
	}
	l, err := take(t.Context(), "/fake", d, clock, true, onEvent)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestHeartbeatsKeepTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDisk{}
		l := takeFake(t, d, nil, nil)
		before := d.syncs.Load()
		time.Sleep(time.Minute + time.Millisecond)
		synctest.Wait()
		if err := l.Err(); err != nil {
			t.Error(err)
		}
		if beats := d.syncs.Load() - before; beats != 60 {
			t.Errorf("%d heartbeats in a minute", beats)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if !errors.Is(l.Err(), ErrReleased) || !d.unlocked.Load() {
			t.Errorf("after release: %v, unlocked %v", l.Err(), d.unlocked.Load())
		}
	})
}

func TestHungDiskLosesTheLeaseAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDisk{}
		l := takeFake(t, d, nil, nil)
		letGo := d.hang(lease.Sync)
		granted := time.Now()
		ctx, cancel := l.Context(t.Context())
		defer cancel()
		<-l.Done()
		<-ctx.Done()
		if after := time.Since(granted); after != testDeadline {
			t.Errorf("lost after %v", after)
		}
		var lost *LostError
		if !errors.As(context.Cause(ctx), &lost) || !errors.Is(l.Err(), ErrLost) {
			t.Errorf("cause %v, Err %v", context.Cause(ctx), l.Err())
		}
		if d.unlocked.Load() {
			t.Error("unlocked before Release")
		}
		limited, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := l.Release(limited); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Release of a hung lock: %v", err)
		}
		letGo()
		if err := l.Release(t.Context()); err != nil || !d.unlocked.Load() {
			t.Errorf("Release: %v, unlocked %v", err, d.unlocked.Load())
		}
		if !errors.Is(l.Err(), ErrLost) {
			t.Errorf("Err after release: %v", l.Err())
		}
	})
}

// TestErrDoesNotNeedTheWatchdog is what a process asks that was stopped and goes on.
func TestErrDoesNotNeedTheWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asleep atomic.Int64
		l := takeFake(t, &fakeDisk{}, &asleep, nil)
		asleep.Store(int64(testDeadline))
		if err := l.Err(); !errors.Is(err, ErrLost) {
			t.Errorf("Err after suspend: %v", err)
		}
		asleep.Store(0)
		<-l.Done() // Err told the keeper: no other event is due
		if err := l.Err(); !errors.Is(err, ErrLost) {
			t.Errorf("Err changed to %v", err)
		}
		if err := l.Verify(t.Context()); !errors.Is(err, ErrLost) {
			t.Errorf("Verify: %v", err)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestErrAsksAgainWhenAHeartbeatEndsMeanwhile: the goroutine that asked had not run between reading the last good heartbeat
// and the clock.
func TestErrAsksAgainWhenAHeartbeatEndsMeanwhile(t *testing.T) {
	var l *Lease
	now := lease.Instant{Mono: testDeadline, Boot: testDeadline, Wall: testDeadline}
	l = &Lease{deadline: testDeadline, keeper: &keeper{tooLate: make(chan struct{}, 1)}, clock: func() lease.Instant {
		l.good.Store(&now)
		return now
	}}
	l.good.Store(&lease.Instant{})
	if err := l.Err(); err != nil {
		t.Error(err)
	}
}

func TestHeartbeatThatEndsAfterTheDeadlineIsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asleep atomic.Int64
		d := &fakeDisk{}
		l := takeFake(t, d, &asleep, nil)
		d.on(func(a lease.Action) *outcome {
			if a.Op == lease.Sync {
				asleep.Store(int64(testDeadline)) // the machine is suspended during the sync, which then succeeds
			}
			return nil
		})
		<-l.Done()
		if !errors.Is(l.Err(), ErrLost) {
			t.Errorf("Err: %v", l.Err())
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestFailingHeartbeatsAreReportedOnceAndTheLossNamesTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDisk{}
		var events []Event
		l := takeFake(t, d, nil, func(e Event) { events = append(events, e) })
		d.on(func(a lease.Action) *outcome {
			if a.Op != lease.Sync {
				return nil
			}
			o := failed(errInjected)
			return &o
		})
		if err := l.Verify(t.Context()); !errors.Is(err, errInjected) || errors.Is(err, ErrLost) {
			t.Errorf("Verify: %v", err)
		}
		<-l.Done()
		if err := l.Err(); !errors.Is(err, ErrLost) || !errors.Is(err, errInjected) {
			t.Errorf("Err: %v", err)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
		want := []EventKind{Acquired, HeartbeatLate, Lost, Released}
		if len(events) != len(want) {
			t.Fatalf("events %v", events)
		}
		for i, e := range events {
			if e.Kind != want[i] || e.Epoch != l.Epoch() {
				t.Errorf("event %d: %v", i, e)
			}
		}
	})
}

func TestLostLockFileEndsTheLease(t *testing.T) {
	for _, found := range []lease.Event{{Result: lease.Missing}, {Result: lease.Other}, {Epoch: 99}} {
		synctest.Test(t, func(t *testing.T) {
			d := &fakeDisk{}
			l := takeFake(t, d, nil, nil)
			d.on(func(a lease.Action) *outcome {
				if a.Op == lease.Look {
					return &outcome{event: found}
				}
				return nil
			})
			if err := l.Verify(t.Context()); !errors.Is(err, ErrLost) {
				t.Errorf("Verify: %v", err)
			}
			if err := l.Release(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// hangEach makes each op hang until it is let go.
func (d *fakeDisk) hangEach(op lease.Op) (letGo chan<- struct{}) {
	hung := make(chan struct{})
	d.on(func(a lease.Action) *outcome {
		if a.Op == op {
			<-hung
		}
		return nil
	})
	return hung
}

func TestVerifyWaitsForAHeartbeatOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDisk{}
		l := takeFake(t, d, nil, nil)
		before := d.syncs.Load()
		letGo := d.hangEach(lease.Write)
		time.Sleep(testHeartbeat)
		synctest.Wait() // a heartbeat is under way
		verified := make(chan error, 1)
		go func() { verified <- l.Verify(t.Context()) }()
		synctest.Wait()
		letGo <- struct{}{}
		synctest.Wait() // and now the next one
		if beats := d.syncs.Load() - before; beats != 1 || len(verified) > 0 {
			t.Errorf("after %d heartbeats: answered %v", beats, len(verified) > 0)
		}
		letGo <- struct{}{}
		if err := <-verified; err != nil {
			t.Error(err)
		}
		close(letGo)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Verify(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Verify without time: %v", err)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAcquireEndsWithItsContextWhileTheLockIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDisk{}
		owner := sampleRecord(5, 1)
		d.on(func(a lease.Action) *outcome {
			switch a.Op {
			case lease.TryLock:
				return &outcome{event: lease.Event{Result: lease.Busy}}
			case lease.Look:
				return &outcome{event: lease.Event{Epoch: owner.Epoch}, found: owner}
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := take(ctx, "/fake", d, newClock(), true, nil)
		var held *HeldError
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &held) || held.Owner != owner {
			t.Errorf("Acquire: %v", err)
		}
	})
}

// TestStandbysDoNotTryInStep: each wait is a time of its own between half of Poll and all of it.
func TestStandbysDoNotTryInStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []time.Duration
		d := &fakeDisk{}
		last := time.Now()
		d.on(func(a lease.Action) *outcome {
			if a.Op != lease.TryLock {
				return nil
			}
			waits = append(waits, time.Since(last))
			last = time.Now()
			return &outcome{event: lease.Event{Result: lease.Busy}}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := take(ctx, "/fake", d, newClock(), true, nil); !errors.Is(err, ErrHeld) {
			t.Error(err)
		}
		waits = waits[1:] // the first try does not wait
		if n := len(waits); n < 600 || n > 1200 {
			t.Errorf("%d tries in a minute", n)
		}
		shortest, longest := slices.Min(waits), slices.Max(waits)
		if shortest < localPoll/2 || shortest > localPoll*6/10 || longest < localPoll*9/10 || longest > localPoll {
			t.Errorf("waits from %v to %v", shortest, longest)
		}
	})
}

func TestAcquireEndsWithItsContextWhileTheDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDisk{}
		letGo := d.hang(lease.TryLock)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := take(ctx, "/fake", d, newClock(), true, nil)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute+lingering {
			t.Errorf("Acquire after %v: %v", time.Since(began), err)
		}
		letGo()
		synctest.Wait()
		if !d.unlocked.Load() {
			t.Error("the lock that came too late is still held")
		}
	})
}

func TestSlowOnEventLosesNothingSilently(t *testing.T) {
	release := make(chan struct{})
	var got, missing uint64
	k := &keeper{lease: &Lease{}, events: events.Start(eventQueue, func(e Event) {
		<-release
		if e.Kind == Missed {
			missing += e.Dropped
			return
		}
		got++
	}, missed)}
	const all = eventQueue + 10
	for range all {
		k.report(Event{Kind: Waiting})
	}
	close(release)
	k.events.Close()
	<-k.events.Done()
	if got+missing != all || missing == 0 {
		t.Errorf("%d events of %d came, %d are said to be missing", got, all, missing)
	}
}
