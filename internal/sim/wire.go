package sim

import (
	"github.com/mqha/mqha/internal/core/credit"
	"github.com/mqha/mqha/internal/core/stream"
)

type side uint8

const (
	atSender side = iota
	atReceiver
)

type kind uint8

const (
	ask kind = iota
	state
	data
	ack
	nudge
	open    // a control frame, like the next two
	end     //
	confirm //
	cancel  //
)

func (k kind) control() bool { return k >= open }

func (k kind) String() string {
	return [...]string{"ASK", "STATE", "DATA", "ACK", "NUDGE", "OPEN", "END", "CONFIRM", "CANCEL"}[k]
}

type message struct {
	kind    kind
	nonce   uint64
	answer  stream.Answer
	pos     stream.Pos
	durable stream.Pos
	frames  uint64
	bytes   int64
	credit  credit.Limit
	length  int
	fin     bool
	skip    bool
}

// wire is the queue managers between the two sides: one queue for control frames in each
// direction, which loses nothing and gives one at a time until it is settled, and a crowd of other
// messages.
type wire struct {
	w       *world
	up      [2]bool // the connection of each side
	control [2][]message
	given   [2]bool // the first control frame is with its side, not settled
	coming  [2]bool
	deliver [2]func(m message)
}

func (x *wire) connect(to side) {
	x.up[to] = true
	x.next(to)
}

// disconnect backs out what was not settled.
func (x *wire) disconnect(to side) { x.up[to], x.given[to] = false, false }

// put sends a message; false: it has not been sent, or so it seems.
func (x *wire) put(from side, m message) bool {
	if !x.up[from] {
		return false
	}
	failed := x.w.fault(x.w.plan.put, "put failed")
	if failed && !x.w.fault(0.5, "put failed only apparently") {
		return false
	}
	to := 1 - from
	// A truncated frame fails its checksum: it is dropped, and settled if it was one to be settled. A
	// confirmation that was lost so would leave a record at the receiver until its sender sends the next.
	if m.kind != confirm && x.w.fault(x.w.plan.truncate, "message truncated") {
		return !failed
	}
	if m.kind.control() {
		x.control[to] = append(x.control[to], m)
		x.next(to)
		return !failed
	}
	if x.w.fault(x.w.plan.lose, "message lost") {
		return !failed
	}
	x.send(to, m)
	if x.w.fault(x.w.plan.repeat, "message repeated") {
		x.send(to, m)
	}
	return !failed
}

func (x *wire) send(to side, m message) {
	delay := x.w.soon()
	if x.w.fault(x.w.plan.hold, "message held up") {
		delay += x.w.plan.disturbance
	}
	x.w.after(delay, func() {
		if x.up[to] {
			x.deliver[to](m)
			return
		}
		if x.w.now < x.w.calm && x.w.chance(0.5) {
			x.w.count("fault: message lost with the connection")
			return
		}
		x.w.after(x.w.plan.disturbance/2, func() { x.send(to, m) })
	})
}

func (x *wire) next(to side) {
	if !x.up[to] || x.given[to] || x.coming[to] || len(x.control[to]) == 0 {
		return
	}
	x.coming[to] = true
	x.w.after(x.w.soon(), func() {
		x.coming[to] = false
		if x.up[to] && !x.given[to] && len(x.control[to]) > 0 {
			x.given[to] = true
			x.deliver[to](x.control[to][0])
		}
	})
}

// settle commits the get of the control frame that was given.
func (x *wire) settle(to side) {
	x.w.judge.settled(to, x.control[to][0])
	x.control[to], x.given[to] = x.control[to][1:], false
	x.next(to)
}
