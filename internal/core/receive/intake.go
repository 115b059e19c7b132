package receive

import "github.com/mqha/mqha/internal/core/stream"

// frame takes in what comes next in the stream and drops the rest. A frame of an older session is
// dropped without a word, since its sender has asked anew; a gap, and data of a session that this
// process never answered, make it ask.
func (t *Transfer) frame(e Event, buf []Action) []Action {
	drop := Action{Kind: Drop}
	if t.phase != Taking || t.draining || t.cancel || e.Nonce < t.nonce {
		return append(buf, drop)
	}
	if e.Nonce > t.nonce || t.pos.Before(e.Pos) {
		return t.nudge(append(buf, drop))
	}
	if !t.Takes(e.Nonce, e.Pos) {
		return append(buf, drop)
	}
	if e.Skip && e.Pos.File == 0 {
		return t.refuse(append(buf, drop)) // the sender cannot read its own manifest
	}
	return t.place(e, buf)
}

// Takes says whether a frame with that question's number and place is the one that comes next.
func (t *Transfer) Takes(nonce uint64, pos stream.Pos) bool {
	return t.phase == Taking && !t.draining && !t.cancel && nonce == t.nonce && pos == t.pos && (pos.File == 0 || pos.File <= t.last)
}

// place moves the stream on by one frame.
func (t *Transfer) place(e Event, buf []Action) []Action {
	file := t.pos.File
	drop := t.failed || e.Skip
	switch {
	case e.Skip && t.created && !t.failed:
		buf = t.giveUp(file, buf)
	case !drop:
		if !t.created {
			buf = append(buf, Action{Kind: Create, File: file})
		}
		t.created = true
		t.writes++
		t.writing += int64(e.Length)
		buf = append(buf, Action{Kind: Write, File: file, Pos: t.pos})
	}
	t.pos = t.pos.Advance(e.Length)
	if e.Fin || e.Skip {
		t.pos = t.pos.Next()
		t.created, t.failed = false, false
	}
	if drop {
		t.took(e.Length)
		return t.ack(false, append(buf, Action{Kind: Drop}))
	}
	return buf
}

// took counts a frame that is in its part now, or not wanted. Until then it is in flight for the sender, so that
// a process that is killed has nothing in hand beside that.
func (t *Transfer) took(length int) {
	t.frames++
	t.bytes += int64(length)
}

func (t *Transfer) frameWritten(e Event, buf []Action) []Action {
	t.writes--
	t.writing -= int64(e.Length)
	if t.late > 0 {
		t.late--
	} else {
		t.took(e.Length)
	}
	if buf = t.inPart(e, buf); t.phase != Taking {
		return buf
	}
	return t.ack(false, buf)
}

func (t *Transfer) inPart(e Event, buf []Action) []Action {
	if t.phase != Taking {
		return buf // refused meanwhile
	}
	if e.Failed {
		return t.fileFailed(e.File, buf)
	}
	if e.File > 0 && e.Pos.Offset == 0 { // its part was created
		t.enter(e.Dir)
	}
	if t.bad[e.File] {
		return buf
	}
	t.undurable += int64(e.Length)
	if !e.Fin {
		t.written = stream.Pos{File: e.File, Offset: e.Pos.Offset + int64(e.Length)}
		return buf
	}
	t.written = stream.Pos{File: e.File}.Next()
	if e.File == 0 {
		t.phase = Loading
		return append(buf, Action{Kind: Sync, File: 0})
	}
	t.pending = append(t.pending, File{Index: e.File, Dir: e.Dir})
	return buf
}

// fileFailed gives one file up and goes on with the others.
func (t *Transfer) fileFailed(file uint32, buf []Action) []Action {
	if file == 0 {
		return t.refuse(buf)
	}
	if t.bad[file] {
		return buf
	}
	t.failed = t.failed || file == t.pos.File
	t.pending = without(t.pending, file)
	return t.giveUp(file, buf)
}

// giveUp removes the part of a file; writes to it that are outstanding no longer count.
func (t *Transfer) giveUp(file uint32, buf []Action) []Action {
	if t.bad == nil {
		t.bad = make(map[uint32]bool)
	}
	t.bad[file] = true
	t.removed = true
	if t.written.File == file {
		t.written.Offset = 0
	}
	return append(buf, Action{Kind: Abandon, File: file})
}
