package lease

import (
	"flag"
	"testing"
)

// TestMain raises the number of schedules of the model, which are short; -rapid.checks still counts, and
// -rapid.checks=1000000 -timeout=0 is the long run.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "2000"); err != nil {
		panic(err)
	}
	m.Run()
}
