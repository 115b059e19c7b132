package transfer

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// deafLink loses the data of files while deaf is set, and counts it.
type deafLink struct {
	Link
	deaf   atomic.Bool
	frames atomic.Int64
	bytes  atomic.Int64
}

func (l *deafLink) Receive(ctx context.Context, f *Frame) error {
	for {
		if err := l.Link.Receive(ctx, f); err != nil {
			return err
		}
		h, payload, err := decode(f.Body, "")
		if err != nil || h.Kind != kindData || h.Pos.File == 0 || !l.deaf.Load() {
			return nil
		}
		l.frames.Add(1)
		l.bytes.Add(int64(len(payload)))
	}
}

// TestTransfersOfOneSourceShareItsCredit: each had a credit of its own, and 25 of them had 176 MiB and 704 messages in a
// queue that serves all agents.
func TestTransfersOfOneSourceShareItsCredit(t *testing.T) {
	for _, c := range []struct {
		frame, size int
		frames      int64
		bytes       int64
	}{
		{4 << 10, 40 * 4 << 10, 128, 32 << 20}, // the number of messages is what ends first
		{1 << 20, 9 << 20, 128, 32 << 20},      // the bytes
	} {
		synctest.Test(t, func(t *testing.T) {
			a, b := newSeat(t, "A"), newSeat(t, "B")
			small := func(o *Options) { o.FrameBytes, o.RetryInterval = c.frame, time.Second }
			ea, eb := a.open(t, goodLease(1), small), b.open(t, goodLease(1), small)
			defer ea.Close()
			defer eb.Close()
			var ids []ID
			for i := range maxSources {
				name := fmt.Sprintf("f%d", i)
				ids = append(ids, submit(t, ea, "B", a.file(t, name, c.size), name))
			}
			la, lb := Pipe()
			deaf := &deafLink{Link: lb}
			deaf.deaf.Store(true)
			defer start(ea, la)()
			defer start(eb, deaf)()
			synctest.Wait() // nothing moves: all that was granted is under way
			frames, bytes := deaf.frames.Load(), deaf.bytes.Load()
			t.Logf("%d transfers have %d frames and %d bytes in flight", len(ids), frames, bytes)
			if frames > c.frames+maxSources || bytes > c.bytes+maxSources*int64(c.frame) {
				t.Errorf("%d frames and %d bytes are in flight", frames, bytes)
			}
			if frames < maxSources { // each has at least one
				t.Errorf("only %d frames are in flight", frames)
			}
			deaf.deaf.Store(false)
			for _, id := range ids {
				if s, err := ea.Wait(t.Context(), id); err != nil || s.State != Completed || s.Failed > 0 {
					t.Errorf("%+v, %v", s, err)
				}
			}
		})
	}
}
