// Package send decides what the sender of one transfer does next. It sees positions and
// lengths, never bytes, files or clocks; the shell in package transfer does the I/O.
//
// The sender keeps nothing that the receiver does not have to tell it: after any loss (of the
// link, of the receiver, of this process) it asks where to go on, seeks there in the source, which
// is the redo log, and sends again. Every question has a nonce; whatever belongs to an older
// question is dropped, here and at the receiver, so that nothing late can be taken for news.
package send

import (
	"time"

	"github.com/mqha/mqha/internal/core/credit"
	"github.com/mqha/mqha/internal/core/stream"
)

// Config holds what does not change during a transfer.
type Config struct {
	Last         uint32 // number of files after the manifest
	CreditBytes  int64  // in flight at the most, whatever the receiver grants
	CreditFrames int
	Buffers      int           // frames read but not yet handed to the link, at the most
	Retry        time.Duration // how long an answer may take before the question is repeated
	RetryMax     time.Duration // the wait doubles up to this
	Stall        time.Duration // how long data may stay unacknowledged before it is asked about
	Nonce        uint64        // every question's nonce is higher; grows with the epoch
	Cancelling   bool          // the journal says that the transfer is to be cancelled
}

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	LinkUp        EventKind = iota + 1
	LinkDown                // nothing can be sent until LinkUp
	Tick                    // Deadline has passed
	Answered                // Nonce, Answer, Pos, Durable, Credit: the receiver answered a question
	Nudged                  // the receiver asks to be asked: it misses something
	Acked                   // Nonce, Durable, Frames, Bytes, Credit: taken in since the answer to Nonce
	Finished                // Answer: the receiver's last word, a control frame to be settled
	Sought                  // Nonce: the source stands at the position asked for
	ReadDone                // Nonce, Length, Fin, Failed: a frame was read
	Sent                    // Nonce, Failed: a frame has left, or could not
	EndWritten              // the end of the transfer is in the journal
	EndSynced               // and durable
	ConfirmSent             // Failed: the confirmation has left, or could not
	DrainStarted            // send nothing new
	CancelAsked             // give the transfer up
	CancelWritten           // that is in the journal
	CancelSynced            // and durable
)

// Event is one thing that happened; which fields count depends on Kind.
type Event struct {
	Kind    EventKind
	Nonce   uint64
	Answer  stream.Answer
	Pos     stream.Pos
	Durable stream.Pos
	Frames  uint64
	Bytes   int64
	Credit  credit.Limit // zero: it grants what Config says
	Length  int
	Fin     bool
	Failed  bool
}

// ActionKind says what is to be done.
type ActionKind uint8

// The actions. Each is one I/O operation but Seek, which may read what lies between the last saved
// state of the digest and the position.
const (
	Ask         ActionKind = iota + 1 // send the question with Nonce
	Announce                          // send the description of the transfer
	Seek                              // prepare the source at Pos; answer with Sought
	Read                              // read a frame at Pos; answer with ReadDone
	Send                              // hand the frame just read to the link, in order; answer with Sent
	Discard                           // drop the frame just read
	Mark                              // note in the journal, without sync, that Pos is durable at the receiver
	WriteEnd                          // write Answer into the journal as the end; EndWritten
	SyncEnd                           // make it durable; EndSynced
	Confirm                           // send the confirmation; ConfirmSent
	Settle                            // the control frame that brought Finished may be committed
	WriteCancel                       // write into the journal that the transfer is to be cancelled; CancelWritten
	SyncCancel                        // make it durable; CancelSynced
	Cancel                            // tell the receiver, a control frame
)

// Action is one thing to do.
type Action struct {
	Kind   ActionKind
	Nonce  uint64
	Pos    stream.Pos
	Answer stream.Answer
}

// Phase is how far a transfer is.
type Phase uint8

// The phases.
const (
	Idle       Phase = iota // no link
	Asking                  // waiting for the answer to a question
	Seeking                 // preparing the source
	Sending                 // data flows, or all is sent and the last word is awaited
	Cancelling              // the receiver was told to give up; its last word is awaited
	Ending                  // the last word is being made durable
	Ended
)

// Transfer is the sender's side of one transfer.
type Transfer struct {
	cfg      Config
	phase    Phase
	up       bool
	draining bool
	asked    bool // to cancel
	cancel   bool // that is durable
	nonce    uint64
	told     bool // since the last question: the announcement, or that it is given up
	wait     time.Duration
	deadline time.Time

	next    stream.Pos
	durable stream.Pos
	reading bool // one Read or Seek is outstanding
	held    int  // frames read and not yet Sent or discarded
	frames  uint64
	bytes   int64 // sent since the answer
	tookF   uint64
	tookB   int64 // taken in by the receiver since the answer
	credit  credit.Limit

	answer stream.Answer // the last word
	settle int           // control frames to be settled once the end is durable and confirmed
}

// New makes a transfer that waits for a link. durable is what the journal knows.
func New(cfg Config, durable stream.Pos) *Transfer {
	return &Transfer{cfg: cfg, nonce: cfg.Nonce, durable: durable, asked: cfg.Cancelling, cancel: cfg.Cancelling}
}

// NewEnded makes a transfer that ended before this process began; it only confirms.
func NewEnded(cfg Config, a stream.Answer) *Transfer {
	return &Transfer{cfg: cfg, nonce: cfg.Nonce, phase: Ended, answer: a}
}

// Phase tells how far the transfer is.
func (t *Transfer) Phase() Phase { return t.phase }

// Nonce is that of the last question.
func (t *Transfer) Nonce() uint64 { return t.nonce }

// Durable is how far the receiver has made the stream durable.
func (t *Transfer) Durable() stream.Pos { return t.durable }

// At is the place of the next frame to be read.
func (t *Transfer) At() stream.Pos { return t.next }

// Fruitless says that the receiver took in nothing of what was sent since its last answer.
func (t *Transfer) Fruitless() bool { return t.frames > 0 && t.tookF == 0 }

// Answer is the receiver's last word, once Phase is Ending or Ended.
func (t *Transfer) Answer() stream.Answer { return t.answer }

// Deadline is when the shell must deliver a Tick; zero: never.
func (t *Transfer) Deadline() time.Time { return t.deadline }

// Quiet says that nothing of this transfer is in flight or being read. A Read that waits for its disk does not count.
func (t *Transfer) Quiet(waits bool) bool {
	if t.reading && !waits || t.held > 0 {
		return false
	}
	return t.phase != Sending || t.tookF >= t.frames
}

// Step takes an event and appends what is to be done to buf.
func (t *Transfer) Step(now time.Time, e Event, buf []Action) []Action {
	switch e.Kind {
	case LinkUp:
		t.up = true
		if t.phase == Idle {
			buf = t.begin(now, buf)
		}
	case LinkDown:
		t.up = false
		if t.phase < Ending {
			t.phase = Idle
		}
		t.settle, t.deadline = 0, time.Time{}
	case Tick:
		buf = t.tick(now, buf)
	case Answered:
		buf = t.answered(now, e, buf)
	case Nudged:
		switch t.phase {
		case Sending:
			buf = t.ask(now, buf)
		case Ended: // the confirmation was passed over
			buf = append(buf, Action{Kind: Confirm})
		}
	case Acked:
		buf = t.acked(now, e, buf)
	case Finished:
		buf = t.finished(e, buf)
	case Sought:
		buf = t.sought(now, e, buf)
	case ReadDone:
		buf = t.readDone(e, buf)
	case Sent:
		t.held--
		if e.Failed && t.phase == Sending && e.Nonce == t.nonce { // not one of an older session, which is over
			t.again(now)
		}
	case EndWritten:
		buf = append(buf, Action{Kind: SyncEnd})
	case EndSynced:
		t.phase = Ended
		buf = append(buf, Action{Kind: Confirm})
	case ConfirmSent:
		buf = t.settleAll(now, e, buf)
	case DrainStarted:
		t.draining = true
	case CancelAsked, CancelWritten, CancelSynced:
		buf = t.cancelStep(now, e.Kind, buf)
	}
	return t.pump(buf)
}

// ask begins a new session: whatever belongs to an older nonce no longer counts.
func (t *Transfer) ask(now time.Time, buf []Action) []Action {
	if !t.up {
		return buf
	}
	t.phase, t.told = Asking, false
	t.nonce++
	t.wait = t.cfg.Retry
	t.deadline = now.Add(t.wait)
	return append(buf, Action{Kind: Ask, Nonce: t.nonce})
}

// again waits before the next question: a way that failed is not tried in a loop (IT38745).
func (t *Transfer) again(now time.Time) {
	t.phase, t.told = Asking, false
	t.nonce++
	t.wait = t.cfg.Retry
	t.deadline = now.Add(t.wait)
}

// tick repeats a question that was not answered, with the same nonce, so that an answer to any of
// the repetitions is good; and asks when data stays unacknowledged or the last word is missing
// (IT05583: a lost last message left the transfer in recovery for ever).
func (t *Transfer) tick(now time.Time, buf []Action) []Action {
	if t.deadline.IsZero() || now.Before(t.deadline) || !t.up {
		return buf
	}
	switch t.phase {
	case Asking, Cancelling:
		t.told = false
		t.wait = min(2*t.wait, t.cfg.RetryMax)
		t.deadline = now.Add(t.wait)
		return append(buf, Action{Kind: Ask, Nonce: t.nonce})
	case Sending:
		return t.ask(now, buf)
	}
	t.deadline = time.Time{}
	if t.phase == Ended && t.settle > 0 {
		return append(buf, Action{Kind: Confirm})
	}
	return buf
}

func (t *Transfer) answered(now time.Time, e Event, buf []Action) []Action {
	if e.Nonce != t.nonce || t.phase != Asking && t.phase != Cancelling {
		return buf
	}
	if t.phase == Cancelling { // it has not heard of that, or not yet done what it takes
		return t.tell(Action{Kind: Cancel, Nonce: t.nonce}, buf)
	}
	switch e.Answer {
	case stream.Unknown:
		// The announcement is a control frame that is not lost; ask again in case it was.
		t.deadline = now.Add(t.wait)
		return t.tell(Action{Kind: Announce, Nonce: t.nonce}, buf)
	case stream.Receiving:
		if e.Pos.File > t.cfg.Last+1 || e.Pos.Before(e.Durable) {
			return buf // no such place
		}
		t.frames, t.bytes, t.tookF, t.tookB = 0, 0, 0, 0
		t.next, t.durable = e.Pos, e.Durable
		t.grant(e.Credit)
		t.phase, t.deadline = Seeking, time.Time{}
		return t.seek(buf)
	}
	return buf // Completed and Refused come as a control frame as well, and that one counts
}

// tell sends a control frame once a question, however many answers come: the questions of a day may have waited
// for a receiver that was away, and a control frame is persistent, and costs it a unit of work.
func (t *Transfer) tell(a Action, buf []Action) []Action {
	if t.told {
		return buf
	}
	t.told = true
	return append(buf, a)
}

// seek waits for an outstanding Read: the source has one place at a time.
func (t *Transfer) seek(buf []Action) []Action {
	if t.reading {
		return buf
	}
	t.reading = true
	return append(buf, Action{Kind: Seek, Nonce: t.nonce, Pos: t.next})
}

func (t *Transfer) sought(now time.Time, e Event, buf []Action) []Action {
	t.reading = false
	if t.phase != Seeking {
		return buf
	}
	if e.Nonce != t.nonce {
		return t.seek(buf)
	}
	t.phase = Sending
	t.deadline = now.Add(t.cfg.Stall)
	return buf
}

// finished takes the last word in whatever phase it comes (IT37869: it may come during
// negotiation); a repeated one is confirmed again, since the first confirmation may be lost.
func (t *Transfer) finished(e Event, buf []Action) []Action {
	t.settle++
	switch t.phase {
	case Ending:
		return buf
	case Ended:
		return append(buf, Action{Kind: Confirm})
	}
	t.phase, t.answer, t.deadline = Ending, e.Answer, time.Time{}
	return append(buf, Action{Kind: WriteEnd, Answer: e.Answer})
}

// settleAll leaves control frames unsettled whose confirmation could not be sent: it is tried again
// after a while, since a link that lives delivers them only once, and nothing behind them.
func (t *Transfer) settleAll(now time.Time, e Event, buf []Action) []Action {
	if e.Failed {
		if t.settle > 0 {
			t.deadline = now.Add(t.cfg.Retry)
		}
		return buf
	}
	t.deadline = time.Time{}
	for ; t.settle > 0; t.settle-- {
		buf = append(buf, Action{Kind: Settle})
	}
	return buf
}

func (t *Transfer) readDone(e Event, buf []Action) []Action {
	t.reading = false
	if t.phase == Seeking {
		return t.seek(append(buf, Action{Kind: Discard}))
	}
	if t.phase != Sending || e.Nonce != t.nonce {
		return append(buf, Action{Kind: Discard})
	}
	t.held++
	t.frames++
	t.bytes += int64(e.Length)
	t.next = t.next.Advance(e.Length)
	if e.Fin || e.Failed {
		t.next = t.next.Next()
	}
	return append(buf, Action{Kind: Send, Nonce: t.nonce})
}

// pump reads the next frame while there is credit for it. The files wait until the receiver has
// accepted the manifest, because it drops what it cannot place.
func (t *Transfer) pump(buf []Action) []Action {
	if t.phase != Sending || t.reading || t.draining || t.next.File > t.cfg.Last {
		return buf
	}
	if t.next.File > 0 && t.durable.File == 0 {
		return buf
	}
	if t.held >= t.cfg.Buffers || int(t.frames-t.tookF) >= t.credit.Frames || t.bytes-t.tookB >= t.credit.Bytes {
		return buf
	}
	t.reading = true
	return append(buf, Action{Kind: Read, Nonce: t.nonce, Pos: t.next})
}
