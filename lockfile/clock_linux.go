package lockfile

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot includes suspend; clock_gettime(2), CLOCK_BOOTTIME. Go's monotonic clock does not.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
