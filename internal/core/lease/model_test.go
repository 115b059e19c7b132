package lease

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

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
				n.reply = Event{Kind: Done, Err: errInjected, Passing: rapid.Bool().Draw(t, "passing")}
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
				n.step(Event{Kind: Verify, Ticket: n.asked()})
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
			"crowd": func(t *rapid.T) {
				w.crowd(w.pick("stall", func(n *node) bool { return n.believes() && n.pending == nil }))
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
func (w *world) stallAndTakeover(n *node) (next *node) {
	for range rapid.IntRange(0, 3).Draw(w.t, "heartbeats before") {
		for range testInterval / (10 * time.Millisecond) {
			w.elapse(10*time.Millisecond, nil, nil)
			n.step(Event{Kind: Tick})
		}
		for n.pending != nil && (n.pending.Op != Write || rapid.Bool().Draw(w.t, "go on")) {
			n.apply()
			n.deliver()
		}
	}
	w.perfect = false
	n.drop()
	next = w.start(true, 0)
	for range 30 {
		if next.pending == nil || next.held {
			break
		}
		next.apply()
		next.deliver()
	}
	return next
}

// crowd is three holders that know nothing of each other: two were stopped in the middle of a heartbeat, one after the
// other, and do what they were about to do, and more, in any order with what the third one does. Then time passes.
func (w *world) crowd(n *node) {
	three := []*node{n, w.stallAndTakeover(n)}
	if !three[1].held || three[1].pending != nil {
		return
	}
	three = append(three, w.stallAndTakeover(three[1]))
	for range rapid.IntRange(1, 8).Draw(w.t, "turns") {
		n := rapid.SampledFrom(three).Draw(w.t, "turn of")
		if n.ended {
			continue
		}
		if n.pending == nil {
			w.elapse(testInterval/10, nil, nil)
			n.step(Event{Kind: Verify, Ticket: n.asked()})
		}
		for whole := rapid.Bool().Draw(w.t, "whole heartbeat"); n.pending != nil && n.pending.Op != Pause; {
			if !n.applied {
				n.apply()
			}
			n.deliver()
			if !whole {
				break
			}
		}
	}
	w.elapse(testDeadline*3/4, nil, nil)
}

// pass lets time go by for everybody; a tick may come late, or not before something else.
func (w *world) pass(t *rapid.T) {
	d := time.Duration(rapid.IntRange(1, 300).Draw(t, "ms")) * time.Millisecond
	w.elapse(d, nil, nil)
}

// suspend stops one machine: its monotonic clock does not see the time, and only one of the others does, in one world
// always the same. (An age is what one clock saw. Were two pauses within one deadline seen by a clock each, it would be
// too low by the shorter.)
func (w *world) suspend(t *rapid.T) {
	n := w.pick("suspend", func(n *node) bool { return true })
	d := time.Duration(rapid.IntRange(1, 1000).Draw(t, "ms")) * time.Millisecond
	w.elapse(d, n, func(now *Instant) {
		if w.bootSees {
			now.Boot += d
		} else {
			now.Wall += d
		}
	})
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
