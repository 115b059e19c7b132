package sim

import (
	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/stream"
)

// received is a record of the receiver's journal.
type received struct {
	kind       receive.ActionKind
	epoch      uint64
	checkpoint receive.Checkpoint
	answer     stream.Answer
}

// history is what a journal says of the transfer.
type history struct {
	known      bool
	checkpoint receive.Checkpoint
	epoch      uint64 // of the checkpoint
	committed  []receive.File
	ended      bool
	answer     stream.Answer
	forgotten  bool
}

func replay(records []received) (h history) {
	for _, r := range records {
		switch r.kind {
		case receive.WriteOpen:
			h.known = true
		case receive.WriteCheckpoint:
			h.checkpoint, h.epoch, h.committed = r.checkpoint, r.epoch, r.checkpoint.Files
		case receive.WriteDone:
			h.committed = nil
		case receive.WriteEnd:
			h.ended, h.answer = true, r.answer
		case receive.WriteForget:
			h.forgotten = true
		}
	}
	return h
}

// record carries out an operation on the journal.
func (r *receiver) record(a receive.Action) {
	if a.Kind != receive.SyncRecord {
		c := a.Checkpoint
		c.Files = append([]receive.File(nil), c.Files...)
		r.journal.append(received{kind: a.Kind, epoch: r.epoch, checkpoint: c, answer: a.Answer})
		r.step(receive.Event{Kind: receive.RecordWritten})
		return
	}
	before := r.journal.synced
	r.journal.sync()
	for _, record := range r.journal.records[before:] {
		if record.kind == receive.WriteCheckpoint {
			r.w.judge.committed(record.checkpoint)
		}
	}
	r.step(receive.Event{Kind: receive.RecordSynced})
}
