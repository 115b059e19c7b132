package transfer

import (
	"time"

	"github.com/mqha/mqha/internal/core/send"
)

// report is what a lane tells the loop, which calls tell. The reports of a frame are the frame itself, so
// that telling of one allocates nothing.
type report interface{ tell(now time.Time) }

// completion is a report of anything else.
type completion func(now time.Time)

func (c completion) tell(now time.Time) { c(now) }

// reports gathers what the lanes have to tell.
type reports struct{ *mailbox[report] }

func newReports() reports { return reports{newMailbox[report]()} }

// call has c called in the loop.
func (r reports) call(c completion) { r.put(c) }

// readFrame tells that a frame of the source was read.
type readFrame outFrame

func (r *readFrame) tell(now time.Time) {
	f := (*outFrame)(r)
	f.of.just = f
	f.e.stepOut(now, f.of, send.Event{Kind: send.ReadDone, Nonce: f.nonce, Length: f.n, Fin: f.fin, Failed: f.skip})
}

// sentFrame tells that a frame has left, or could not.
type sentFrame outFrame

func (s *sentFrame) tell(now time.Time) {
	f := (*outFrame)(s)
	e, o, ev := f.e, f.of, send.Event{Kind: send.Sent, Nonce: f.nonce, Failed: f.failed}
	if !f.failed { // a call that is stuck in the link may still read it
		e.giveBuffer(f)
	}
	e.stepOut(now, o, ev)
}

// writtenFrame tells that a frame is in its part, or could not be written.
type writtenFrame inFrame

func (w *writtenFrame) tell(now time.Time) {
	f := (*inFrame)(w)
	e, in, ev, err := f.run.engine, f.of, f.written, f.problem
	f.of, f.part, f.problem = nil, nil, nil
	e.release(f)
	in.ops--
	if !in.full {
		e.frameWritten(now, in, ev, err)
	}
	e.waitForRoom(now, in)
}
