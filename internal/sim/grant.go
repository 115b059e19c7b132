package sim

import (
	"time"

	"github.com/mqha/mqha/internal/core/credit"
)

// grants is the ledger of the receiver's input queue, and what the judge has seen of it. Other transfers use the queue,
// too: they ask and end by chance, and what they hold is missing to ours.
type grants struct {
	w      *world
	ledger *credit.Ledger[int]
	seen   map[int]grant
}

// grant is what a transfer was granted last. Ours has the number 0.
type grant struct {
	credit.Limit
	source string
	at     time.Time
}

func newGrants(w *world) *grants {
	return &grants{w: w, ledger: credit.New[int](w.plan.queue), seen: make(map[int]grant)}
}

// ours is what our transfer is granted. A receiver of an older release grants nothing, and everything is allowed that
// the sender's own limits allow.
func (g *grants) ours() credit.Limit {
	if g.w.plan.older {
		return credit.Limit{}
	}
	for k := 1; k <= g.w.plan.neighbours; k++ {
		switch g.w.rng.IntN(4) {
		case 0:
			g.release(k)
		case 1, 2:
			g.take(k, []string{"A", "C"}[k%2])
		}
	}
	l := g.take(0, "A")
	switch most := g.w.plan.most(); {
	case l == g.w.plan.least():
		g.w.count("granted the least")
	case l != most:
		g.w.count("granted less than it wants")
	}
	return l
}

// take grants, and holds the sums against what the queue and a source may have. What is granted beyond that is the
// least that every transfer gets. Who has not asked for long does not count any more.
func (g *grants) take(k int, source string) credit.Limit {
	now, least, most := g.w.time(), g.w.plan.least(), g.w.plan.most()
	l := g.ledger.Grant(now, k, source, most, least)
	g.seen[k] = grant{l, source, now}
	if l.Bytes < least.Bytes || l.Frames < least.Frames || l.Bytes > most.Bytes || l.Frames > most.Frames {
		g.w.violated("granted %+v, between %+v and %+v may be", l, least, most)
	}
	if len(g.seen) == 1 && l != most {
		g.w.violated("granted %+v to the only transfer", l)
	}
	var all, own credit.Limit
	cfg := g.w.plan.queue
	room, share := cfg.Queue, cfg.Source
	for _, s := range g.seen {
		if now.Sub(s.at) >= cfg.Idle {
			continue
		}
		all.Bytes += s.Bytes
		room += least.Bytes
		if s.source == source {
			own.Bytes, own.Frames = own.Bytes+s.Bytes, own.Frames+s.Frames
			share.Bytes, share.Frames = share.Bytes+least.Bytes, share.Frames+least.Frames
		}
	}
	if all.Bytes > room || own.Bytes > share.Bytes || own.Frames > share.Frames {
		g.w.violated("granted %d bytes in all, %+v to source %s; the queue has %+v", all.Bytes, own, source, cfg)
	}
	return l
}

// release is the end of a transfer.
func (g *grants) release(k int) {
	g.ledger.Release(k)
	delete(g.seen, k)
}

// clear is the loss of the connection.
func (g *grants) clear() {
	g.ledger.Clear()
	clear(g.seen)
}
