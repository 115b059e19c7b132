package lockfile

import (
	"time"

	"github.com/mqha/mqha/internal/core/lease"
)

// newClock returns a clock whose monotonic part counts from now.
func newClock() func() lease.Instant {
	origin := time.Now()
	return func() lease.Instant {
		now := time.Now()
		return lease.Instant{
			Mono: now.Sub(origin),
			Boot: sinceBoot(),
			Wall: time.Duration(now.UnixNano()),
		}
	}
}
