package transfer

import (
	"encoding/json"
	"fmt"
	"path"
	"sync"
	"time"

	"github.com/mqha/mqha/internal/core/credit"
	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/stream"
)

var tickIn = receive.Event{Kind: receive.Tick}

// incoming is the receiver's side of one transfer: the core and what the loop needs to carry out its
// actions.
type incoming struct {
	rec    *inRecord
	core   *receive.Transfer
	layout *layout       // nil until the manifest is accepted
	frame  *inFrame      // the one that is being stepped
	failed []fileFailure // not yet in the journal
	points savedPoints
	tail   *tailOfTransfer // until it was looked at
	found  []foundPart
	told   bool
	window credit.Limit // that the sender has in flight at the most; zero: it does not say
	buf    []receive.Action
	ops    int       // operations in the lanes
	full   bool      // the disk is full: nothing goes on until again
	again  time.Time // when it is tried again, once ops is 0

	mu    sync.Mutex
	parts map[uint32]*part
}

// fileFailure is a failure with the number of its file; 0 for a directory.
type fileFailure struct {
	file uint32
	FileFailure
}

// foundPart is a part that lay there when the epoch began.
type foundPart struct {
	file uint32
	dir  string
	name string
}

// manifestPath is where the manifest of an incoming transfer lies in the state directory. It carries
// the epoch that accepted it, so that a late call of a stopped holder does not meet a later one's.
func manifestPath(id ID, epoch uint64) string { return fmt.Sprintf("in.%s.%d.manifest", id, epoch) }

// pendingFiles is how many files of one transfer wait at most, open, for a checkpoint: half of the descriptors, shared by
// as many transfers as one agent sends at the same time.
func pendingFiles() int { return int(min(512, max(8, descriptors()/2/maxSources))) }

func (e *Engine) receiveConfig() receive.Config {
	return receive.Config{
		CheckpointBytes: e.opt.CheckpointBytes / 2, CheckpointInterval: e.opt.CheckpointInterval,
		CheckpointFiles: e.pending / 2, MaxUndurable: e.opt.CheckpointBytes, MaxPending: e.pending,
		AckFrames: 16, AckBytes: min(4<<20, e.opt.CreditBytes/2),
	}
}

// loadTransfers makes every transfer that the journal speaks of.
func (e *Engine) loadTransfers() error {
	for id, rec := range e.state.out {
		o, err := e.loadOutgoing(rec)
		if err != nil {
			return &JournalError{Path: rec.manifestName(), Reason: err.Error()}
		}
		e.out[id] = o
		if rec.Answer == stream.Unknown || rec.deletes() {
			e.live[id] = o
		}
	}
	e.over = e.state.over()
	e.turns.load(e.live)
	for id, rec := range e.state.in {
		in := &incoming{rec: rec, parts: map[uint32]*part{}}
		if rec.Point.Pos.File > 0 && rec.Answer == stream.Unknown {
			m, err := e.readManifest(rec, rec.Lists)
			if err != nil {
				return &JournalError{Path: manifestPath(id, rec.Lists), Reason: err.Error()}
			}
			in.layout = newLayout(m)
		}
		e.in[id] = in
	}
	return nil
}

func (e *Engine) readManifest(rec *inRecord, epoch uint64) (*manifest, error) {
	b, err := e.dir.ReadFile(manifestPath(rec.ID, epoch))
	if err != nil {
		return nil, plainError(err)
	}
	m, err := decodeManifest(b)
	if err != nil {
		return nil, err
	}
	if len(m.Files) != rec.Files || m.bytes() != rec.Bytes {
		return nil, badManifest("it has %d files and %d bytes, announced were %d and %d", len(m.Files), m.bytes(), rec.Files, rec.Bytes)
	}
	return m, nil
}

// repairAll starts the incoming transfers where their last checkpoint is.
func (e *Engine) repairAll(now time.Time) {
	for _, in := range e.in {
		if in.rec.Answer != stream.Unknown {
			in.core = receive.NewOver(e.receiveConfig(), in.rec.Answer)
			continue
		}
		e.repair(in)
	}
}

// repair begins at the last checkpoint in the journal.
func (e *Engine) repair(in *incoming) {
	var acts []receive.Action
	last, dirs := uint32(0), uint32(0)
	if in.layout != nil {
		last, dirs = uint32(len(in.layout.manifest.Files)), uint32(len(in.layout.manifest.Dirs))
	}
	in.core, acts = receive.Restore(e.receiveConfig(), in.rec.Point.Pos, last, dirs, in.rec.Committed, in.tail.noted(), nil)
	for _, a := range acts {
		e.doIn(in, a)
	}
}

// stepIn gives one event to the core and carries out what it wants.
func (e *Engine) stepIn(now time.Time, in *incoming, ev receive.Event) {
	if in.full {
		e.drop(in)
		return
	}
	in.buf = in.core.Step(now, ev, in.buf[:0])
	for _, a := range in.buf {
		e.doIn(in, a)
	}
}

func (e *Engine) doIn(in *incoming, a receive.Action) {
	switch a.Kind {
	case receive.Drop:
		e.drop(in)
	case receive.Create, receive.Write, receive.Abandon, receive.MakeDir, receive.TakeOver,
		receive.RemovePart, receive.Reopen, receive.Recheck, receive.List, receive.Load:
		e.addWrite(in, a)
	case receive.SetMeta, receive.Sync, receive.SyncDir, receive.Rename, receive.Remove:
		e.addSync(in, a)
	case receive.WriteOpen, receive.WriteCheckpoint, receive.WriteDone, receive.WriteEnd, receive.WriteForget:
		in.ops++
		e.record(e.recordOf(in, a), e.countedStep(in, receive.RecordWritten))
	case receive.SyncRecord:
		in.ops++
		e.syncJournal(e.countedStep(in, receive.RecordSynced))
	case receive.Settle:
		e.settle()
	case receive.Progressed:
		e.emitIn(in, EventProgress, "", "")
	case receive.Forgotten:
		e.forget(in)
	default:
		e.answer(in, a)
	}
}

// answer sends what the receiver has to say.
func (e *Engine) answer(in *incoming, a receive.Action) {
	h := header{Transfer: in.rec.ID, Nonce: a.Nonce, Answer: a.Answer, Pos: a.Pos, Durable: a.Durable, Frames: a.Frames, Bytes: a.Bytes}
	switch a.Kind {
	case receive.Reply:
		h.Kind, h.Credit = kindAnswer, e.grant(in)
		e.tellResumed(in, a.Pos)
	case receive.Nudge:
		h.Kind = kindNudge
	case receive.Ack:
		h.Kind, h.Credit = kindAck, e.grant(in)
	case receive.SendEnd:
		h.Kind = kindEnd
		e.sendEnd(in, h)
		return
	}
	e.post(in.rec.From, &h, nil, nil)
}

func (e *Engine) sendEnd(in *incoming, h header) {
	e.credit.Release(in.rec.ID)
	r := in.rec.result()
	body, err := json.Marshal(r)
	most := maxControlBytes
	if e.run != nil {
		most = min(most, e.run.link.MaxBody())
	}
	for err == nil && len(body)+HeaderBytes > most && len(r.Failures) > 0 {
		r.Failures = r.Failures[:len(r.Failures)/2] // Failed counts them all
		body, err = json.Marshal(r)
	}
	if err != nil {
		e.fail(err)
		return
	}
	e.post(in.rec.From, &h, body, nil)
	if in.told {
		return
	}
	in.told = true
	e.emitIn(in, endEvent(h.Answer), "", in.rec.Reason)
	e.wakeWaiters(in.rec.ID)
}

func (e *Engine) tellResumed(in *incoming, p stream.Pos) {
	kind := EventOpened
	if p != (stream.Pos{}) {
		kind = EventResumed
	}
	ev := e.inEvent(in, kind)
	ev.Offset = in.layout.bytesAt(p)
	e.tell(ev)
}

// drop gives the frame that is being stepped back; a frame of a skipped file says why first.
func (e *Engine) drop(in *incoming) {
	if f := in.frame; f != nil {
		in.frame = nil
		e.release(f)
	}
}

// recordOf is the journal record for an action.
func (e *Engine) recordOf(in *incoming, a receive.Action) record {
	id := in.rec.ID
	switch a.Kind {
	case receive.WriteOpen:
		return record{In: in.rec}
	case receive.WriteCheckpoint:
		pt := in.points.at(in.rec.Digest, a.Checkpoint.Durable)
		c := &checkRecord{ID: id, Epoch: e.epoch, Point: pt, Files: a.Checkpoint.Files}
		if in.rec.Lists == 0 {
			c.Lists = e.epoch
		}
		c.Failed, c.Failures = in.failuresBefore(pt.Pos)
		return record{Commit: c}
	case receive.WriteDone:
		d := &doneRecord{ID: id}
		d.Failed, d.Failures = in.failuresBefore(in.core.Durable())
		return record{Done: d}
	case receive.WriteEnd:
		return record{InEnd: &endRecord{ID: id, Answer: a.Answer, result: result{Reason: in.rec.Reason}}}
	}
	return record{Forget: &id}
}

// failuresBefore takes the failures of files that the stream has passed at p, and gives their number
// and the first of them. A file that failed further on is received again after a crash, and may then
// succeed.
func (in *incoming) failuresBefore(p stream.Pos) (n int, first []FileFailure) {
	kept := in.failed[:0]
	for _, f := range in.failed {
		if f.file >= p.File {
			kept = append(kept, f)
			continue
		}
		if n++; n <= maxFailures {
			first = append(first, f.FileFailure)
		}
	}
	in.failed = kept
	return n, first
}

// fail notes that a file is not delivered, once a file.
func (e *Engine) failFile(in *incoming, file uint32, reason string) {
	if file == 0 {
		in.rec.Reason = reason
		return
	}
	for _, f := range in.failed {
		if f.file == file {
			return
		}
	}
	name := in.layout.manifest.Files[file-1].Name
	in.failed = append(in.failed, fileFailure{file, FileFailure{Name: name, Reason: reason}})
	e.emitIn(in, EventFailed, name, reason)
}

// forget removes what is left of a confirmed transfer.
func (e *Engine) forget(in *incoming) {
	delete(e.in, in.rec.ID)
	if in.rec.Lists == 0 {
		return
	}
	name := manifestPath(in.rec.ID, in.rec.Lists)
	e.syncer.add(syncOp{fn: func() completion {
		e.tolerate(e.dir.remove(name))
		return nil
	}})
}

// deadline is when the transfer wants to be woken; zero: never.
func (in *incoming) deadline() time.Time {
	if in.full {
		return in.again
	}
	return in.core.Deadline()
}

func (in *incoming) status() Status {
	s := Status{
		ID: in.rec.ID, Peer: in.rec.From, Files: in.rec.Files, Bytes: in.rec.Bytes,
		Failed: in.rec.Failed, Failures: append([]FileFailure(nil), in.rec.Failures...), Reason: in.rec.Reason,
	}
	switch {
	case in.core.Phase() < receive.Over:
		s.State, s.Durable = Running, in.layout.bytesAt(in.core.Durable())
	default:
		if s.State = endState(in.core.Answer()); s.State == Completed {
			s.Durable = in.rec.Bytes
		}
	}
	return s
}

func (e *Engine) inEvent(in *incoming, k EventKind) Event {
	return Event{Kind: k, Transfer: in.rec.ID, Peer: in.rec.From, Bytes: in.rec.Bytes, Durable: in.status().Durable}
}

func (e *Engine) emitIn(in *incoming, k EventKind, file, reason string) {
	ev := e.inEvent(in, k)
	ev.File, ev.Reason = file, reason
	e.tell(ev)
}

// partOf is the path of a file's part in this epoch.
func (e *Engine) partOf(in *incoming, file uint32) string {
	name := partName{transfer: in.rec.ID, file: file, epoch: e.epoch}.String()
	if file == 0 {
		return name
	}
	return path.Join(in.layout.dirs[in.layout.fileDir[file-1]], name)
}

func (e *Engine) finalOf(in *incoming, file uint32) string {
	if file == 0 {
		return manifestPath(in.rec.ID, e.epoch)
	}
	return in.layout.manifest.Files[file-1].Name
}

// treeOf is where a file's part lies: the manifest's in the state directory.
func (e *Engine) treeOf(file uint32) *tree {
	if file == 0 {
		return e.dir
	}
	return e.files
}

func (e *Engine) dirOf(in *incoming, d uint32) (*tree, string, error) {
	switch {
	case d == receive.ManifestDir:
		return e.dir, ".", nil
	case d == 0:
		return e.files, ".", nil
	case in.layout == nil || int(d) >= len(in.layout.dirs):
		return nil, "", fmt.Errorf("transfer: no directory %d", d)
	}
	return e.files, in.layout.dirs[d], nil
}
