package transfer

import (
	"cmp"
	"slices"

	"github.com/mqha/mqha/internal/core/stream"
)

// The record of an outgoing transfer that has ended answers Status, and makes a Submit that comes again send nothing. The
// protocol does not need it: a receiver that repeats its last word is confirmed, whether the transfer is known or not. So
// the oldest of these records go, or an agent that runs for years would carry all of them through each takeover.
//
// They go from the state alone. The journal has them until it is written anew, and who reads it lets them go again.

// over says that nothing more is to be done for the transfer.
func (o *outRecord) over() bool { return o.Answer != stream.Unknown && !o.deletes() }

// endOrder tells in which order outgoing transfers ended.
type endOrder struct {
	place map[ID]uint64 // none: the journal does not tell
	last  uint64
}

func newEndOrder() endOrder { return endOrder{place: map[ID]uint64{}} }

// add puts a transfer behind all others.
func (e *endOrder) add(id ID) {
	e.last++
	e.place[id] = e.last
}

// over gives the transfers that are over, in the order in which they ended. Earlier releases wrote them in no order:
// of these the number tells, and they come first.
func (s *state) over() []*outRecord {
	type placed struct {
		place uint64
		*outRecord
	}
	var all []placed
	for id, o := range s.out {
		if o.over() {
			all = append(all, placed{s.ends.place[id], o})
		}
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.Number, b.Number))
	})
	over := make([]*outRecord, len(all))
	for i, o := range all {
		over[i] = o.outRecord
	}
	return over
}

// retain lets go of the first of over, until no more than keep are left; negative: of none. The one with the highest
// number never goes: the number of the next transfer comes from it, and receivers refuse one that they had before.
func (s *state) retain(over []*outRecord, keep int) (kept []*outRecord, gone []ID) {
	for keep >= 0 && len(over) > keep {
		o := over[0]
		over = over[1:]
		if o.Number+1 == s.next {
			over = append(over, o)
			continue
		}
		delete(s.out, o.ID)
		delete(s.ends.place, o.ID)
		gone = append(gone, o.ID)
	}
	return over, gone
}

// retire has a transfer that is over make room for itself among those that are kept. Its lists are gone by then: one of the
// same ID would have the same names for its own.
func (e *Engine) retire(rec *outRecord) {
	var gone []ID
	e.over, gone = e.state.retain(append(e.over, rec), e.opt.KeepEnded)
	for _, id := range gone {
		delete(e.out, id)
	}
}
