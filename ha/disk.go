package ha

import (
	"context"
	"time"
)

// lingering is how long a call to a disk may go on once nobody wants its answer any more; it usually ends at once.
const lingering = time.Second

// answers makes a call to a disk, and says whether it has returned. A disk that hangs cannot be interrupted: after the end of
// ctx the call is left to itself, and then what it does counts for nothing.
func answers(ctx context.Context, call func()) bool {
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		call()
	}()
	select {
	case <-returned:
		return true
	case <-ctx.Done():
	}
	t := time.NewTimer(lingering)
	defer t.Stop()
	select {
	case <-returned:
		return true
	case <-t.C:
		return false
	}
}
