package transfer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/mqha/mqha/internal/core/send"
	"github.com/mqha/mqha/internal/core/stream"
)

// readAhead is how many frames of one transfer are read before they are handed to the link.
const readAhead = 6

var tickOut = send.Event{Kind: send.Tick}

// outgoing is the sender's side of one transfer: the core and what the loop needs to carry out its
// actions.
type outgoing struct {
	rec      *outRecord
	core     *send.Transfer
	root     string   // of its first source
	layout   *layout  // nil once ended
	reader   *reader  // nil until data is read for the first time
	remover  *remover // deletes the sources, in the end
	just     *outFrame
	opened   bool            // the receiver has answered
	lost     bool            // since then the link or the receiver was away
	recorded bool            // the journal durably has it
	away     time.Time       // since when no data flows; zero: it does, or is about to
	before   time.Time       // away as it was before it was about to
	cancels  []chan struct{} // closed when the cancellation is durable
	begun    bool            // has a turn on the present link
	result   result          // that came with the last word
	buf      []send.Action
}

// outFrame is a message on its way to the link.
type outFrame struct {
	e      *Engine
	of     *outgoing
	nonce  uint64 // of the question that it was read for
	failed bool   // to be sent

	body []byte // HeaderBytes, then room for the payload
	pos  stream.Pos
	n    int // payload bytes
	fin  bool
	skip bool
	crc  uint32 // of the payload
	hash digest // to take the payload in; nil: it need not
}

// The two lists of an outgoing transfer carry the epoch of the Submit that wrote them, so that a
// stopped holder that wakes does not write over those of its successor.
func (o *outRecord) manifestName() string { return fmt.Sprintf("out.%s.%d.manifest", o.ID, o.Lists) }
func (o *outRecord) sourcesName() string  { return fmt.Sprintf("out.%s.%d.sources", o.ID, o.Lists) }

func (e *Engine) sendConfig(o *outRecord) send.Config {
	return send.Config{
		Last: uint32(o.Files), CreditBytes: e.opt.CreditBytes, CreditFrames: e.opt.CreditFrames,
		Buffers: readAhead - 1, Retry: e.opt.RetryInterval, RetryMax: 10 * e.opt.RetryInterval,
		Stall: 5 * e.opt.RetryInterval,
		Nonce: e.questions, Cancelling: o.Cancelling,
	}
}

// loadOutgoing makes the transfer that the journal speaks of.
func (e *Engine) loadOutgoing(rec *outRecord) (*outgoing, error) {
	if rec.Answer != stream.Unknown {
		o := &outgoing{rec: rec, recorded: true, core: send.NewEnded(e.sendConfig(rec), rec.Answer)}
		if rec.deletes() {
			o.layout = e.layoutToDelete(rec)
		}
		return o, nil
	}
	b, err := e.dir.ReadFile(rec.manifestName())
	if err != nil {
		return nil, err
	}
	m := new(manifest)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, err
	}
	o := e.newOutgoing(rec, m)
	o.recorded, o.root = true, e.firstRoot(rec)
	return o, nil
}

// firstRoot is the root of the first source, as far as it can be told: it decides only about turns.
func (e *Engine) firstRoot(rec *outRecord) string {
	f, err := e.dir.Open(rec.sourcesName())
	if err != nil {
		return ""
	}
	defer f.Close()
	list := json.NewDecoder(io.NewSectionReader(f, 0, maxManifestBytes))
	var first source
	if _, err := list.Token(); err != nil || !list.More() || list.Decode(&first) != nil {
		return ""
	}
	return first.Root
}

func (e *Engine) newOutgoing(rec *outRecord, m *manifest) *outgoing {
	return &outgoing{rec: rec, away: time.Now(), core: send.New(e.sendConfig(rec), rec.Point.Pos), layout: newLayout(m), opened: rec.Point.Pos != stream.Pos{}}
}

// closeReader ends the reader without waiting for it: a disk that hangs must not hold up the loop.
func (e *Engine) closeReader(o *outgoing) {
	r := o.reader
	o.reader = nil
	if r == nil {
		return
	}
	r.wake()
	e.readers.Go(func() {
		r.lane.close()
		r.hasher.close()
		r.closeFile()
	})
}

// stepOut gives one event to the core and carries out what it wants.
func (e *Engine) stepOut(now time.Time, o *outgoing, ev send.Event) {
	before := o.core.Phase()
	o.buf = o.core.Step(now, ev, o.buf[:0])
	for _, a := range o.buf {
		e.doOut(o, a)
	}
	e.tellOut(o, before)
}

func (e *Engine) doOut(o *outgoing, a send.Action) {
	switch a.Kind {
	case send.Ask:
		e.post(o.rec.To, e.question(o, kindAsk, a.Nonce), nil, nil)
	case send.Announce:
		e.announce(o, a.Nonce)
	case send.Seek:
		e.readerOf(o).seek(a)
	case send.Read:
		e.readerOf(o).read(a)
	case send.Send:
		e.sendData(o, a.Nonce)
	case send.Discard:
		e.giveBuffer(o.just)
		o.just = nil
	case send.Mark:
		e.mark(o, a.Pos)
	case send.WriteEnd, send.SyncEnd, send.Confirm:
		e.endOut(o, a)
	case send.WriteCancel, send.SyncCancel, send.Cancel:
		e.cancelOut(o, a)
	case send.Settle:
		e.settle()
	}
}

func (e *Engine) question(o *outgoing, k kind, nonce uint64) *header {
	return &header{Kind: k, Transfer: o.rec.ID, Nonce: nonce, Frames: o.rec.Number, Bytes: int64(e.lowest(o.rec.To)), Credit: e.opt.window()}
}

func (e *Engine) announce(o *outgoing, nonce uint64) {
	body, err := json.Marshal(announcement{ManifestBytes: o.rec.Manifest, Files: o.rec.Files, Bytes: o.rec.Bytes, Digest: o.rec.Digest})
	if err != nil {
		e.fail(err)
		return
	}
	e.post(o.rec.To, e.question(o, kindOpen, nonce), body, nil)
}

// sendData hands the frame that was just read to the link.
func (e *Engine) sendData(o *outgoing, nonce uint64) {
	f := o.just
	o.just = nil
	h := header{Kind: kindData, Transfer: o.rec.ID, Nonce: nonce, Pos: f.pos}
	if f.fin {
		h.Flags = flagFin
	}
	if f.skip {
		h.Flags = flagSkip
	}
	f.body = f.body[:HeaderBytes+f.n]
	e.stamp(&h)
	o.reader.hasher.add(sendOp{run: e.run, peer: o.rec.To, head: h, frame: f})
}

// mark notes what is durable at the receiver, with the digest of the file up to there. It is not
// synced: if it is lost, a little more of the source is read again.
func (e *Engine) mark(o *outgoing, p stream.Pos) {
	pt := o.reader.saved.at(o.rec.Digest, p)
	if p.Offset == 0 || pt.State != nil {
		e.record(record{Mark: &markRecord{ID: o.rec.ID, Point: pt}}, nil)
	}
	e.emit(o, EventProgress, "", "")
}

func (e *Engine) endOut(o *outgoing, a send.Action) {
	switch a.Kind {
	case send.WriteEnd:
		e.record(record{OutEnd: &endRecord{ID: o.rec.ID, Answer: a.Answer, result: o.result}}, func(now time.Time) {
			e.stepOut(now, o, send.Event{Kind: send.EndWritten})
		})
	case send.SyncEnd:
		e.syncJournal(func(now time.Time) {
			e.stepOut(now, o, send.Event{Kind: send.EndSynced})
		})
	case send.Confirm:
		r := e.run
		e.post(o.rec.To, &header{Kind: kindConfirm, Transfer: o.rec.ID}, nil, func(now time.Time, failed bool) {
			if r != e.run {
				return // the control frame comes again on the new link
			}
			lost := r == nil || r.ctx.Err() != nil
			e.stepOut(now, o, send.Event{Kind: send.ConfirmSent, Failed: failed && lost})
		})
	}
}

// tellOut tells what a step has changed, and lets the next transfer begin when this one ended.
func (e *Engine) tellOut(o *outgoing, before send.Phase) {
	after := o.core.Phase()
	if before == after {
		return
	}
	switch {
	case after == send.Sending:
		o.before, o.away = o.away, time.Time{}
		at := o.core.At()
		if o.lost || at != (stream.Pos{}) {
			e.emitAt(o, EventResumed, o.layout.bytesAt(at))
		}
		o.opened, o.lost = true, false
	case before == send.Sending && after < send.Ending:
		o.lost = true
		if o.away = time.Now(); o.core.Fruitless() {
			o.away = o.before
		}
	case after == send.Ended:
		e.closeReader(o)
		if o.rec.deletes() {
			e.startRemoval(o)
		} else {
			e.endedOut(o)
		}
		delete(e.turns.begun, o.rec.ID)
		e.nextTurns(time.Now(), o.rec.To)
	}
}

// endedOut is the end of a transfer, for everybody who waits for it.
func (e *Engine) endedOut(o *outgoing) {
	e.closeRemover(o)
	o.layout = nil
	delete(e.live, o.rec.ID)
	e.removeLists(o.rec)
	e.emit(o, endEvent(o.rec.Answer), "", o.rec.Reason)
	e.wakeWaiters(o.rec.ID)
}

// removeLists removes the two lists of an ended transfer; what an error leaves behind is removed by
// the next Open.
func (e *Engine) removeLists(rec *outRecord) {
	names := []string{rec.manifestName(), rec.sourcesName()}
	e.syncer.add(syncOp{fn: func() completion {
		for _, n := range names {
			e.tolerate(e.dir.remove(n))
		}
		return func(time.Time) { e.retire(rec) }
	}})
}

func (o *outgoing) status() Status {
	s := Status{
		ID: o.rec.ID, Peer: o.rec.To, Sending: true, Files: o.rec.Files, Bytes: o.rec.Bytes,
		Failed: o.rec.Failed, Failures: append([]FileFailure(nil), o.rec.Failures...), Reason: o.rec.Reason,
	}
	switch {
	case o.core.Phase() == send.Ended && (o.rec.deletes() || o.remover != nil): // its end is not durable yet
		s.State = Deleting
	case o.core.Phase() == send.Ended:
		if s.State = endState(o.rec.Answer); s.State == Completed {
			s.Durable = o.rec.Bytes
		}
	case o.rec.Cancelling:
		s.State = Cancelling
	case o.core.Phase() >= send.Sending:
		s.State = Running
	case o.opened:
		s.State = Recovering
	default:
		s.State = Waiting
	}
	if s.State == Deleting {
		s.Durable = o.rec.Bytes
	} else if o.layout != nil {
		s.Durable = o.layout.bytesAt(o.core.Durable())
	}
	if m := o.rec.Moving; m != nil {
		s.Left, s.LeftFiles = m.Left, append([]FileFailure(nil), m.LeftFiles...)
	}
	return s
}

func (e *Engine) emit(o *outgoing, k EventKind, file, reason string) {
	s := Event{Kind: k, Transfer: o.rec.ID, Peer: o.rec.To, Sending: true, Bytes: o.rec.Bytes, File: file, Reason: reason}
	s.Durable = o.status().Durable
	e.tell(s)
}

func (e *Engine) emitAt(o *outgoing, k EventKind, offset int64) {
	e.tell(Event{
		Kind: k, Transfer: o.rec.ID, Peer: o.rec.To, Sending: true, Bytes: o.rec.Bytes,
		Durable: o.layout.bytesAt(o.core.Durable()), Offset: offset,
	})
}

// writeLists makes manifest and sources durable before the journal speaks of the transfer.
func (e *Engine) writeLists(rec *outRecord, l *listing) (int64, error) {
	m, err := l.manifest.encode()
	if err != nil {
		return 0, err
	}
	if len(m) > maxManifestBytes {
		return 0, badRequest("the list of %d files takes %d bytes, at most %d", len(l.manifest.Files), len(m), maxManifestBytes)
	}
	s, err := json.Marshal(l.sources)
	if err != nil {
		return 0, err
	}
	for _, f := range []struct {
		name string
		body []byte
	}{{rec.sourcesName(), s}, {rec.manifestName(), m}} {
		err := e.dir.write(f.name, func(w io.Writer) error {
			_, err := io.Copy(w, bytes.NewReader(f.body))
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("transfer: state directory: %w", err)
		}
	}
	return int64(len(m)), nil
}
