package sim

import (
	"slices"

	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/stream"
)

// tail is the log of frames that were about to be written. It is never synced.
type tail struct{ notes []note }

type note struct {
	receive.Noted
	epoch uint64
}

// note comes before the write, which may never be made.
func (t *tail) note(a receive.Action, m message, epoch uint64) {
	t.notes = append(t.notes, note{receive.Noted{Pos: a.Pos, Length: m.length, Fin: m.fin, Name: uint32(len(t.notes))}, epoch})
}

// after gives what goes on where the journal ends; of what was noted twice, the newest.
func (t *tail) after(h history) (noted []receive.Noted) {
	newest := make(map[stream.Pos]receive.Noted)
	for _, n := range t.notes {
		if n.epoch >= h.epoch && !n.Pos.Before(h.checkpoint.Durable) {
			newest[n.Pos] = n.Noted
		}
	}
	for _, n := range newest {
		noted = append(noted, n)
	}
	slices.SortFunc(noted, func(a, b receive.Noted) int {
		if a.Pos.Before(b.Pos) {
			return -1
		}
		return 1
	})
	return noted
}

// losePower forgets some notes; of the others nobody knows whether the bytes are there.
func (t *tail) losePower(w *world) {
	for i := range t.notes {
		if w.chance(0.5) {
			t.notes[i].Length = -1
		}
	}
}
