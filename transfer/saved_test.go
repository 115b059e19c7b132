package transfer

import (
	"bytes"
	"testing"

	"github.com/mqha/mqha/internal/core/stream"
)

// TestSenderReadsThePrefixAgainWhenItsStateHasAnotherSum: the state in its journal is of another release of Go, or of
// other bytes. It was gone on with, and the receiver found each file wrong at its end.
func TestSenderReadsThePrefixAgainWhenItsStateHasAnotherSum(t *testing.T) {
	for _, kind := range []Digest{SHA256, CRC32C} {
		d := kind.begin()
		d.frame([]byte("abc"), 0x364b3fb7) // CRC32C of it
		state, err := d.appendState(nil)
		if err != nil {
			t.Fatal(err)
		}
		sum, pos := d.sum(), stream.Pos{File: 1, Offset: 3}
		other := bytes.Clone(sum[:])
		other[0] ^= 1
		for name, c := range map[string]struct {
			pt   point
			kept bool
		}{
			"good":      {point{Pos: pos, State: state, Sum: sum[:]}, true},
			"other sum": {point{Pos: pos, State: state, Sum: other}, false},
			"no sum":    {point{Pos: pos, State: state}, false},
			"no state":  {point{Pos: pos, Sum: sum[:]}, false},
		} {
			var s savedPoints
			s.keep(kind, c.pt)
			if d, at := s.nearest(kind, stream.Pos{File: 1, Offset: 9}); (d != nil) != c.kept || c.kept && (at != 3 || d.sum() != sum) {
				t.Errorf("%s, %s: %v at %d", kind, name, d, at)
			}
		}
	}
}
