package sim

import (
	"fmt"
	"time"

	"github.com/mqha/mqha/internal/core/credit"
	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/stream"
)

// receiver is the shell around the receiver's core: a process with a disk and a journal.
type receiver struct {
	w       *world
	core    *receive.Transfer // nil: not running, or the transfer is not known
	alive   bool
	epoch   uint64
	journal journal[received]
	tail    tail

	writes  *lane
	records *lane
	calls   []*lane // one each for what may be done in any order
	grants  *grants
	frame   message // the one being stepped
	placed  int     // actions on it
	parts   map[uint32]*openPart
	timer   int
}

// restore makes the core that the journal speaks of.
func (r *receiver) restore() (actions []receive.Action) {
	cfg := r.w.plan.receive
	switch j := replay(r.journal.records); {
	case j.forgotten:
		r.core = nil
		r.sweep()
	case j.ended:
		r.core = receive.NewOver(cfg, j.answer)
	case j.known:
		last, dirs := uint32(0), uint32(0)
		if j.checkpoint.Durable.File > 0 {
			last, dirs = r.w.plan.send.Last, uint32(len(r.w.plan.tree)-1)
		}
		r.core, actions = receive.Restore(cfg, j.checkpoint.Durable, last, dirs, j.committed, r.tail.after(j), nil)
	default:
		r.core = nil
		r.sweep()
	}
	return actions
}

var receiverPhases = [...]string{"new", "repairing", "taking", "loading", "ending", "over", "gone"}

// openPart is a part that a process has open. Whoever renames it, a write still reaches it.
type openPart struct {
	node   *node
	digest int64 // how many bytes from the beginning were hashed
}

func newReceiver(w *world) *receiver {
	r := &receiver{w: w}
	w.wire.deliver[atReceiver] = r.receive
	return r
}

func (r *receiver) String() string {
	if r.core == nil {
		return "without transfer"
	}
	return fmt.Sprintf("%s, durable %v", receiverPhases[r.core.Phase()], r.core.Durable())
}

func (r *receiver) ended() bool {
	h := replay(r.journal.records)
	return r.alive && r.core == nil && (h.forgotten || !h.known) && len(r.w.wire.control[atReceiver]) == 0
}

func (r *receiver) start() {
	r.epoch++
	r.alive = true
	r.writes, r.records, r.calls = &lane{w: r.w}, &lane{w: r.w}, nil
	r.parts, r.grants = make(map[uint32]*openPart), newGrants(r.w)
	r.journal.sync() // copied to this epoch's name and synced before it is used
	r.perform(r.restore())
	r.w.after(r.w.soon(), r.connect(r.epoch))
}

func (r *receiver) connect(epoch uint64) func() {
	return func() {
		if r.alive && r.epoch == epoch && !r.w.wire.up[atReceiver] {
			r.w.wire.connect(atReceiver)
			r.step(receive.Event{Kind: receive.LinkUp})
		}
	}
}

func (r *receiver) disconnect() {
	if !r.w.wire.up[atReceiver] {
		return
	}
	r.w.wire.disconnect(atReceiver)
	r.grants.clear()
	r.w.after(r.w.soon()+r.w.soon(), r.connect(r.epoch))
}

// crash ends the process: killed, stopped for a while as seen by its successor, or without power.
func (r *receiver) crash(power bool) {
	if !r.alive {
		return
	}
	if r.core != nil {
		r.w.count("receiver killed while " + receiverPhases[r.core.Phase()])
	}
	r.alive, r.core = false, nil
	r.w.wire.disconnect(atReceiver)
	wakes := !power && r.w.now < r.w.calm && r.w.chance(r.w.plan.late)
	r.records.stop(false) // of another epoch's journal nobody reads
	for _, l := range append(r.calls, r.writes) {
		l.stop(wakes)
	}
	if power {
		r.journal.losePower(r.w)
		r.tail.losePower(r.w)
		r.disk().losePower()
	}
	r.w.after(r.w.soon()+r.w.soon(), r.start)
}

func (r *receiver) disk() *disk { return r.w.disk }

func (r *receiver) receive(m message) {
	switch {
	case m.kind == open:
		if r.core == nil {
			if replay(r.journal.records).forgotten {
				r.w.violated("OPEN after the end")
			}
			r.core = receive.NewOpened(r.w.plan.receive)
			r.w.turned(r.crash)
		}
		r.step(receive.Event{Kind: receive.Opened, Nonce: m.nonce})
	case m.kind == confirm && r.core == nil:
		r.w.count("CONFIRM of an unknown transfer")
		r.w.wire.settle(atReceiver)
	case m.kind == confirm:
		r.step(receive.Event{Kind: receive.Confirmed})
	case m.kind == cancel && r.core == nil:
		// What the transfer was is forgotten, or never was known: nothing has to be undone.
		r.w.count("CANCEL of an unknown transfer")
		if r.w.wire.put(atReceiver, message{kind: end, answer: stream.Cancelled}) {
			r.w.wire.settle(atReceiver)
			return
		}
		r.disconnect() // the shell's link has failed; the frame comes again
	case m.kind == cancel:
		r.w.count("receiver cancelled while " + receiverPhases[r.core.Phase()])
		r.step(receive.Event{Kind: receive.Cancel})
	case m.kind == ask && r.core == nil:
		r.w.wire.put(atReceiver, message{kind: state, nonce: m.nonce, answer: stream.Unknown})
	case m.kind == ask:
		r.step(receive.Event{Kind: receive.Asked, Nonce: m.nonce})
	case m.kind == data && r.core != nil:
		r.frame, r.placed = m, 0
		r.step(receive.Event{Kind: receive.Frame, Nonce: m.nonce, Pos: m.pos, Length: m.length, Fin: m.fin, Skip: m.skip})
		if r.placed != 1 {
			r.w.violated("%d actions for one frame", r.placed)
		}
	}
}

func (r *receiver) step(e receive.Event) {
	if r.core == nil {
		return
	}
	before := r.core.Phase()
	actions := r.core.Step(r.w.time(), e, nil)
	if r.core.Phase() != before {
		r.w.turned(r.crash)
	}
	if r.w.trace != nil {
		r.w.trace("%v receiver %+v -> %+v", r.w.now, e, actions)
	}
	r.perform(actions)
	r.schedule()
}

func (r *receiver) schedule() {
	if r.core == nil || r.core.Deadline().IsZero() {
		return
	}
	r.timer++
	timer, epoch, deadline := r.timer, r.epoch, r.core.Deadline()
	r.w.after(max(0, deadline.Sub(r.w.time())), func() {
		if r.timer == timer && r.epoch == epoch && r.core != nil && r.core.Deadline().Equal(deadline) {
			r.step(receive.Event{Kind: receive.Tick})
			r.w.judge.moved("receiver", r.core != nil && r.core.Deadline().Equal(deadline))
		}
	})
}

func (r *receiver) perform(actions []receive.Action) {
	for _, a := range actions {
		switch {
		case a.Kind == receive.Drop:
			r.placed++
		case a.Kind <= receive.Abandon || a.Kind == receive.Load || a.Kind == receive.MakeDir || a.Kind >= receive.List && a.Kind <= receive.Recheck:
			r.write(a)
		case a.Kind >= receive.WriteOpen && a.Kind <= receive.SyncRecord:
			r.records.add(func(bool) { r.record(a) })
		case a.Kind >= receive.Reply:
			r.tell(a)
		default:
			l, parts := &lane{w: r.w}, r.parts
			r.calls = append(r.calls, l)
			r.later(l, func(epoch uint64) receive.Event { return r.call(a, epoch, parts) })
		}
	}
}

// later does something now or, in a stopped process, when its successor has begun; the successor
// hears nothing of it.
func (r *receiver) later(l *lane, do func(epoch uint64) receive.Event) {
	epoch := r.epoch
	l.add(func(late bool) {
		if e := do(epoch); e.Kind != 0 && !late {
			r.step(e)
		}
	})
}

// tell sends a message, or settles one. Without a connection neither happens.
func (r *receiver) tell(a receive.Action) {
	switch a.Kind {
	case receive.Reply:
		r.w.judge.answered(a)
		r.w.wire.put(atReceiver, message{kind: state, nonce: a.Nonce, answer: a.Answer, pos: a.Pos, durable: a.Durable, credit: r.grant()})
	case receive.Nudge:
		r.w.wire.put(atReceiver, message{kind: nudge})
	case receive.Ack:
		r.w.judge.took(a)
		r.w.wire.put(atReceiver, message{kind: ack, nonce: a.Nonce, durable: a.Durable, frames: a.Frames, bytes: a.Bytes, credit: r.grant()})
	case receive.SendEnd:
		r.w.judge.ended(a)
		r.grants.release(0)
		r.w.wire.put(atReceiver, message{kind: end, answer: a.Answer})
	case receive.Settle:
		if r.w.wire.given[atReceiver] {
			r.w.wire.settle(atReceiver)
		} else if r.w.wire.up[atReceiver] {
			r.w.violated("settled what was not given")
		}
	case receive.Forgotten:
		r.core = nil
		r.sweep()
	}
}

func (r *receiver) grant() credit.Limit {
	l := r.grants.ours()
	r.core.Granted(l)
	return l
}

// sweep removes what lies in the directory of the engine itself: the manifest.
func (r *receiver) sweep() {
	for _, n := range r.disk().nodes {
		if n.file == 0 && n.seen().where != nowhere {
			r.disk().remove(n)
		}
	}
}

// drain stops in order; that the receiver comes to rest depends on nobody else.
func (r *receiver) drain() {
	if r.core == nil {
		return
	}
	r.step(receive.Event{Kind: receive.DrainStarted})
	epoch, phase := r.epoch, r.core.Phase()
	r.w.after(2*time.Second, func() {
		if r.epoch != epoch || !r.alive {
			return
		}
		if r.core != nil && !r.core.Quiet() && phase == receive.Taking && r.core.Phase() == receive.Taking {
			r.w.violated("draining, and not quiet after 2 s")
		}
		r.crash(false)
	})
}
