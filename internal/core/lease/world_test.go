package lease

import (
	"errors"
	"fmt"
	"time"

	"pgregory.net/rapid"
)

const (
	testInterval = 100 * time.Millisecond
	testDeadline = 400 * time.Millisecond
)

var errInjected = errors.New("injected")

// world is one directory on a file server, and the instances that use it.
type world struct {
	t         *rapid.T
	inode     int // of the file at the path, 0 if there is none
	lastInode int
	lockedBy  map[int]*node // by inode
	lines     map[int]*[2]line
	names     map[uint64]bool
	granted   []uint64
	perfect   bool // no lock was dropped and no file removed: then nothing may go wrong for a moment
	nodes     []*node
}

type line struct {
	epoch, beat uint64
	by          *node
}

// node is an instance: a machine, its clocks and its one operation under way.
type node struct {
	w    *world
	name int
	m    *Machine
	now  Instant
	dead bool

	pending *Action // asked, not yet answered
	applied bool    // its effect is in the world, the answer is not delivered
	reply   Event

	fd         int // inode
	ended      bool
	epoch      uint64
	good       Instant
	held       bool // granted, not lost or released
	lost       bool
	leaving    bool
	seenAtList uint64 // the highest epoch granted to anybody when the last listing took effect

	wrote, synced, looked Instant // when an operation of the current heartbeat took effect
	writeAsked            Instant
	tickets, answered     uint64
	ticketAt              map[uint64]Instant
}

func newWorld(t *rapid.T) *world {
	return &world{t: t, perfect: true, lockedBy: map[int]*node{}, lines: map[int]*[2]line{}, names: map[uint64]bool{}}
}

func (w *world) start(wait bool, skew time.Duration) *node {
	n := &node{w: w, name: len(w.nodes), ticketAt: map[uint64]Instant{}, m: New(Config{Wait: wait, Keep: 3})}
	n.now = Instant{Mono: skew, Boot: 2 * skew, Wall: 5 * skew}
	w.nodes = append(w.nodes, n)
	n.step(Event{Kind: Start})
	return n
}

func (n *node) step(e Event) {
	for _, a := range n.m.Step(n.now, e, nil) {
		n.take(a)
	}
	if n.held && n.now.Since(n.good) >= testDeadline {
		n.w.t.Fatalf("node %d believes in a lease of age %v", n.name, n.now.Since(n.good))
	}
}

func (n *node) take(a Action) {
	t := n.w.t
	if n.ended {
		t.Fatalf("node %d: %v after end", n.name, a.Op)
	}
	if a.Op.Asks() {
		if n.pending != nil {
			t.Fatalf("node %d: %v while %v is under way", n.name, a.Op, n.pending.Op)
		}
		if n.lost && !n.leaving {
			t.Fatalf("node %d: %v after the loss", n.name, a.Op)
		}
		if a.Op == Write && a.Beat != 1 {
			n.writeAsked = n.now
		}
		n.pending, n.applied = &a, false
		return
	}
	switch a.Op {
	case Grant:
		n.grant(a)
	case Renew:
		n.proven(a.At)
	case Lose:
		if !n.held {
			t.Fatalf("node %d lost what it had not", n.name)
		}
		n.held, n.lost = false, true
	case Answer:
		n.answer(a)
	case End:
		n.ended = true
		for inode, by := range n.w.lockedBy {
			if by == n && inode != 0 {
				t.Fatalf("node %d ended and still has the lock", n.name)
			}
		}
	}
}

func (n *node) grant(a Action) {
	t := n.w.t
	if n.lost || n.leaving || n.held {
		t.Fatalf("node %d: grant at the wrong time", n.name)
	}
	for _, g := range n.w.granted {
		if g == a.Epoch {
			t.Fatalf("epoch %d granted twice", g)
		}
		if n.w.perfect && g > a.Epoch {
			t.Fatalf("epoch %d granted after %d", a.Epoch, g)
		}
	}
	if a.Epoch <= n.seenAtList {
		t.Fatalf("epoch %d granted, %d was before the last listing", a.Epoch, n.seenAtList)
	}
	if n.w.perfect && n.w.lockedBy[n.w.inode] != n {
		t.Fatalf("node %d granted without the lock", n.name)
	}
	n.w.granted = append(n.w.granted, a.Epoch)
	n.held, n.epoch = true, a.Epoch
	n.proven(a.At)
}

// proven: write, sync and look took effect in this order after the moment that is claimed.
func (n *node) proven(at Instant) {
	t := n.w.t
	if n.lost {
		t.Fatalf("node %d renewed after the loss", n.name)
	}
	if n.wrote.Since(at) < 0 || n.synced.Mono < n.wrote.Mono || n.looked.Mono < n.synced.Mono || n.writeAsked.Since(at) < 0 {
		t.Fatalf("node %d: heartbeat of %v claims more than was proven", n.name, at)
	}
	n.good = at
}

func (n *node) answer(a Action) {
	for n.answered < a.Ticket {
		n.answered++
		if n.held && !n.leaving && a.Err == nil && n.good.Mono < n.ticketAt[n.answered].Mono {
			n.w.t.Fatalf("node %d: verified by a heartbeat that was begun before it was asked", n.name)
		}
	}
}

// apply does the pending operation.
func (n *node) apply() {
	w, a := n.w, n.pending
	e := Event{Kind: Done}
	switch a.Op {
	case Open:
		if w.inode == 0 {
			w.lastInode++
			w.inode = w.lastInode
			w.lines[w.inode] = &[2]line{}
		}
		n.fd = w.inode
	case Inquire:
		e.Interval, e.Deadline = testInterval, testDeadline
	case TryLock:
		if by := w.lockedBy[n.fd]; by != nil && by != n {
			e.Result = Busy
		} else {
			w.lockedBy[n.fd] = n
		}
	case Look:
		n.look(&e)
	case List:
		for name := range w.names {
			e.Names = append(e.Names, name)
		}
		n.seenAtList = 0
		for _, g := range w.granted {
			n.seenAtList = max(n.seenAtList, g)
		}
	case Floor:
		e.Epoch = uint64(rapid.IntRange(0, 3).Draw(w.t, "floor"))
	case CreateName:
		if w.names[a.Epoch] {
			e.Result = Busy
		}
		w.names[a.Epoch] = true
	case Write:
		w.lines[n.fd][a.Beat%2] = line{a.Epoch, a.Beat, n}
		n.wrote = n.now
	case Sync:
		n.synced = n.now
	case Prune:
		delete(w.names, a.Epoch)
	case Unlock, Close:
		n.drop()
	}
	n.applied, n.reply = true, e
}

func (n *node) look(e *Event) {
	w := n.w
	n.looked = n.now
	switch {
	case w.inode == 0:
		e.Result = Missing
	case w.inode != n.fd:
		e.Result = Other
	default:
		l, o := w.lines[n.fd][0], w.lines[n.fd][1]
		if o.epoch > l.epoch || o.epoch == l.epoch && o.beat > l.beat {
			l, o = o, l
		}
		e.Epoch, e.Beat, e.Mine, e.Damaged = l.epoch, l.beat, l.by == n, o.by != n
	}
}

func (n *node) drop() {
	if n.w.lockedBy[n.fd] == n {
		delete(n.w.lockedBy, n.fd)
	}
}

func (n *node) deliver() {
	n.pending = nil
	n.step(n.reply)
}

func (n *node) advance(d time.Duration) {
	n.now.Mono += d
	n.now.Boot += d
	n.now.Wall += d
}

func (w *world) alive() []*node {
	var alive []*node
	for _, n := range w.nodes {
		if !n.dead && !n.ended {
			alive = append(alive, n)
		}
	}
	return alive
}

func (w *world) pick(what string, ok func(*node) bool) *node {
	var fit []*node
	for _, n := range w.alive() {
		if ok(n) {
			fit = append(fit, n)
		}
	}
	if len(fit) == 0 {
		w.t.Skip(what)
	}
	return rapid.SampledFrom(fit).Draw(w.t, what)
}

// release as the shell does: nobody is told that the lease is held from before the event on.
func (n *node) release() {
	n.leaving = true
	n.step(Event{Kind: Release})
	n.held = false
}

// believes is what Lease.Err tells the program.
func (n *node) believes() bool { return n.held && n.now.Since(n.good) < testDeadline }

func (n *node) GoString() string { return n.String() }

func (n *node) String() string { return fmt.Sprintf("node %d", n.name) }

// calm lets everybody finish: no faults, time passes for all alike.
func (w *world) calm(rounds int) {
	for range rounds {
		for _, n := range w.alive() {
			if n.pending != nil {
				if !n.applied {
					n.apply()
				}
				n.deliver()
			}
		}
		for _, n := range w.alive() {
			if n.lost && !n.leaving {
				n.release()
			}
			n.advance(testInterval / 20)
			if wake := n.m.Wake(n.now); wake > 0 && wake <= testInterval/20 {
				n.step(Event{Kind: Tick})
			}
		}
	}
}
