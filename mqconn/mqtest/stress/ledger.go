package stress

import (
	"context"
	"fmt"
	"sync"
)

// ending is what became of a commit.
type ending int

const (
	committed ending = iota // it was answered
	unknown                 // its answer was lost, nobody knows what it did
	made                    // its answer was lost, and the queue manager had made it
	notMade                 // its answer was lost, and the queue manager had not made it
)

// identity names a message; all copies of it have the same.
type identity struct{ Producer, Number int }

// unit is a unit of work whose commit was asked for.
type unit struct {
	Worker  int
	Put     []identity
	Got     []identity
	Outcome ending
}

// ledger has every unit of work, and what was backed out. It knows nothing of the queue manager.
type ledger struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	units    []*unit
	never    map[identity]bool // backed out on purpose, and not put again
	backouts int
	answered map[int]int // commits that were answered, by worker
	seen     map[identity]int
}

// newLedger makes an empty one.
func newLedger() *ledger {
	return &ledger{
		changed: make(chan struct{}), never: make(map[identity]bool), answered: make(map[int]int), seen: make(map[identity]int),
	}
}

// Add enters a commit. The outcome of one that is unknown can be found out later, by decide.
func (l *ledger) Add(u unit) {
	l.change(func() {
		l.units = append(l.units, &u)
		if u.Outcome == committed {
			l.answered[u.Worker]++
		}
	})
}

// BackedOut enters a unit of work that was backed out on purpose. What it put must never be seen.
func (l *ledger) BackedOut(put []identity) {
	l.change(func() {
		l.backouts++
		for _, id := range put {
			l.never[id] = true
		}
	})
}

// Saw enters a message that was got, whatever becomes of the unit of work.
func (l *ledger) Saw(id identity) {
	l.change(func() { l.seen[id]++ })
}

func (l *ledger) change(what func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what()
	close(l.changed)
	l.changed = make(chan struct{})
}

// await returns when condition, called under the mutex, holds, or with the cause of ctx.
func (l *ledger) await(ctx context.Context, condition func() bool) error {
	for {
		l.mu.Lock()
		changed, holds := l.changed, condition()
		l.mu.Unlock()
		if holds {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// mark is a place in the ledger.
type mark struct {
	units    int
	answered map[int]int
}

func (l *ledger) mark() mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := mark{units: len(l.units), answered: make(map[int]int)}
	for worker, n := range l.answered {
		m.answered[worker] = n
	}
	return m
}

// awaitAll waits until each of so many workers has had a commit answered since m.
func (l *ledger) awaitAll(ctx context.Context, m mark, workers int) error {
	return l.await(ctx, func() bool {
		for worker := range workers {
			if l.answered[worker] == m.answered[worker] {
				return false
			}
		}
		return true
	})
}

// decide waits for the one commit of unknown outcome since m, which lost its answer on purpose, and enters
// what the queue manager had done.
func (l *ledger) decide(ctx context.Context, m mark, outcome ending) error {
	var found []*unit
	err := l.await(ctx, func() bool {
		found = found[:0]
		for _, u := range l.units[m.units:] {
			if u.Outcome == unknown {
				found = append(found, u)
			}
		}
		return len(found) > 0
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(found) > 1 {
		return fmt.Errorf("%d commits have an unknown outcome, one was asked to", len(found))
	}
	found[0].Outcome = outcome
	return nil
}

// copies counts, for one identity, what was put and what was taken: for certain, and at the most.
type copies struct{ put, putAtMost, taken, takenAtMost int }

// Judge adds everything up, once the queue is empty. A problem names an identity that was lost, was there more
// often than the units of work can explain, or must not have been there.
func (l *ledger) Judge() (r Result, problems []error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[identity]copies)
	for _, u := range l.units {
		least, most := 0, 1
		switch u.Outcome {
		case committed:
			least = 1
		case made:
			least = 1
			r.Made++
		case notMade:
			most = 0
			r.NotMade++
		case unknown:
			r.Undecided++
		}
		for _, id := range u.Put {
			c := all[id]
			c.put, c.putAtMost = c.put+least, c.putAtMost+most
			all[id] = c
		}
		for _, id := range u.Got {
			c := all[id]
			c.taken, c.takenAtMost = c.taken+least, c.takenAtMost+most
			all[id] = c
		}
	}
	r.Backouts = l.backouts
	for id, c := range all {
		switch {
		case c.put > c.takenAtMost:
			problems = append(problems, fmt.Errorf("%+v was put %d times and got %d times at the most: lost", id, c.put, c.takenAtMost))
		case c.taken > c.putAtMost:
			problems = append(problems, fmt.Errorf("%+v was put %d times at the most and got %d times: twice without a reason", id, c.putAtMost, c.taken))
		}
		if c.put > 0 {
			r.Messages++
		}
		r.Duplicates += max(0, c.taken-1)
	}
	for id := range l.seen {
		if l.never[id] || all[id].putAtMost == 0 {
			problems = append(problems, fmt.Errorf("%+v was seen, but its unit of work was backed out", id))
		}
	}
	return r, problems
}
