package transfer

import (
	"cmp"
	"slices"
	"time"

	"github.com/mqha/mqha/internal/core/send"
)

// turns says which transfers have one. A hundred thousand may wait for theirs: nothing that happens to one transfer
// goes through all the others.
type turns struct {
	begun map[ID]*outgoing // have a turn on the present link
	// By the agent that they go to, the oldest first: all, of which those at the front are taken off that have ended, and
	// those that wait, some of which have begun all the same or ended.
	all, waiting map[string][]*outgoing
}

func newTurns() turns {
	return turns{begun: map[ID]*outgoing{}, all: map[string][]*outgoing{}, waiting: map[string][]*outgoing{}}
}

// load takes the transfers that the journal speaks of.
func (t *turns) load(live map[ID]*outgoing) {
	for _, o := range live {
		t.all[o.rec.To] = append(t.all[o.rec.To], o)
	}
	for _, q := range t.all {
		slices.SortFunc(q, func(a, b *outgoing) int { return cmp.Compare(a.rec.Number, b.rec.Number) })
	}
}

// linkTurns has all transfers wait for a turn on a new link. To give up takes none.
func (e *Engine) linkTurns(now time.Time) {
	clear(e.turns.waiting)
	for to, q := range e.turns.all {
		for _, o := range q {
			if e.live[o.rec.ID] != o || o.core.Phase() == send.Ended {
				continue
			}
			if o.rec.Cancelling {
				e.begin(now, o)
			} else if o.recorded {
				e.turns.waiting[to] = append(e.turns.waiting[to], o)
			}
		}
	}
	for to := range e.turns.waiting {
		e.nextTurns(now, to)
	}
}

// awaitTurn has one more wait for its turn.
func (e *Engine) awaitTurn(now time.Time, o *outgoing) {
	if e.run != nil {
		e.turns.waiting[o.rec.To] = e.queue(e.turns.waiting[o.rec.To], o)
		e.nextTurns(now, o.rec.To)
	}
}

// queue adds o to q. Where q has no room left, those that have ended leave it first: behind one that waits for a year they
// would all stay. There is room for as many again then, so that this costs nothing a transfer.
func (e *Engine) queue(q []*outgoing, o *outgoing) []*outgoing {
	if len(q) == cap(q) {
		q = slices.DeleteFunc(q, func(o *outgoing) bool { return e.live[o.rec.ID] != o })
		q = slices.Grow(q, len(q)+1)
	}
	return append(q, o)
}

// nextTurns gives the oldest transfers to an agent that have not ended their turn on the link. An
// agent that does not answer holds up what goes to it and nothing else (IT29902), and a disk that is away what comes
// from it.
func (e *Engine) nextTurns(now time.Time, to string) {
	if e.run == nil || e.draining {
		return
	}
	active, away := 0, map[string]bool{}
	count := func(o *outgoing) {
		if root := o.reader.awayFrom(); root != "" {
			away[root] = true // and it takes no turn from what comes from other disks
		} else if !o.rec.Cancelling { // nor does what is given up
			active++
		}
	}
	for _, o := range e.turns.begun {
		if o.rec.To == to {
			count(o)
		}
	}
	q := e.turns.waiting[to]
	var later []*outgoing
	for ; len(q) > 0 && active < maxSources; q = q[1:] {
		o := q[0]
		switch {
		case o.begun || o.core.Phase() == send.Ended:
		case away[o.root] && !o.rec.Cancelling:
			later = append(later, o)
		default:
			e.begin(now, o)
			count(o)
		}
	}
	if len(later) > 0 { // else the others stay where they are: there may be a hundred thousand
		q = append(later, q...)
	}
	e.turns.waiting[to] = q
}

// begin gives a transfer its turn.
func (e *Engine) begin(now time.Time, o *outgoing) {
	if e.run == nil || e.draining || o.begun || o.core.Phase() == send.Ended {
		return
	}
	o.begun, e.turns.begun[o.rec.ID] = true, o
	o.away = o.away.Add(min(now.Sub(o.away), now.Sub(e.linked))) // its turn was waited for
	e.stepOut(now, o, send.Event{Kind: send.LinkUp})
}

// timed are the transfers that may have to be woken. Those that wait for a turn have no time, but for the link.
func (e *Engine) timed() map[ID]*outgoing {
	if e.run == nil && e.opt.RecoveryTimeout > 0 {
		return e.live
	}
	return e.turns.begun
}

// lowest is the lowest number of an outgoing transfer to that agent that has not ended.
func (e *Engine) lowest(to string) uint64 {
	q := e.turns.all[to]
	for len(q) > 0 && e.live[q[0].rec.ID] != q[0] {
		q = q[1:]
	}
	e.turns.all[to] = q
	if len(q) == 0 {
		return e.state.next
	}
	return q[0].rec.Number
}
