package main

import (
	"context"
	"errors"
	"os"

	"github.com/mqha/mqha/transfer"
)

// kept is how much of a file is there when it is resumed: 95 %, in whole frames.
func kept(size int64) int64 { return size / 100 * 95 / frameBytes * frameBytes }

// cutLink loses what comes after so many full frames.
type cutLink struct {
	transfer.Link
	left int64
}

func (c *cutLink) Send(ctx context.Context, f *transfer.Frame) error {
	switch {
	case isFull(f) && c.left > 0:
		c.left--
	case c.left == 0 && !f.Persistent && len(f.Body) > transfer.HeaderBytes:
		return nil
	}
	return c.Link.Send(ctx, f)
}

// leavePart ends, without closing anything, when 95 % of the file is durable at the receiver.
func leavePart(ctx context.Context, t task, _ *outcome) error {
	arrived := make(chan struct{}, 1)
	onEvent := func(e transfer.Event) {
		if e.Durable == kept(t.Size) {
			select {
			case arrived <- struct{}{}:
			default:
			}
		}
	}
	cut := func(l transfer.Link) transfer.Link { return &cutLink{l, kept(t.Size) / frameBytes} }
	return t.both(ctx, alone{1}, onEvent, cut, func(ctx context.Context, from *transfer.Engine) error {
		go func() {
			select {
			case <-arrived:
				os.Exit(0)
			case <-ctx.Done():
			}
		}()
		return errors.Join(t.submit(ctx, from), errors.New("the transfer was not to come to its end"))
	})
}

// resumePart goes on under the next epoch, as a standby would.
func resumePart(ctx context.Context, t task, o *outcome) error {
	m := newMeter(t.Size)
	err := t.both(ctx, alone{2}, nil, m.over, t.submit)
	m.tell(o)
	return err
}

// runResume times how long the rest of a file takes, from the start of the process to its end.
func runResume(ctx context.Context, s *site, d digest) (sample, error) {
	args, err := childCommand(s.task("engine part", d, 0))
	if err != nil {
		return sample{}, err
	}
	if _, _, err := timed(ctx, args); err != nil {
		return sample{}, err
	}
	m, err := runChild(ctx, s, s.task("engine resume", d, 0))
	m.Reread = max(0, m.Read-(s.size-kept(s.size)))
	return m, err
}
