package conformance

import (
	"slices"
	"testing"
)

func TestRowsThatBreakTheQueueManagerExist(t *testing.T) {
	for _, name := range breaking {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.name == name }) {
			t.Errorf("there is no row %q", name)
		}
	}
}
