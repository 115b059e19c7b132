package sim

import (
	"fmt"

	"github.com/mqha/mqha/internal/core/credit"
	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/send"
	"github.com/mqha/mqha/internal/core/stream"
)

// judge knows what both sides have promised. It sees what they do and what is on the disk, never
// what they think.
type judge struct {
	w        *world
	sessions map[uint64]*session
	excused  map[uint32]bool // a fault was injected for the file
	asks     int
	asksFrom int64 // the second they are counted in
}

// session is what happened under one nonce.
type session struct {
	answers     map[stream.Pos]bool // given
	frames      uint64              // handed to the link
	bytes       int64
	ackedFrames uint64 // acknowledged
	ackedBytes  int64
	answered    bool
	credit      credit.Limit // that the sender knows
}

func (j *judge) session(nonce uint64) *session {
	if j.sessions == nil {
		j.sessions = make(map[uint64]*session)
	}
	if j.sessions[nonce] == nil {
		j.sessions[nonce] = &session{answers: make(map[stream.Pos]bool)}
	}
	return j.sessions[nonce]
}

func (j *judge) excuse(file uint32) {
	if j.excused == nil {
		j.excused = make(map[uint32]bool)
	}
	j.excused[file] = true
}

func (j *judge) durable() history {
	journal := &j.w.receiver.journal
	return replay(journal.records[:journal.synced])
}

// asked: a way that fails is not tried in a loop without delay (IT38745). No seed breaks the link
// or loses frames so fast that a thousand questions in a second were right.
func (j *judge) asked() {
	if second := int64(j.w.now / 1e9); second != j.asksFrom {
		j.asks, j.asksFrom = 0, second
	}
	if j.asks++; j.asks > 1000 {
		j.w.violated("asks in a loop")
	}
}

// cancelling: what is told to the receiver is durable.
func (j *judge) cancelling() {
	if s := &j.w.sender.journal; !s.records[s.synced-1].cancel {
		j.w.violated("CANCEL before it is durable")
	}
}

func (j *judge) moved(who string, same bool) {
	if same {
		j.w.violated("the deadline of the %s stays when it has passed", who)
	}
}

func (j *judge) sent(m message) {
	s := j.session(m.nonce)
	s.frames++
	s.bytes += int64(m.length)
	if m.pos.File > 0 && j.durable().checkpoint.Durable.File == 0 {
		j.w.violated("frame %v sent before the manifest was accepted", m.pos)
	}
	cfg := j.w.plan.send
	if s.frames-s.ackedFrames > uint64(cfg.CreditFrames) || s.bytes-s.ackedBytes >= cfg.CreditBytes+int64(j.w.plan.frame) {
		j.w.violated("credit exceeded: %d frames, %d bytes", s.frames-s.ackedFrames, s.bytes-s.ackedBytes)
	}
}

// allowed: the first answer to a question counts.
func (j *judge) allowed(m message) {
	if s := j.session(m.nonce); m.answer == stream.Receiving && !s.answered {
		s.answered, s.credit = true, m.credit
	}
}

// reads: no frame is read for which there was no credit when its reading began.
func (j *judge) reads(a send.Action) {
	s, most := j.session(a.Nonce), j.w.plan.most()
	is := most
	if s.credit.Frames > 0 {
		is = s.credit
	}
	if s.frames-s.ackedFrames >= uint64(is.Frames) || s.bytes-s.ackedBytes >= is.Bytes {
		j.w.violated("a frame is read while %d frames and %d bytes are in flight, granted are %+v", s.frames-s.ackedFrames, s.bytes-s.ackedBytes, is)
	}
	if is != most {
		j.w.count("frame read that was granted with less than it wants")
	}
}

// acknowledged: a late acknowledgement says nothing of what is granted now.
func (j *judge) acknowledged(m message) {
	s := j.session(m.nonce)
	if m.frames >= s.ackedFrames {
		s.credit = m.credit
	}
	s.ackedFrames, s.ackedBytes = max(s.ackedFrames, m.frames), max(s.ackedBytes, m.bytes)
}

func (j *judge) answered(a receive.Action) {
	j.session(a.Nonce).answers[a.Pos] = true
	j.claimed(a)
}

// took: credit is counted by session, since lost messages never return it.
func (j *judge) took(a receive.Action) {
	if s := j.session(a.Nonce); a.Nonce > 0 && (a.Frames > s.frames || a.Bytes > s.bytes) {
		j.w.violated("acknowledges %d frames of session %d, which has sent %d", a.Frames, a.Nonce, s.frames)
	}
	j.claimed(a)
}

func (j *judge) claimed(a receive.Action) {
	if is := j.durable().checkpoint.Durable; is.Before(a.Durable) {
		j.w.violated("claims that %v is durable, but only %v is", a.Durable, is)
	}
}

func (j *judge) sought(a send.Action) {
	if !j.session(a.Nonce).answers[a.Pos] {
		j.w.violated("seeks %v, which was not the answer to %d", a.Pos, a.Nonce)
	}
}

// committed looks at the disk when a checkpoint becomes durable.
func (j *judge) committed(c receive.Checkpoint) {
	for _, f := range c.Files {
		n := j.w.disk.part(f.Index, j.w.receiver.epoch)
		switch {
		case n == nil:
			j.w.violated("COMMIT of file %d, which is not there", f.Index)
		case n.synced != j.w.plan.sizes[f.Index]:
			j.w.violated("COMMIT of file %d with %d bytes durable", f.Index, n.synced)
		case !n.durablePart():
			j.w.violated("COMMIT of file %d, whose directory entry is not durable", f.Index)
		}
	}
	if n := j.w.disk.part(c.Durable.File, j.w.receiver.epoch); n != nil && n.synced < c.Durable.Offset {
		j.w.violated("checkpoint at %v with %d bytes durable", c.Durable, n.synced)
	}
}

func (j *judge) renaming(n *node) {
	if n.file == 0 {
		return
	}
	if n.synced != j.w.plan.sizes[n.file] {
		j.w.violated("rename of file %d with %d bytes durable", n.file, n.synced)
	}
	for _, f := range j.durable().committed {
		if f.Index == n.file {
			return
		}
	}
	j.w.violated("rename of file %d before COMMIT is durable", n.file)
}

// counted: a committed file whose part is gone counts as delivered, and must be.
func (j *judge) counted(file uint32, epoch uint64) {
	j.w.count("part gone, counts as delivered")
	if file > 0 && epoch == j.w.receiver.epoch && j.w.disk.delivered(file) == 0 {
		j.w.violated("file %d counts as delivered, and is not", file)
	}
}

func (j *judge) renamed(file uint32, failed bool) {
	if failed {
		if file > 0 && !j.w.disk.foreign[file] {
			j.w.violated("file %d clashes with itself", file)
		}
		return
	}
	if file > 0 && j.w.disk.delivered(file) > 1 {
		j.w.violated("file %d delivered twice", file)
	}
}

func (j *judge) ended(a receive.Action) {
	if h := j.durable(); !h.ended || h.answer != a.Answer {
		j.w.violated("last word %d is not durable", a.Answer)
	}
}

func (j *judge) confirmed() {
	if s := &j.w.sender.journal; !s.records[s.synced-1].ended {
		j.w.violated("CONFIRM before the end is durable")
	}
}

// settled: a control frame may go when what it has brought is in the journal, and answered.
func (j *judge) settled(at side, m message) {
	if !j.w.wire.given[at] {
		j.w.violated("%v settled, which was not given", m.kind)
	}
	switch {
	case m.kind == open && !j.durable().known:
		j.w.violated("OPEN settled before it is durable")
	case m.kind == confirm && j.durable().known && !j.durable().forgotten:
		j.w.violated("CONFIRM settled before it is in the journal")
	case m.kind == end && j.w.sender.confirmed == 0:
		j.w.violated("END settled before it is confirmed")
	}
}

// verdict is given when both sides have ended.
func (j *judge) verdict() error {
	end := j.w.sender.journal.last()
	said := replay(j.w.receiver.journal.records)
	if !said.known && end.answer == stream.Cancelled {
		said.answer = stream.Cancelled // before the receiver heard of it
	}
	if !end.ended || end.answer != said.answer {
		return fmt.Errorf("receiver says %d, sender %d", said.answer, end.answer)
	}
	for _, n := range j.w.disk.nodes {
		if n.seen().where == asPart && !n.late {
			return fmt.Errorf("part of file %d of epoch %d left, durably: %v", n.file, n.seen().epoch, n.durablePart())
		}
		if n.file > 0 && n.seen().where >= asFinal && n.good != j.w.plan.sizes[n.file] {
			return fmt.Errorf("file %d delivered with %d of %d bytes", n.file, n.good, j.w.plan.sizes[n.file])
		}
	}
	if said.answer == stream.Refused {
		j.w.count("end: refused")
		if !j.excused[0] {
			return fmt.Errorf("refused, and nothing was wrong")
		}
		return nil
	}
	if said.answer == stream.Cancelled {
		j.w.count("end: cancelled")
		if !j.w.sender.cancelled {
			return fmt.Errorf("cancelled, and nobody has asked for it")
		}
		for file := 1; file < len(j.w.plan.sizes); file++ {
			if count := j.w.disk.delivered(uint32(file)); count > 1 {
				return fmt.Errorf("file %d delivered %d times", file, count)
			}
		}
		return nil
	}
	j.w.count("end: completed")
	for file := 1; file < len(j.w.plan.sizes); file++ {
		if err := j.file(uint32(file)); err != nil {
			return err
		}
	}
	return nil
}

func (j *judge) file(file uint32) error {
	switch count := j.w.disk.delivered(file); {
	case count > 1:
		return fmt.Errorf("file %d delivered %d times", file, count)
	case count == 1:
		j.w.count("end: file delivered")
	case !j.excused[file]:
		return fmt.Errorf("file %d not delivered, and nothing was wrong", file)
	default:
		j.w.count("end: file failed")
	}
	return nil
}
