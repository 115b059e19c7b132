package lockfile

import (
	"time"

	"golang.org/x/sys/windows"
)

// sinceBoot includes sleep and hibernation; GetTickCount64.
func sinceBoot() time.Duration { return windows.DurationSinceBoot() }
