package send

import (
	"time"

	"github.com/mqha/mqha/internal/core/credit"
)

// acked takes what the receiver has taken in, what of it is durable, and what may be in flight now.
func (t *Transfer) acked(now time.Time, e Event, buf []Action) []Action {
	if t.phase == Seeking && e.Nonce == t.nonce && e.Frames == 0 {
		t.grant(e.Credit) // what is granted meanwhile counts
	}
	if t.phase != Sending || e.Nonce != t.nonce {
		return buf
	}
	if e.Frames > t.frames || e.Bytes > t.bytes || e.Frames < t.tookF {
		return buf // repeated, late, or a lie about what was never sent
	}
	t.tookF, t.tookB = e.Frames, e.Bytes
	t.grant(e.Credit)
	t.deadline = now.Add(t.cfg.Stall)
	if t.durable.Before(e.Durable) && !t.next.Before(e.Durable) {
		t.durable = e.Durable
		buf = append(buf, Action{Kind: Mark, Pos: t.durable})
	}
	return buf
}

// grant takes the receiver's share for this transfer, and never more than the configured.
func (t *Transfer) grant(l credit.Limit) {
	t.credit = credit.Limit{Bytes: t.cfg.CreditBytes, Frames: t.cfg.CreditFrames}
	if l.Bytes > 0 && l.Frames > 0 {
		t.credit.Bytes, t.credit.Frames = min(t.credit.Bytes, l.Bytes), min(t.credit.Frames, l.Frames)
	}
}
