package lease

import (
	"errors"
	"fmt"
	"testing"
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
		l := w.lines[n.fd][0]
		if o := w.lines[n.fd][1]; o.epoch > l.epoch || o.epoch == l.epoch && o.beat > l.beat {
			l = o
		}
		e.Epoch, e.Beat, e.Mine = l.epoch, l.beat, l.by == n
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

func TestEpochsGrowAndALossIsFinalWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"start": func(t *rapid.T) {
				if len(w.alive()) > 3 {
					t.Skip()
				}
				w.start(rapid.Bool().Draw(t, "wait"), time.Duration(rapid.IntRange(0, 1000).Draw(t, "skew"))*time.Second)
			},
			"complete": func(t *rapid.T) { w.complete(rapid.IntRange(1, 20).Draw(t, "operations")) },
			"apply": func(t *rapid.T) {
				w.pick("apply", func(n *node) bool { return n.pending != nil && !n.applied }).apply()
			},
			"deliver": func(t *rapid.T) {
				w.pick("deliver", func(n *node) bool { return n.pending != nil && n.applied }).deliver()
			},
			"fail": func(t *rapid.T) {
				n := w.pick("fail", func(n *node) bool { return n.pending != nil })
				if n.pending.Op == Unlock || n.pending.Op == Close {
					n.drop()
				}
				if n.pending.Op == TryLock {
					n.drop()
				}
				n.reply = Event{Kind: Done, Err: errInjected}
				n.deliver()
			},
			"time":    func(t *rapid.T) { w.pass(t) },
			"suspend": func(t *rapid.T) { w.suspend(t) },
			"tick": func(t *rapid.T) {
				w.pick("tick", func(n *node) bool { return n.m.Wake(n.now) > 0 }).step(Event{Kind: Tick})
			},
			"tooLate": func(t *rapid.T) {
				w.pick("tooLate", func(n *node) bool { return n.held }).step(Event{Kind: TooLate})
			},
			"verify": func(t *rapid.T) {
				n := w.pick("verify", func(n *node) bool { return n.held || n.lost })
				n.tickets++
				n.ticketAt[n.tickets] = n.now
				n.step(Event{Kind: Verify, Ticket: n.tickets})
			},
			"release": func(t *rapid.T) {
				n := w.pick("release", func(n *node) bool { return true })
				n.release()
			},
			"kill": func(t *rapid.T) {
				n := w.pick("kill", func(n *node) bool { return true })
				n.dead = true
				n.drop()
			},
			"dropLock": func(t *rapid.T) {
				n := w.pick("dropLock", func(n *node) bool { return w.lockedBy[n.fd] == n })
				w.perfect = false
				n.drop()
			},
			"stallAndTakeover": func(t *rapid.T) {
				w.stallAndTakeover(w.pick("stall", func(n *node) bool { return n.believes() && n.pending == nil }))
			},
			"removeFile": func(t *rapid.T) {
				w.perfect = false
				w.inode = 0
			},
			"": func(*rapid.T) { w.check() },
		})
		w.settle()
	})
}

func (w *world) complete(operations int) {
	n := w.pick("complete", func(n *node) bool { return n.pending != nil })
	for ; operations > 0 && n.pending != nil; operations-- {
		if !n.applied {
			n.apply()
		}
		n.deliver()
	}
}

// stallAndTakeover stops a holder in the middle of a heartbeat, for so long that its server gives the
// lock to somebody else. What it was about to write is written later, or never.
func (w *world) stallAndTakeover(n *node) {
	for range rapid.IntRange(0, 3).Draw(w.t, "heartbeats before") {
		for range testInterval / (10 * time.Millisecond) {
			n.advance(10 * time.Millisecond)
			n.step(Event{Kind: Tick})
		}
		for n.pending != nil && (n.pending.Op != Write || rapid.Bool().Draw(w.t, "go on")) {
			n.apply()
			n.deliver()
		}
	}
	w.perfect = false
	n.drop()
	next := w.start(true, 0)
	for range 30 {
		if next.pending == nil || next.held {
			break
		}
		next.apply()
		next.deliver()
	}
}

// pass lets time go by for everybody; a tick may come late, or not before something else.
func (w *world) pass(t *rapid.T) {
	d := time.Duration(rapid.IntRange(1, 300).Draw(t, "ms")) * time.Millisecond
	for _, n := range w.alive() {
		n.advance(d)
	}
}

// suspend stops one machine: its monotonic clock, and perhaps another one, does not see the time.
func (w *world) suspend(t *rapid.T) {
	n := w.pick("suspend", func(n *node) bool { return true })
	d := time.Duration(rapid.IntRange(1, 1000).Draw(t, "ms")) * time.Millisecond
	if rapid.Bool().Draw(t, "boot clock sees it") {
		n.now.Boot += d
	} else {
		n.now.Wall += d
	}
}

func (w *world) check() {
	if !w.perfect {
		return
	}
	holders := 0
	for _, n := range w.alive() {
		if n.believes() {
			holders++
		}
	}
	if holders > 1 {
		w.t.Fatalf("%d holders at once", holders)
	}
}

// settle: after all trouble, there is one holder, and release ends everything.
func (w *world) settle() {
	t := w.t
	var holder *node
	for tries := 0; holder == nil; tries++ {
		if tries == 3 {
			t.Fatal("nobody took over")
		}
		w.start(true, 0) // an attempt may fail because of old trouble; its caller tries again
		w.calm(500)
		holder = w.onlyHolder()
	}
	if len(w.names) > 3+2*len(w.nodes) {
		t.Fatalf("%d names left", len(w.names))
	}
	for _, n := range w.alive() {
		n.release()
	}
	w.calm(10)
	for _, n := range w.nodes {
		if !n.dead && !n.ended {
			t.Fatalf("%v did not end; it waits for %v", n, n.pending)
		}
		if !n.dead && n.answered != n.tickets {
			t.Fatalf("%v answered %d of %d", n, n.answered, n.tickets)
		}
	}
}

func (w *world) onlyHolder() *node {
	var holder *node
	for _, n := range w.alive() {
		if n.held && holder != nil {
			w.t.Fatalf("%v and %v hold the lease", holder, n)
		}
		if n.held {
			holder = n
		}
	}
	return holder
}
