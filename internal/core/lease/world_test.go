package lease

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"
)

const (
	testInterval = 100 * time.Millisecond
	testDeadline = 400 * time.Millisecond
	testKeep     = 3
	testPlaces   = 48 // for claims, as in the file
)

var errInjected = errors.New("injected")

// world is one directory on a file server, and the instances that use it.
type world struct {
	t         *rapid.T
	inode     int // of the file at the path, 0 if there is none
	lastInode int
	lockedBy  map[int]*node // by inode
	lines     map[int]*[2]line
	claims    map[int]*[testPlaces]uint64
	names     map[uint64]bool
	created   []uint64 // names, in this order
	stale     bool     // listings do not show the latest names, as on network file systems
	granted   []uint64
	grantedOn map[int]uint64 // the highest epoch, by inode
	perfect   bool           // no lock was dropped and no file removed: then nothing may go wrong for a moment
	bootSees  bool           // suspend is seen by the boot clocks, else by the wall clocks
	nodes     []*node
	overlap   map[[2]*node]time.Duration // for how long two believed in a lease at once
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
	seenAtLook uint64 // likewise on the same file, when the last look did

	wrote, synced, looked Instant // when an operation of the current heartbeat took effect
	writeAsked            Instant
	tickets, answered     uint64
	ticketAt              map[uint64]Instant
}

func newWorld(t *rapid.T) *world {
	return &world{t: t, perfect: true, stale: rapid.Bool().Draw(t, "stale listings"), bootSees: rapid.Bool().Draw(t, "boot clock sees suspend"), lockedBy: map[int]*node{},
		lines: map[int]*[2]line{}, claims: map[int]*[testPlaces]uint64{}, grantedOn: map[int]uint64{}, names: map[uint64]bool{}, overlap: map[[2]*node]time.Duration{}}
}

func (w *world) start(wait bool, skew time.Duration) *node {
	n := &node{w: w, name: len(w.nodes), ticketAt: map[uint64]Instant{}, m: New(Config{Wait: wait, Keep: testKeep})}
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
	if a.Epoch <= n.seenAtList && !n.w.stale {
		t.Fatalf("epoch %d granted, %d was before the last listing", a.Epoch, n.seenAtList)
	}
	if a.Epoch <= n.seenAtLook {
		t.Fatalf("epoch %d granted, %d was before the last look", a.Epoch, n.seenAtLook)
	}
	if n.w.perfect && n.w.lockedBy[n.w.inode] != n {
		t.Fatalf("node %d granted without the lock", n.name)
	}
	n.w.granted = append(n.w.granted, a.Epoch)
	n.w.grantedOn[n.fd] = max(n.w.grantedOn[n.fd], a.Epoch)
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

// asked is the number of the next call of Verify.
func (n *node) asked() uint64 {
	n.tickets++
	n.ticketAt[n.tickets] = n.now
	return n.tickets
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
			w.claims[w.inode] = &[testPlaces]uint64{}
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
		e.Names = w.list()
		n.seenAtList = 0
		for _, g := range w.granted {
			n.seenAtList = max(n.seenAtList, g)
		}
	case Floor:
		e.Epoch = uint64(rapid.IntRange(0, 3).Draw(w.t, "floor"))
	case CreateName:
		if w.names[a.Epoch] {
			e.Result = Busy
		} else {
			w.names[a.Epoch] = true
			w.created = append(w.created, a.Epoch)
		}
	case Write:
		w.lines[n.fd][a.Beat%2] = line{a.Epoch, a.Beat, n}
		n.wrote = n.now
	case Claim:
		w.claims[n.fd][a.Epoch%testPlaces] = a.Epoch
	case Sync:
		n.synced = n.now
	case Prune:
		delete(w.names, a.Epoch)
	case Unlock, Close:
		n.drop()
	}
	n.applied, n.reply = true, e
}

// list leaves out up to as many of the latest names as a holder keeps, less one.
func (w *world) list() []uint64 {
	hidden := map[uint64]bool{}
	if w.stale {
		late := rapid.IntRange(0, testKeep-1).Draw(w.t, "late names")
		for _, name := range w.created[max(0, len(w.created)-late):] {
			hidden[name] = true
		}
	}
	var names []uint64
	for name := range w.names {
		if !hidden[name] {
			names = append(names, name)
		}
	}
	return names
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
		e.Claims = slices.Clone(w.claims[n.fd][:]) // 0 in the places without one
		n.seenAtLook = w.grantedOn[n.fd]
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

// elapse lets time pass for everybody. The clocks of a machine that is asleep see it as sleep says.
func (w *world) elapse(d time.Duration, asleep *node, sleep func(*Instant)) {
	alive := w.alive()
	for i, a := range alive {
		for _, b := range alive[i+1:] {
			if both := min(d, a.left(), b.left()); both > 0 {
				w.overlap[[2]*node{a, b}] += both
			}
		}
	}
	for _, n := range alive {
		if n == asleep {
			sleep(&n.now)
			continue
		}
		n.now.Mono += d
		n.now.Boot += d
		n.now.Wall += d
	}
	for pair, both := range w.overlap {
		if w.perfect {
			w.t.Fatalf("%v and %v both believed for %v", pair[0], pair[1], both)
		}
		if both > testDeadline {
			w.t.Fatalf("%v and %v both believed for %v", pair[0], pair[1], both)
		}
	}
}

// left is how long n still believes in its lease, if no heartbeat comes.
func (n *node) left() time.Duration {
	if !n.held {
		return 0
	}
	return testDeadline - n.now.Since(n.good)
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
func (n *node) believes() bool { return n.left() > 0 }

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
		}
		w.elapse(testInterval/20, nil, nil)
		for _, n := range w.alive() {
			if wake := n.m.Wake(n.now); wake > 0 && wake <= testInterval/20 {
				n.step(Event{Kind: Tick})
			}
		}
	}
}
