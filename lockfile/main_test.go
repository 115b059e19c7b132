package lockfile

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the main of the processes that tests start.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	if code, ran := runPrivately(); ran {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}
