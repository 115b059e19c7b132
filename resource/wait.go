package resource

import (
	"context"
	"fmt"
	"time"
)

// defaultPoll is the time between two looks of an Online that waits for somebody else's work.
const defaultPoll = time.Second

// await looks until it sees what it waits for: every poll, 0 for the default, negative: once. When ctx
// ends first, it returns what it has seen last.
func await(ctx context.Context, poll time.Duration, look func(context.Context) error) error {
	if poll == 0 {
		poll = defaultPoll
	}
	var last error
	for {
		err := look(ctx)
		if err == nil || poll < 0 {
			return err
		}
		if last != nil && ctx.Err() != nil {
			err = last // this look was cut short
		}
		last = err
		timer := time.NewTimer(poll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w; gave up: %w", err, ctx.Err())
		}
	}
}
