package transfer

import (
	"errors"
	"hash/crc32"
	"slices"
	"time"

	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/stream"
)

// tailOfTransfer is what the tail logs of earlier engines say of one transfer: frames behind the point in
// the journal, without a gap. Whether they are in their parts is found out one by one.
type tailOfTransfer struct {
	entries []tailEntry
	buf     []byte // of the write lane
}

func (t *tailOfTransfer) noted() []receive.Noted {
	if t == nil {
		return nil
	}
	noted := make([]receive.Noted, len(t.entries))
	for i, n := range t.entries {
		noted[i] = receive.Noted{Pos: n.pos, Length: int(n.length), Fin: n.fin, Name: uint32(i)}
	}
	return noted
}

// openTail reads the logs of earlier engines, writes what is still of use into this engine's, and removes
// them. A log that cannot be read or written is done without.
func (e *Engine) openTail(names []string) error {
	e.tail = beginTail(e.dir, e.journal.name)
	var old []journalName
	for _, s := range names {
		if n, ok := parseTailName(s); ok {
			old = append(old, n)
		}
	}
	slices.SortFunc(old, journalName.compare)
	newest := map[ID]map[stream.Pos]tailEntry{}
	for _, n := range old {
		b, err := e.dir.ReadFile(n.tail())
		if err != nil {
			e.tail.trouble = err
			continue
		}
		e.gather(newest, readTail(b, n.epoch))
	}
	for id, entries := range newest {
		e.carry(e.in[id], entries)
	}
	e.tail.flush()
	for _, n := range old {
		if n.tail() == e.tail.name && e.tail.file != nil {
			continue // of an engine that had the same name, and replaced
		}
		if err := e.dir.remove(n.tail()); err != nil && e.fence.Err() != nil {
			return err
		}
	}
	return nil
}

// gather takes the entries that a transfer may go on with; of two at the same place, the newer. An older
// epoch than that of the journal's point has nothing to say about what came after it.
func (e *Engine) gather(newest map[ID]map[stream.Pos]tailEntry, entries []tailEntry) {
	slices.SortFunc(entries, func(a, b tailEntry) int { return int(int64(a.number - b.number)) })
	for _, n := range entries {
		in := e.in[n.transfer]
		if in == nil || in.rec.Answer != stream.Unknown || in.layout == nil || n.epoch < in.rec.Epoch || n.pos.Before(in.rec.Point.Pos) {
			continue
		}
		if newest[n.transfer] == nil {
			newest[n.transfer] = map[stream.Pos]tailEntry{}
		}
		newest[n.transfer][n.pos] = n
	}
}

// carry keeps what goes on without a gap where the journal's point is. It is noted again at once: this
// engine may be killed before it has looked at it.
func (e *Engine) carry(in *incoming, newest map[stream.Pos]tailEntry) {
	most := e.opt.maxRecheck()
	t := &tailOfTransfer{}
	for pos := in.rec.Point.Pos; ; {
		n, ok := newest[pos]
		ev := receive.Event{Pos: n.pos, Length: int(n.length), Fin: n.fin}
		if most -= int64(n.length); !ok || most < 0 || !e.fits(in, &ev) {
			break
		}
		t.entries = append(t.entries, n)
		e.tail.add(n)
		if pos = pos.Advance(int(n.length)); n.fin {
			pos = pos.Next()
		}
	}
	if len(t.entries) > 0 {
		in.tail = t
	}
}

// maxRecheck is how many bytes of one transfer are read again at the most, 32 MiB by default: twice what may
// be written and not durable.
func (o *Options) maxRecheck() int64 { return 2 * (o.CheckpointBytes + o.CreditBytes) }

var errNotThere = errors.New("the bytes are not there")

// recheck reads a frame that an earlier process was about to write. If it is there, it is written again:
// a process may have been killed between a sync that failed and its saying so, and the pages are then taken
// for clean and will never reach the disk (fsync(2), "EIO"). Written again they are dirty, and the next sync
// tells the truth.
func (e *Engine) recheck(op *writeOp) completion {
	in, pos := op.in, op.act.Pos
	err := e.takeAgain(in, in.part(pos.File), op.noted)
	ev := receive.Event{Kind: receive.Rechecked, File: pos.File, Dir: op.made.dir, Failed: err != nil}
	return func(now time.Time) {
		if err != nil && e.fence.Err() != nil {
			e.fail(err)
			return
		}
		e.stepIn(now, in, ev)
		if in.core.Phase() != receive.Repairing {
			in.tail = nil
		}
	}
}

func (e *Engine) takeAgain(in *incoming, p *part, n *tailEntry) error {
	if p.problem != nil {
		return p.problem
	}
	t := in.tail
	t.buf = slices.Grow(t.buf[:0], int(n.length))[:n.length]
	if n.length > 0 {
		if _, err := p.file.ReadAt(t.buf, n.pos.Offset); err != nil {
			return err
		}
	}
	if crc32.Checksum(t.buf, castagnoli) != n.crc {
		return errNotThere
	}
	if n.length > 0 {
		if err := e.fence.Err(); err != nil {
			return err
		}
		if _, err := p.file.WriteAt(t.buf, n.pos.Offset); err != nil {
			return err
		}
	}
	if n.fin {
		return p.endsWith(t.buf, n)
	}
	p.hash.frame(t.buf, n.crc)
	in.points.add(n.pos.Advance(int(n.length)), p.hash)
	return nil
}

// endsWith takes the last frame of a file if its digest is then the sender's.
func (p *part) endsWith(b []byte, n *tailEntry) error {
	before, err := p.hash.appendState(nil)
	if err != nil {
		return err
	}
	if p.hash.frame(b, n.crc); p.hash.sum() == n.digest {
		return nil
	}
	if p.problem = p.hash.load(before); p.problem != nil {
		return p.problem
	}
	return errDigest
}
