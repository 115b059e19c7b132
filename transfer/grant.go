package transfer

import (
	"time"

	"github.com/mqha/mqha/internal/core/credit"
)

// The room of an input queue, which serves all other agents: 64 MiB, and 32 MiB and 128 messages of one
// source, or as many times more as Options ask for.
func (o *Options) room() credit.Config {
	source := credit.Limit{Bytes: max(32<<20, 4*o.CreditBytes), Frames: max(128, 4*o.CreditFrames)}
	return credit.Config{Queue: 2 * source.Bytes, Source: source, Idle: time.Minute}
}

// window is what this agent has in flight for a transfer at the most, and grants at the most.
func (o *Options) window() credit.Limit {
	return credit.Limit{Bytes: o.CreditBytes, Frames: o.CreditFrames}
}

// grant gives a transfer its share of the input queue. A sender that uses less of it waits for an acknowledgement earlier.
func (e *Engine) grant(in *incoming) credit.Limit {
	own := e.opt.window()
	l := e.credit.Grant(time.Now(), in.rec.ID, in.rec.From, lower(own, in.window), credit.Limit{Bytes: int64(e.opt.FrameBytes), Frames: 1})
	in.core.Granted(lower(l, in.window))
	return l
}

// lower is the lower of two limits, where there is a second.
func lower(a, b credit.Limit) credit.Limit {
	if b.Bytes <= 0 || b.Frames <= 0 {
		return a
	}
	return credit.Limit{Bytes: min(a.Bytes, b.Bytes), Frames: min(a.Frames, b.Frames)}
}
