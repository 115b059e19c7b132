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
	source  string
	account *account
	seen    time.Time
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
	g := l.grants[k]
	if g != nil && g.source != source {
		l.Release(k)
		g = nil
	}
	if g == nil {
		g = &grant{source: source, account: l.account(source)}
		g.account.transfers++
		l.grants[k] = g
	}
	g.seen = now
	l.put(g, Limit{})
	a := g.account
	all, own := int64(len(l.grants)), int64(a.transfers)
	l.put(g, Limit{
		Bytes:  max(least.Bytes, min(want.Bytes, l.cfg.Queue/all, l.cfg.Queue-l.bytes, l.cfg.Source.Bytes/own, l.cfg.Source.Bytes-a.Bytes)),
		Frames: max(least.Frames, min(want.Frames, l.cfg.Source.Frames/a.transfers, l.cfg.Source.Frames-a.Frames)),
	})
	return g.Limit
}

func (l *Ledger[K]) account(source string) *account {
	a := l.sources[source]
	if a == nil {
		a = &account{}
		l.sources[source] = a
	}
	return a
}

// put replaces what g has.
func (l *Ledger[K]) put(g *grant, has Limit) {
	l.bytes += has.Bytes - g.Bytes
	g.account.Bytes += has.Bytes - g.Bytes
	g.account.Frames += has.Frames - g.Frames
	g.Limit = has
}

// Release takes back what a transfer has that ended.
func (l *Ledger[K]) Release(k K) {
	g := l.grants[k]
	if g == nil {
		return
	}
	delete(l.grants, k)
	l.put(g, Limit{})
	if g.account.transfers--; g.account.transfers == 0 {
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
