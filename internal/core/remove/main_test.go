package remove

import (
	"flag"
	"os"
	"testing"
)

// A history costs 50 microseconds, and this is the code that deletes what users have: the default of 100 would be modest.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", checks); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
