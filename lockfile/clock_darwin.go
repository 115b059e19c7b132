package lockfile

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot includes sleep: on this system CLOCK_MONOTONIC does, clock_gettime(3), and Go's monotonic
// clock, mach_absolute_time, does not.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
