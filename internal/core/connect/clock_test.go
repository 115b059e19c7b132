package connect

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What the clock says decides one thing: whether a session lived long enough for the delays to begin anew. However it
// jumps, back or forth, every loss is followed by a delay within bounds and a dial, and a session that ends before it
// began has not settled anything.
func TestClockThatJumpsChangesNoBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		intervals := fixed(rapid.SampledFrom([]time.Duration{-1, 0, testMin, time.Hour}).Draw(t, "interval"))
		core := newCore(1, intervals)
		now := time.Date(2026, 3, 29, 2, 0, 0, 0, time.UTC)
		jump := rapid.SampledFrom([]time.Duration{-20 * 365 * 24 * time.Hour, -time.Hour, -1, 0, 29 * time.Second, 30 * time.Second, time.Hour})
		core.Step(now, Event{Kind: Started}, nil)
		for generation := uint64(1); generation < 20; generation++ {
			lived := jump.Draw(t, "lived")
			resets := intervals.resets
			core.Step(now, Event{Kind: Connected}, nil)
			now = now.Add(lived)
			core.Step(now, Event{Kind: Lost, Verdict: Outage, Generation: generation}, nil)
			now = now.Add(jump.Draw(t, "returns after"))
			core.Step(now, Event{Kind: Returned}, nil)
			got := core.Step(now, Event{Kind: Closed}, nil)
			if len(got) != 1 || got[0].Kind != Wait || got[0].Delay < testMin || got[0].Delay > testMax {
				t.Fatalf("after a session of %v: %+v", lived, got)
			}
			if anew := intervals.resets > resets; anew != (lived >= 30*time.Second) {
				t.Fatalf("a session of %v begins the delays anew: %v", lived, anew)
			}
			now = now.Add(jump.Draw(t, "waited"))
			if got := core.Step(now, Event{Kind: Elapsed}, nil); len(got) != 1 || got[0].Kind != Dial {
				t.Fatalf("after the delay: %+v", got)
			}
		}
	})
}
