package receive

import (
	"time"

	"github.com/mqha/mqha/internal/core/credit"
	"github.com/mqha/mqha/internal/core/stream"
)

// Phase is how far a transfer is.
type Phase uint8

// The phases.
const (
	New       Phase = iota // announced, not yet in the journal
	Repairing              // an epoch has begun: what the last one left is put in order
	Taking                 // frames are taken in
	Loading                // the manifest has arrived and is being accepted
	Ending                 // the last word is being made durable
	Over                   // completed or refused; kept until the sender confirms
	Gone
)

// record is which journal record is being written.
type record uint8

const (
	noRecord record = iota
	openRecord
	checkpointRecord
	doneRecord
	endRecord
	forgetRecord
)

// Transfer is the receiver's side of one transfer.
type Transfer struct {
	cfg      Config
	phase    Phase
	answer   stream.Answer
	last     uint32
	dirs     uint32
	draining bool
	cancel   bool // the sender has given up
	up       bool

	nonce     uint64 // of the sender's last question
	asked     bool   // the question waits for the end of the repair
	nudged    bool   // the sender was asked to ask, and has not yet
	settle    bool   // a control frame waits
	frames    uint64 // in their parts, or not wanted, since the question
	bytes     int64
	ackFrames uint64
	ackBytes  int64
	granted   credit.Limit

	pos     stream.Pos // next frame to take in
	created bool       // the part of pos.File was created, or need not be
	failed  bool       // pos.File failed; its frames are dropped
	writes  int        // Write actions outstanding
	late    int        // the first of them, which belong to an older question
	writing int64      // their bytes
	written stream.Pos // up to here bytes are in their parts, or will never be
	durable stream.Pos
	bad     map[uint32]bool // failed files of which writes are outstanding

	entries []uint32 // directories whose entries of parts may not be durable
	removed bool     // a part was removed, or may have been by an earlier epoch

	pending   []File // complete, and not in a checkpoint
	undurable int64  // bytes written and not in a checkpoint
	since     time.Time

	check  checkpoint
	record record
	left   int // parts to be taken over, directories of the manifest to be made or synced

	noted []Noted // frames that an earlier process may have written, not looked at yet

	looked  bool // a list without the part of a committed file was asked for again
	slipped bool // a part was gone when it was to be taken over
}

// NewOpened makes a transfer that was just announced.
func NewOpened(cfg Config) *Transfer { return &Transfer{cfg: cfg, phase: New, up: true} }

// NewOver makes a transfer that ended before this process began and is not confirmed.
func NewOver(cfg Config, a stream.Answer) *Transfer {
	return &Transfer{cfg: cfg, phase: Over, answer: a}
}

// Restore makes a transfer from the last checkpoint in the journal, and the actions to begin with.
// last and dirs are those of the manifest when durable.File > 0. committed are the files of the
// last checkpoint when no WriteDone came after it. noted are the frames behind durable that the tail log
// speaks of, in the order of the stream; those behind a gap are of no use.
func Restore(cfg Config, durable stream.Pos, last, dirs uint32, committed []File, noted []Noted, buf []Action) (*Transfer, []Action) {
	t := &Transfer{cfg: cfg, phase: Repairing, last: last, dirs: dirs, pos: durable, written: durable, durable: durable, removed: true}
	t.check.files, t.noted = committed, contiguous(noted, durable, last)
	return t, append(buf, Action{Kind: List})
}

// Phase tells how far the transfer is.
func (t *Transfer) Phase() Phase { return t.phase }

// Answer is the last word, once Phase is Ending or Over.
func (t *Transfer) Answer() stream.Answer { return t.answer }

// At is the place of the next frame to be taken in.
func (t *Transfer) At() stream.Pos { return t.pos }

// Nonce is that of the sender's last question.
func (t *Transfer) Nonce() uint64 { return t.nonce }

// Durable is how far the stream is durable.
func (t *Transfer) Durable() stream.Pos { return t.durable }

// Quiet says that nothing is under way and all that was taken in is durable, but for a manifest,
// which is taken in anew after a restart.
func (t *Transfer) Quiet() bool {
	switch t.phase {
	case Over, Gone:
		return t.record == noRecord
	case Taking:
		return t.check.stage == idle && t.writes == 0 && (t.durable.File == 0 || !t.fresh())
	}
	return false
}

// Deadline is when the shell must deliver a Tick; zero: never.
func (t *Transfer) Deadline() time.Time {
	if t.cancel || !t.accepting() || t.check.stage != idle || !t.fresh() {
		return time.Time{}
	}
	return t.since.Add(t.cfg.CheckpointInterval)
}

// Step takes an event and appends what is to be done to buf.
func (t *Transfer) Step(now time.Time, e Event, buf []Action) []Action {
	switch e.Kind {
	case Opened:
		buf = t.opened(e, buf)
	case Asked:
		buf = t.question(e.Nonce, buf)
	case Frame:
		buf = t.frame(e, buf)
	case Confirmed:
		buf = t.confirmed(buf)
	case Cancel:
		t.settle = true
		buf = t.settled(t.cancelled(buf))
	case Orphaned:
		buf = t.cancelled(buf)
	case LinkUp:
		t.up, t.nudged, t.settle = true, false, false
		if t.phase == Taking || t.phase == Loading || t.phase == Over {
			buf = t.nudge(buf)
		}
	case Written:
		buf = t.frameWritten(e, buf)
	case RecordWritten:
		buf = t.recordWritten(buf)
	case RecordSynced:
		buf = t.recordSynced(now, buf)
	case Loaded, DirMade:
		buf = t.manifestStep(e, buf)
	case Listed:
		buf = t.listed(now, e.Parts, buf)
	case TakenOver:
		t.left--
		t.slipped = t.slipped || e.Failed
		buf = t.takenOver(now, buf)
	case Reopened:
		buf = t.reopened(e, buf)
	case Rechecked:
		buf = t.rechecked(e, buf)
	case DrainStarted:
		t.draining = true
	case MetaSet, Synced, Renamed, DirSynced, Removed:
		buf = t.checkpointStep(now, e, buf)
	}
	t.settleWritten(now)
	return t.maybeCheckpoint(now, buf)
}

// accepting says that files are taken in. The manifest has no checkpoint: its last frame may have
// been taken in, and the next place be in file 1, long before it is accepted.
func (t *Transfer) accepting() bool { return t.phase == Taking && t.durable.File > 0 }

// settleWritten moves written over files that were skipped or failed, once nothing is being
// written, and starts the clock of the next checkpoint.
func (t *Transfer) settleWritten(now time.Time) {
	if t.phase != Taking {
		return
	}
	if t.writes == 0 {
		t.bad = nil
		t.written = t.pos
		if t.failed {
			t.written.Offset = 0
		}
	}
	if t.since.IsZero() && t.fresh() {
		t.since = now
	}
}

func (t *Transfer) opened(e Event, buf []Action) []Action {
	t.settle = true
	buf = t.question(e.Nonce, buf)
	if t.phase != New {
		return t.settled(buf)
	}
	if t.record != noRecord {
		return buf
	}
	t.record = openRecord
	return append(buf, Action{Kind: WriteOpen})
}

func (t *Transfer) settled(buf []Action) []Action {
	if !t.settle {
		return buf
	}
	t.settle = false
	return append(buf, Action{Kind: Settle})
}

// question answers where to go on. Only the newest question counts; a repetition is answered again
// but does not start the count of credit anew, because data may already flow for it.
func (t *Transfer) question(nonce uint64, buf []Action) []Action {
	if nonce < t.nonce {
		return buf
	}
	if nonce > t.nonce {
		t.nonce = nonce
		t.frames, t.bytes, t.ackFrames, t.ackBytes = 0, 0, 0, 0
		t.late = t.writes
	}
	t.nudged = false
	switch t.phase {
	case New, Repairing, Ending:
		t.asked = true
		return buf
	case Over:
		return append(buf, Action{Kind: SendEnd, Answer: t.answer})
	case Gone:
		return buf
	}
	return t.reply(buf)
}

func (t *Transfer) reply(buf []Action) []Action {
	t.asked = false
	return append(buf, Action{Kind: Reply, Nonce: t.nonce, Answer: stream.Receiving, Pos: t.pos, Durable: t.durable})
}

func (t *Transfer) nudge(buf []Action) []Action {
	if t.nudged || !t.up {
		return buf
	}
	t.nudged = true
	return append(buf, Action{Kind: Nudge})
}

// fresh says that something was taken in since the last checkpoint.
func (t *Transfer) fresh() bool {
	return len(t.pending) > 0 || t.undurable > 0 || t.durable.Before(t.written)
}

// Granted has the receiver acknowledge before a sender with that much in flight has to wait.
func (t *Transfer) Granted(l credit.Limit) { t.granted = l }

// ack returns credit, unless more was taken in and is not durable than may be.
func (t *Transfer) ack(now bool, buf []Action) []Action {
	if t.durable.File > 0 && t.writing+t.undurable+t.check.bytes > t.cfg.MaxUndurable || len(t.pending)+len(t.check.files) > t.cfg.MaxPending {
		return buf
	}
	frames, bytes := uint64(t.cfg.AckFrames), t.cfg.AckBytes
	if t.granted.Frames > 0 && t.granted.Bytes > 0 {
		frames, bytes = min(frames, uint64(t.granted.Frames+1)/2), min(bytes, (t.granted.Bytes+1)/2)
	}
	if !now && t.frames-t.ackFrames < frames && t.bytes-t.ackBytes < bytes {
		return buf
	}
	t.ackFrames, t.ackBytes = t.frames, t.bytes
	return append(buf, Action{Kind: Ack, Nonce: t.nonce, Durable: t.durable, Frames: t.frames, Bytes: t.bytes})
}

func (t *Transfer) confirmed(buf []Action) []Action {
	t.settle = true
	if t.phase != Over {
		return t.settled(buf)
	}
	if t.record != noRecord {
		return buf
	}
	t.record = forgetRecord
	return append(buf, Action{Kind: WriteForget})
}

// end begins to make the last word durable.
func (t *Transfer) end(a stream.Answer, buf []Action) []Action {
	t.phase, t.answer = Ending, a
	t.record = endRecord
	return append(buf, Action{Kind: WriteEnd, Answer: a})
}

func without(files []File, index uint32) []File {
	for i, f := range files {
		if f.Index == index {
			return append(files[:i:i], files[i+1:]...)
		}
	}
	return files
}
