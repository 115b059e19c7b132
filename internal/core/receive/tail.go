package receive

import (
	"slices"

	"github.com/mqha/mqha/internal/core/stream"
)

// Noted is a frame that the tail log speaks of: an earlier process was about to write it. Whether the
// bytes are there is found out by reading them.
type Noted struct {
	Pos    stream.Pos
	Length int
	Fin    bool
	Name   uint32 // the shell's number for it
}

// following is the place after the frame.
func (n Noted) following() stream.Pos {
	if n.Fin {
		return n.Pos.Next()
	}
	return n.Pos.Advance(n.Length)
}

// contiguous keeps what goes on at from without a gap. A file that failed, or that the sender skipped, is
// a gap.
func contiguous(noted []Noted, from stream.Pos, last uint32) []Noted {
	for i, n := range noted {
		if n.Pos != from || n.Pos.File == 0 || n.Pos.File > last || n.Length < 0 {
			return noted[:i]
		}
		from = n.following()
	}
	return noted
}

// isNoted says that a part may have bytes that the tail log speaks of.
func (t *Transfer) isNoted(file uint32) bool {
	return slices.ContainsFunc(t.noted, func(n Noted) bool { return n.Pos.File == file })
}

// keepNoted forgets the frames of the first file whose part is not there, and what comes after them.
func (t *Transfer) keepNoted(parts []Part) {
	there := make(map[uint32]bool)
	for _, p := range parts {
		there[p.File] = there[p.File] || !p.Stale
	}
	if i := slices.IndexFunc(t.noted, func(n Noted) bool { return !there[n.Pos.File] }); i >= 0 {
		t.noted = t.noted[:i]
	}
}

// dropNoted removes the parts behind the present file: they have the names of those that will be created.
func (t *Transfer) dropNoted(buf []Action) []Action {
	file := t.pos.File
	for _, n := range t.noted {
		if n.Pos.File > file {
			file = n.Pos.File
			buf = append(buf, Action{Kind: Abandon, File: file})
		}
	}
	t.noted = nil
	return buf
}

// recheck takes in, one by one, the frames that the last process wrote after its last checkpoint: what a
// killed process wrote is still in the page cache. They are as good as frames that arrive now, no more: the
// next checkpoint makes them durable, and they are not acknowledged before.
func (t *Transfer) recheck(buf []Action) []Action {
	if len(t.noted) == 0 {
		return t.ready(buf)
	}
	n := t.noted[0]
	if !t.created {
		return append(buf, Action{Kind: Reopen, File: n.Pos.File, Pos: n.Pos})
	}
	return append(buf, Action{Kind: Recheck, File: n.Pos.File, Pos: n.Pos, Name: n.Name})
}

// rechecked goes on behind a frame that was there, and ends at the first that was not: the sender sends
// from there on.
func (t *Transfer) rechecked(e Event, buf []Action) []Action {
	if t.phase != Repairing || len(t.noted) == 0 {
		return buf
	}
	n := t.noted[0]
	t.noted = t.noted[1:]
	if e.Failed {
		return t.ready(t.dropNoted(buf))
	}
	t.undurable += int64(n.Length)
	t.pos = n.following()
	t.written = t.pos
	if n.Fin {
		t.pending = append(t.pending, File{Index: n.Pos.File, Dir: e.Dir})
		t.created = false
	}
	return t.recheck(buf)
}
