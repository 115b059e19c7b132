// Package credit shares the room of one input queue among the transfers that come through it. A sender has
// in flight what its receiver granted and no more, so that many transfers, of one agent or of many, do not fill
// a queue that serves them all.
//
// The grants of transfers that flow are never more in sum than the queue and each source may have, but for the
// least that every transfer is given, without which it would never move. A transfer that joins is given what
// is free and grows as the older ones come down to their share, which they do with each acknowledgement.
package credit

import "time"

// Limit is what may be in flight.
type Limit struct {
	Bytes  int64
	Frames int
}

// Config holds the bounds.
type Config struct {
	Queue  int64 // bytes of all transfers
	Source Limit // of the transfers of one source
	Idle   time.Duration
}

// Ledger knows what was granted. K names a transfer.
type Ledger[K comparable] struct {
	cfg     Config
	grants  map[K]*grant
	sources map[string]*account
	bytes   int64 // of all grants
	swept   time.Time
}

type grant struct {
	Limit
	source string
	seen   time.Time
}

// account is what one source has.
type account struct {
	Limit
	transfers int
}

// New makes an empty ledger.
func New[K comparable](cfg Config) *Ledger[K] {
	return &Ledger[K]{cfg: cfg, grants: map[K]*grant{}, sources: map[string]*account{}}
}

// Grant gives a transfer its share: at most want, at least least. It replaces what the transfer was granted
// before. A transfer that has asked for nothing for Config.Idle no longer counts: its sender is gone, and what
// it had in flight was taken in or lost.
func (l *Ledger[K]) Grant(now time.Time, k K, source string, want, least Limit) Limit {
	l.sweep(now)
	l.Release(k)
	a := l.sources[source]
	if a == nil {
		a = &account{}
		l.sources[source] = a
	}
	a.transfers++
	all, own := int64(len(l.grants)+1), int64(a.transfers)
	g := &grant{source: source, seen: now, Limit: Limit{
		Bytes:  max(least.Bytes, min(want.Bytes, l.cfg.Queue/all, l.cfg.Queue-l.bytes, l.cfg.Source.Bytes/own, l.cfg.Source.Bytes-a.Bytes)),
		Frames: max(least.Frames, min(want.Frames, l.cfg.Source.Frames/a.transfers, l.cfg.Source.Frames-a.Frames)),
	}}
	l.grants[k] = g
	l.bytes += g.Bytes
	a.Bytes += g.Bytes
	a.Frames += g.Frames
	return g.Limit
}

// Release takes back what a transfer has that ended.
func (l *Ledger[K]) Release(k K) {
	g := l.grants[k]
	if g == nil {
		return
	}
	delete(l.grants, k)
	l.bytes -= g.Bytes
	a := l.sources[g.source]
	a.Bytes -= g.Bytes
	a.Frames -= g.Frames
	if a.transfers--; a.transfers == 0 {
		delete(l.sources, g.source)
	}
}

// Clear takes everything back: the link is gone, and all ask anew.
func (l *Ledger[K]) Clear() {
	clear(l.grants)
	clear(l.sources)
	l.bytes = 0
}

func (l *Ledger[K]) sweep(now time.Time) {
	if now.Sub(l.swept) < l.cfg.Idle/4 && !now.Before(l.swept) {
		return
	}
	l.swept = now
	for k, g := range l.grants {
		if now.Sub(g.seen) >= l.cfg.Idle {
			l.Release(k)
		}
	}
}
