package lease

import (
	"flag"
	"testing"
)

// TestMain raises the number of runs of the model, which are short; -rapid.checks still counts.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "400"); err != nil {
		panic(err)
	}
	m.Run()
}
