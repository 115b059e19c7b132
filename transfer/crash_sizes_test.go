package transfer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// TestLossAtDefaultSizes: what a loss of power, and the end of a process, cost at the default options with a file that is
// longer than all that may be in flight and not durable: 16 MiB, and 8 MiB with half the checkpoints.
func TestLossAtDefaultSizes(t *testing.T) {
	for _, o := range []Options{{}, {CheckpointBytes: 4 << 20}} {
		files := newCrashFilesOf(t, o, []crashFile{{"file", 40 << 20}})
		counts := operations(t, files)
		o = o.withDefaults()
		for _, way := range []struct {
			what  string
			side  string
			kept  crashdisk.Kept
			bound int64
		}{
			{"receiver loses power", "B", crashdisk.None, o.CheckpointBytes + o.CreditBytes},
			{"receiver is killed", "B", crashdisk.All, o.CreditBytes},
			{"sender loses power", "A", crashdisk.None, o.CreditBytes},
		} {
			t.Run(fmt.Sprintf("%s, checkpoints of %d MiB", way.what, o.CheckpointBytes>>20), func(t *testing.T) {
				random := rand.New(rand.NewPCG(1, uint64(way.bound)))
				var most int64
				points := 0
				for range 6 {
					at := 1 + random.IntN(counts[way.side])
					c, _, struck := crashCase{seed: uint64(at), side: way.side, kept: way.kept}.stopped(at, crashdisk.Fate{Done: true, Stop: true})
					r := c.run(t, files)
					r.report(t, "operation %d", at)
					if struck.Load() {
						points++
					}
					most = max(most, r.resent)
				}
				t.Logf("%d operations, stopped at %d of them; re-sent %d bytes at the most, bound %d", counts[way.side], points, most, way.bound)
				if points == 0 || most > way.bound {
					t.Errorf("stopped %d times; re-sent %d bytes, at most %d may be in flight or not durable", points, most, way.bound)
				}
			})
		}
	}
}
