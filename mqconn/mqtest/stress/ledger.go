package stress

import (
	"context"
	"fmt"
	"sync"
)

// Outcome is what became of a commit.
type Outcome int

const (
	Committed Outcome = iota // it was answered
	Unknown                  // its answer was lost, nobody knows what it did
	Made                     // its answer was lost, and the queue manager had made it
	NotMade                  // its answer was lost, and the queue manager had not made it
)

// Identity names a message; all copies of it have the same.
type Identity struct{ Producer, Number int }

// Unit is a unit of work whose commit was asked for.
type Unit struct {
	Worker  int
	Put     []Identity
	Got     []Identity
	Outcome Outcome
}

// Ledger has every unit of work, and what was backed out. It knows nothing of the queue manager.
type Ledger struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	units    []*Unit
	never    map[Identity]bool // backed out on purpose, and not put again
	backouts int
	answered map[int]int // commits that were answered, by worker
	seen     map[Identity]int
}

// NewLedger makes an empty one.
func NewLedger() *Ledger {
	return &Ledger{
		changed: make(chan struct{}), never: make(map[Identity]bool), answered: make(map[int]int), seen: make(map[Identity]int),
	}
}

// Add enters a commit. The Outcome of one that is Unknown can be found out later, by Decide.
func (l *Ledger) Add(u Unit) {
	l.change(func() {
		l.units = append(l.units, &u)
		if u.Outcome == Committed {
			l.answered[u.Worker]++
		}
	})
}

// BackedOut enters a unit of work that was backed out on purpose. What it put must never be seen.
func (l *Ledger) BackedOut(put []Identity) {
	l.change(func() {
		l.backouts++
		for _, id := range put {
			l.never[id] = true
		}
	})
}

// Saw enters a message that was got, whatever becomes of the unit of work.
func (l *Ledger) Saw(id Identity) {
	l.change(func() { l.seen[id]++ })
}

func (l *Ledger) change(what func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what()
	close(l.changed)
	l.changed = make(chan struct{})
}

// await returns when condition, called under the mutex, holds, or with the cause of ctx.
func (l *Ledger) await(ctx context.Context, condition func() bool) error {
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

func (l *Ledger) mark() mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := mark{units: len(l.units), answered: make(map[int]int)}
	for worker, n := range l.answered {
		m.answered[worker] = n
	}
	return m
}

// awaitAll waits until each of so many workers has had a commit answered since m.
func (l *Ledger) awaitAll(ctx context.Context, m mark, workers int) error {
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
func (l *Ledger) decide(ctx context.Context, m mark, outcome Outcome) error {
	var found []*Unit
	err := l.await(ctx, func() bool {
		found = found[:0]
		for _, u := range l.units[m.units:] {
			if u.Outcome == Unknown {
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
func (l *Ledger) Judge() (r Result, problems []error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[Identity]copies)
	for _, u := range l.units {
		least, most := 0, 1
		switch u.Outcome {
		case Committed:
			least = 1
		case Made:
			least = 1
			r.Made++
		case NotMade:
			most = 0
			r.NotMade++
		case Unknown:
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
