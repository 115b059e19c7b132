package sim

import (
	"fmt"
	"time"

	"github.com/mqha/mqha/internal/core/send"
	"github.com/mqha/mqha/internal/core/stream"
)

// sender is the shell around the sender's core: a process with a source and a journal.
type sender struct {
	w       *world
	core    *send.Transfer // nil: not running, or the transfer was pruned
	alive   bool
	epoch   uint64
	journal journal[sent]
	vanish  []bool // source files that cannot be read

	source  *lane
	outlet  *lane
	records *lane
	frame   message // the one just read
	at      stream.Pos
	timer   int

	confirmed int  // confirmations put since the control frame was given
	cancelled bool // somebody has asked for it
}

// sent is a record of the sender's journal.
type sent struct {
	durable stream.Pos
	cancel  bool
	ended   bool
	answer  stream.Answer
}

var senderPhases = [...]string{"idle", "asking", "seeking", "sending", "cancelling", "ending", "ended"}

func newSender(w *world) *sender {
	s := &sender{w: w, vanish: make([]bool, len(w.plan.sizes))}
	s.journal.append(sent{})
	s.journal.sync()
	w.wire.deliver[atSender] = s.receive
	return s
}

func (s *sender) String() string {
	if s.core == nil {
		return "without transfer"
	}
	return fmt.Sprintf("%s, nonce %d, up %v", senderPhases[s.core.Phase()], s.core.Nonce(), s.w.wire.up[atSender])
}

// ended also asks that no confirmation is on its way.
func (s *sender) ended() bool {
	return s.alive && (s.core == nil || s.core.Phase() == send.Ended) && len(s.w.wire.control[atSender]) == 0
}

func (s *sender) start() {
	s.epoch++
	s.alive = true
	s.source, s.outlet, s.records = &lane{w: s.w}, &lane{w: s.w}, &lane{w: s.w}
	s.journal.sync()
	cfg, last := s.w.plan.send, s.journal.last()
	cfg.Nonce = s.epoch << 32
	cfg.Cancelling = last.cancel
	switch {
	case !last.ended:
		s.core = send.New(cfg, last.durable)
	case s.w.chance(0.5):
		s.core = send.NewEnded(cfg, last.answer)
	}
	s.w.after(s.w.soon(), s.connect(s.epoch))
	s.neighbour(s.epoch)
}

func (s *sender) connect(epoch uint64) func() {
	return func() {
		if s.alive && s.epoch == epoch && !s.w.wire.up[atSender] {
			s.w.wire.connect(atSender)
			s.step(send.Event{Kind: send.LinkUp})
		}
	}
}

// disconnect loses the connection, with all transfers that use it. An error that concerns one of them is no
// reason for it.
func (s *sender) disconnect(struck bool) {
	if !s.w.wire.up[atSender] {
		return
	}
	if !struck {
		s.w.violated("the connection is given up, and nothing has struck it")
	}
	s.w.wire.disconnect(atSender)
	s.confirmed = 0
	s.step(send.Event{Kind: send.LinkDown})
	s.w.after(s.w.soon()+s.w.soon(), s.connect(s.epoch))
}

func (s *sender) crash(power bool) {
	if !s.alive {
		return
	}
	if s.core != nil {
		s.w.count("sender killed while " + senderPhases[s.core.Phase()])
	}
	s.alive, s.core, s.confirmed = false, nil, 0
	s.w.wire.disconnect(atSender)
	for _, l := range []*lane{s.source, s.outlet, s.records} {
		l.stop(false)
	}
	if power {
		s.journal.losePower(s.w)
	}
	s.w.after(s.w.soon()+s.w.soon(), s.start)
}

func (s *sender) receive(m message) {
	switch m.kind {
	case state:
		s.w.judge.allowed(m)
		s.step(send.Event{Kind: send.Answered, Nonce: m.nonce, Answer: m.answer, Pos: m.pos, Durable: m.durable, Credit: m.credit})
	case nudge:
		s.step(send.Event{Kind: send.Nudged})
	case ack:
		s.w.judge.acknowledged(m)
		s.step(send.Event{Kind: send.Acked, Nonce: m.nonce, Durable: m.durable, Frames: m.frames, Bytes: m.bytes, Credit: m.credit})
	case end:
		s.confirmed = 0
		if s.core != nil {
			s.step(send.Event{Kind: send.Finished, Answer: m.answer})
			return
		}
		s.w.count("END of an unknown transfer")
		s.confirmUnknown(s.epoch)
	}
}

// cancelSoon lets somebody cancel the transfer, again and again until it is known to be durable.
func (s *sender) cancelSoon() {
	last := s.journal.records[s.journal.synced-1]
	if last.cancel || last.ended {
		return
	}
	if s.alive && s.core != nil {
		s.cancelled = true
		s.w.count("sender cancelled while " + senderPhases[s.core.Phase()])
		s.step(send.Event{Kind: send.CancelAsked})
	}
	s.w.after(50*time.Millisecond, s.cancelSoon)
}

// confirmUnknown answers the last word on a transfer that was pruned.
func (s *sender) confirmUnknown(epoch uint64) {
	if !s.alive || s.epoch != epoch || !s.w.wire.given[atSender] {
		return
	}
	if s.confirm() {
		s.w.wire.settle(atSender)
		return
	}
	s.w.after(s.w.plan.send.Retry, func() { s.confirmUnknown(epoch) })
}

func (s *sender) step(e send.Event) {
	if s.core == nil || s.spoils(e) {
		return
	}
	before := s.core.Phase()
	actions := s.core.Step(s.w.time(), e, nil)
	if s.core.Phase() != before {
		s.w.turned(s.crash)
	}
	if s.w.trace != nil {
		s.w.trace("%v sender %+v -> %+v", s.w.now, e, actions)
	}
	for _, a := range actions {
		s.do(a)
	}
	s.schedule()
}

func (s *sender) schedule() {
	if s.core == nil || s.core.Deadline().IsZero() {
		return
	}
	s.timer++
	timer, epoch, deadline := s.timer, s.epoch, s.core.Deadline()
	s.w.after(max(0, deadline.Sub(s.w.time())), func() {
		if s.timer == timer && s.epoch == epoch && s.core != nil && s.core.Deadline().Equal(deadline) {
			s.step(send.Event{Kind: send.Tick})
			s.w.judge.moved("sender", s.w.defect == "" && s.core != nil && s.core.Deadline().Equal(deadline))
		}
	})
}

func (s *sender) do(a send.Action) {
	switch a.Kind {
	case send.Ask:
		s.w.judge.asked()
		s.w.wire.put(atSender, message{kind: ask, nonce: a.Nonce})
	case send.Announce:
		s.w.wire.put(atSender, message{kind: open, nonce: a.Nonce})
	case send.Confirm:
		s.w.judge.confirmed()
		s.later(s.outlet, func() send.Event { return send.Event{Kind: send.ConfirmSent, Failed: !s.confirm()} })
	case send.Settle:
		s.w.wire.settle(atSender)
	case send.Seek:
		s.w.judge.sought(a)
		s.later(s.source, func() send.Event {
			s.at = a.Pos
			return send.Event{Kind: send.Sought, Nonce: a.Nonce}
		})
	case send.Read:
		s.w.judge.reads(a)
		s.later(s.source, func() send.Event { return s.read(a) })
	case send.Send:
		s.w.judge.sent(s.frame)
		frame := s.frame
		s.later(s.outlet, func() send.Event {
			return send.Event{Kind: send.Sent, Nonce: frame.nonce, Failed: !s.w.wire.put(atSender, frame)}
		})
	case send.Mark:
		s.later(s.records, func() send.Event {
			s.journal.append(sent{durable: a.Pos, cancel: s.journal.last().cancel})
			return send.Event{}
		})
	case send.WriteCancel:
		s.later(s.records, func() send.Event {
			s.journal.append(sent{durable: s.journal.last().durable, cancel: true})
			return send.Event{Kind: send.CancelWritten}
		})
	case send.SyncCancel:
		s.later(s.records, func() send.Event {
			s.journal.sync()
			return send.Event{Kind: send.CancelSynced}
		})
	case send.Cancel:
		s.w.judge.cancelling()
		s.w.wire.put(atSender, message{kind: cancel, nonce: a.Nonce})
	case send.WriteEnd:
		s.later(s.records, func() send.Event {
			s.journal.append(sent{ended: true, answer: a.Answer})
			return send.Event{Kind: send.EndWritten}
		})
	case send.SyncEnd:
		s.later(s.records, func() send.Event {
			s.journal.sync()
			return send.Event{Kind: send.EndSynced}
		})
	}
}

func (s *sender) confirm() bool {
	if !s.w.wire.put(atSender, message{kind: confirm}) {
		return false
	}
	s.confirmed++
	return true
}

func (s *sender) later(l *lane, do func() send.Event) {
	l.add(func(bool) {
		if e := do(); e.Kind != 0 {
			s.step(e)
		}
	})
}

// read reads one frame; a file that cannot be read is skipped.
func (s *sender) read(a send.Action) send.Event {
	if a.Pos != s.at {
		s.w.violated("read at %v, but the source stands at %v", a.Pos, s.at)
	}
	file := a.Pos.File
	if file > 0 && s.w.fault(s.w.plan.vanish, "source file vanished") {
		s.vanish[file] = true
		s.w.judge.excuse(file)
	}
	s.frame = message{kind: data, nonce: a.Nonce, pos: a.Pos}
	if s.vanish[file] {
		s.frame.skip = true
		s.at = a.Pos.Next()
		return send.Event{Kind: send.ReadDone, Nonce: a.Nonce, Failed: true}
	}
	left := s.w.plan.sizes[file] - a.Pos.Offset
	if left < 0 {
		s.w.violated("read at %v, behind the end", a.Pos)
		return send.Event{}
	}
	s.frame.length = int(min(left, int64(s.w.plan.frame)))
	s.frame.fin = int64(s.frame.length) == left
	s.at = a.Pos.Advance(s.frame.length)
	if s.frame.fin {
		s.at = a.Pos.Next()
	}
	return send.Event{Kind: send.ReadDone, Nonce: a.Nonce, Length: s.frame.length, Fin: s.frame.fin}
}

// drain stops in order, if that can be done in time.
func (s *sender) drain() {
	if s.core == nil {
		return
	}
	s.step(send.Event{Kind: send.DrainStarted})
	epoch := s.epoch
	s.w.after(500*time.Millisecond, func() {
		if s.epoch == epoch && s.alive {
			s.crash(false)
		}
	})
}
