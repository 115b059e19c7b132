package lockfile

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/core/lease"
)

// The model of package lease has the core alone. Here are its shell, goroutines and all, in virtual time:
// three instances on one disk in memory, whose operations are slow, hang and fail as a seed says.

// schedulesVariable sets the number of seeds; the default is for every day.
const schedulesVariable = "MQHA_LOCKFILE_SCHEDULES"

func TestInstancesOnABadDiskNeverOverlapLongerThanTheyMay(t *testing.T) {
	n := 300
	if s := os.Getenv(schedulesVariable); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	leases := 0
	for seed := range uint64(n) {
		synctest.Test(t, func(t *testing.T) { leases += playSchedule(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	// Of one schedule chance may leave little: of 20000, 8 had two leases and 35 three, one after the other with operations
	// that hung, and one of some thousands had a single one once.
	t.Logf("%d leases in %d schedules", leases, n)
	if leases < 6*n {
		t.Errorf("%d leases in %d schedules, of three instances in two minutes each", leases, n)
	}
}

// memory is a disk that several instances share.
type memory struct {
	mu       sync.Mutex
	random   *rand.Rand
	drops    bool // now and then the lock is taken from its holder, who is not told
	stale    bool // listings do not show the latest names, as on network file systems
	holder   *memoryDisk
	lines    [2]memoryLine
	claims   map[uint64]bool
	names    map[uint64]bool
	holders  map[*memoryDisk]*Lease
	granted  []uint64
	failures []error // of attempts
	overlaps map[[2]*memoryDisk]time.Duration
}

type memoryLine struct {
	epoch, beat uint64
	by          *memoryDisk
}

// memoryDisk is memory as one lease sees it.
type memoryDisk struct{ *memory }

const (
	memoryHeartbeat = time.Second
	memoryDeadline  = 5 * time.Second
	memorySample    = 50 * time.Millisecond
)

func (d *memoryDisk) do(ctx context.Context, a lease.Action) outcome {
	d.mu.Lock()
	before, after := d.delay(), d.delay()
	fails := d.random.IntN(100) == 0
	dropped := d.drops && d.random.IntN(100) == 0
	d.mu.Unlock()
	if a.Op == lease.Pause {
		return failed(pause(ctx, 100*time.Millisecond))
	}
	time.Sleep(before)
	d.mu.Lock()
	o := d.apply(a)
	if dropped {
		d.holder = nil
	}
	d.mu.Unlock()
	time.Sleep(after)
	if fails && a.Op != lease.Unlock && a.Op != lease.TryLock {
		return failed(errInjected)
	}
	return o
}

func (d *memoryDisk) delay() time.Duration {
	if d.random.IntN(50) == 0 {
		return time.Duration(d.random.IntN(15000)) * time.Millisecond
	}
	return time.Duration(d.random.IntN(20)) * time.Millisecond
}

func (d *memoryDisk) apply(a lease.Action) (o outcome) {
	switch a.Op {
	case lease.Inquire:
		o.event.Interval, o.event.Deadline = memoryHeartbeat, memoryDeadline
	case lease.TryLock:
		if d.holder != nil && d.holder != d {
			o.event.Result = lease.Busy
		} else {
			d.holder = d
		}
	case lease.Look:
		l, other := d.lines[0], d.lines[1]
		if other.epoch > l.epoch || other.epoch == l.epoch && other.beat > l.beat {
			l, other = other, l
		}
		o.event.Epoch, o.event.Beat, o.event.Mine, o.event.Damaged = l.epoch, l.beat, l.by == d, other.by != d
		o.event.Claims = slices.Collect(maps.Keys(d.claims))
	case lease.List:
		o.event.Names = slices.Sorted(maps.Keys(d.names))
		if d.stale {
			o.event.Names = o.event.Names[:max(0, len(d.names)-d.random.IntN(3))]
		}
	case lease.CreateName:
		if d.names[a.Epoch] {
			o.event.Result = lease.Busy
		}
		d.names[a.Epoch] = true
	case lease.Write:
		d.lines[a.Beat%2] = memoryLine{a.Epoch, a.Beat, d}
	case lease.Claim:
		d.claims[a.Epoch] = true
	case lease.Prune:
		delete(d.names, a.Epoch)
	case lease.Unlock:
		if d.holder == d {
			d.holder = nil
		}
	}
	return o
}

// playSchedule gives the number of leases that were granted.
func playSchedule(t *testing.T, seed uint64) int {
	m := &memory{random: rand.New(rand.NewPCG(seed, 0)), drops: seed%2 == 1, stale: seed%4 == 3, names: map[uint64]bool{}, claims: map[uint64]bool{},
		holders: map[*memoryDisk]*Lease{}, overlaps: map[[2]*memoryDisk]time.Duration{}}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var instances sync.WaitGroup
	for range 3 {
		instances.Go(func() {
			for ctx.Err() == nil {
				m.instance(ctx, t)
			}
		})
	}
	for ctx.Err() == nil {
		time.Sleep(memorySample)
		m.sample(t)
	}
	instances.Wait()
	time.Sleep(10 * time.Minute) // operations that hung when their Acquire gave up
	if len(m.granted) == 0 {
		t.Errorf("seed %d: no lease; the attempts ended with %v", seed, m.failures)
	}
	return len(m.granted)
}

// instance takes a lease and keeps it for a while.
func (m *memory) instance(ctx context.Context, t *testing.T) {
	d := &memoryDisk{m}
	l, err := take(ctx, "/memory", d, newClock(), true, nil)
	if err != nil {
		m.mu.Lock()
		m.failures = append(m.failures, err)
		m.mu.Unlock()
		time.Sleep(time.Second)
		return
	}
	m.mu.Lock()
	for _, g := range m.granted {
		if l.Epoch() == g || l.Epoch() < g && !m.drops {
			t.Errorf("epoch %d after %d", l.Epoch(), g)
		}
	}
	m.granted = append(m.granted, l.Epoch())
	m.holders[d] = l
	work := time.Duration(m.random.IntN(20000)) * time.Millisecond
	m.mu.Unlock()
	select {
	case <-l.Done():
		if err := l.Err(); !errors.Is(err, ErrLost) {
			t.Errorf("Done, but Err is %v", err)
		}
	case <-time.After(work):
	}
	lost := l.Err()
	if err := l.Release(context.Background()); err != nil {
		t.Error(err)
	}
	if after := l.Err(); lost != nil && after != lost || after == nil {
		t.Errorf("Err was %v and is %v", lost, after)
	}
}

// sample counts for how long two instances both believe.
func (m *memory) sample(t *testing.T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var believers []*memoryDisk
	for d, l := range m.holders {
		if l.Err() == nil {
			believers = append(believers, d)
		} else {
			delete(m.holders, d)
		}
	}
	slices.SortFunc(believers, func(a, b *memoryDisk) int { return int(m.holders[a].Epoch()) - int(m.holders[b].Epoch()) })
	for i, a := range believers {
		for _, b := range believers[i+1:] {
			m.overlaps[[2]*memoryDisk{a, b}] += memorySample
			if both := m.overlaps[[2]*memoryDisk{a, b}]; !m.drops || both > memoryDeadline+memorySample {
				t.Errorf("epochs %d and %d at once for %v", m.holders[a].Epoch(), m.holders[b].Epoch(), both)
			}
		}
	}
}
