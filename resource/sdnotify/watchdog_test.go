package sdnotify

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// TestWatchdogOfAnotherProcessIsNotFed: the rules of sd_watchdog_enabled(3).
func TestWatchdogOfAnotherProcessIsNotFed(t *testing.T) {
	own, other := strconv.Itoa(os.Getpid()), strconv.Itoa(os.Getpid()+1)
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"3000", own, 3 * time.Millisecond},
		{"3000", "", 3 * time.Millisecond},
		{"3000", other, 0},
		{"3000", "nonsense", 0},
		{"", own, 0},
		{"0", own, 0},
		{"-1", own, 0},
		{"nonsense", own, 0},
		{"9223372036854775807", own, 0}, // more than a Duration holds
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		if got := watchdogInterval(); got != c.want {
			t.Errorf("WATCHDOG_USEC=%q WATCHDOG_PID=%q: %v, want %v", c.usec, c.pid, got, c.want)
		}
	}
}
