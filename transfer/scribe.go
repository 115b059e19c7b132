package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// journalOp is one operation of the journal lane: a record to write, a sync, or a rotation.
type journalOp struct {
	body     []byte // an entry to append
	sync     bool
	rotate   bool
	snapshot []record   // rotate: what the new journal begins with
	format   int        // rotate: at least this
	refused  chan error // rotate: why there was none, for want of room; nil: an event says so
	complete completion
}

// entryEncoder encodes entries without an allocation for more than the entry.
type entryEncoder struct {
	text bytes.Buffer
	json *json.Encoder
}

func newEntryEncoder() *entryEncoder {
	e := new(entryEncoder)
	e.json = json.NewEncoder(&e.text)
	return e
}

func (e *entryEncoder) entry(v any) ([]byte, error) {
	e.text.Reset()
	if err := e.json.Encode(v); err != nil {
		return nil, err
	}
	return appendBody(nil, bytes.TrimSuffix(e.text.Bytes(), []byte{'\n'})), nil
}

// record applies r to the state and appends it to the journal; complete is called in the loop when
// it is written.
func (e *Engine) record(r record, complete completion) {
	if err := e.placeFor(&r, "a record"); err != nil { // it was to be refused before, and must not get lost
		e.fail(err)
		return
	}
	e.state.apply(r)
	body, err := e.encoder.entry(&r)
	if err != nil {
		e.fail(err)
		return
	}
	e.scribe.add(journalOp{body: body, complete: complete})
}

// syncJournal makes every record so far durable; complete is called in the loop when it is.
func (e *Engine) syncJournal(complete completion) {
	e.scribe.add(journalOp{sync: true, complete: complete})
}

// rotateJournal writes the journal anew. The snapshot is taken here, between two records, and encoded in the journal lane:
// that takes far longer.
func (e *Engine) rotateJournal() {
	e.scribe.add(journalOp{rotate: true, snapshot: e.state.snapshot()})
}

// noRoom tells that the journal could not be written anew. It goes on, and grows.
func (e *Engine) noRoom(op journalOp, err error) {
	if op.refused != nil {
		op.refused <- err
		return
	}
	e.tell(Event{Kind: EventDegraded, Reason: err.Error() + "; it is tried again when the journal has grown by as much again"})
}

// runJournal writes what has gathered and syncs once for all of it. A journal that could not be
// written or synced is not used any more: after a failed fsync nobody knows what is on the disk.
func (e *Engine) runJournal(ops []journalOp) {
	if e.failure() != nil {
		return
	}
	syncs := false
	for i, op := range ops {
		var err error
		switch {
		case op.rotate:
			e.rotating = false
			if err = e.journal.raise(op.snapshot, op.format); errors.Is(err, errNoRoom) {
				e.noRoom(op, err)
				ops[i].complete, err = nil, nil
			}
		case op.sync:
			syncs = true
		default:
			err = e.journal.append(op.body)
		}
		if err != nil {
			e.fail(fmt.Errorf("%w: journal: %w", ErrDurability, err))
			return
		}
	}
	if syncs {
		if err := e.journal.sync(); err != nil {
			e.fail(fmt.Errorf("%w: journal: %w", ErrDurability, err))
			return
		}
	}
	for _, op := range ops {
		if op.complete != nil {
			e.done.call(op.complete)
		}
	}
	if e.journal.full() && !e.rotating {
		e.rotating = true
		e.done.call(func(time.Time) { e.rotateJournal() })
	}
}
