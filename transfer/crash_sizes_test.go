package transfer

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// slowSync ends an instance at the nth sync of a file whose name has that in it, after all that may go on meanwhile has
// come to a stop.
func slowSync(n int64, file string) func(*crashLife) crashdisk.Plan {
	return func(l *crashLife) crashdisk.Plan {
		var syncs atomic.Int64
		return func(op crashdisk.Op) crashdisk.Fate {
			if op.Kind != "SyncData" || !strings.Contains(op.Name, file) || syncs.Add(1) != n {
				return crashdisk.Goes
			}
			time.Sleep(100 * time.Millisecond) // of the bubble's time: less than any time-out
			l.end()
			return crashdisk.Fate{Stop: true}
		}
	}
}

// TestLossAtDefaultSizes: what a loss of power, and the end of a process, cost at the default options with a file that is
// longer than all that may be in flight and not durable: 16 MiB, and 8 MiB with half the checkpoints.
func TestLossAtDefaultSizes(t *testing.T) {
	for _, o := range []Options{{}, {CheckpointBytes: 4 << 20}} {
		files := newCrashFilesOf(t, o, []crashFile{{"file", 40 << 20}})
		o = o.withDefaults()
		for _, way := range []struct {
			what, side  string
			kept        crashdisk.Kept
			file        string
			least, most int64
		}{
			{"receiver loses power", "B", crashdisk.None, ".part", o.CheckpointBytes, o.CheckpointBytes + o.CreditBytes},
			{"receiver is killed", "B", crashdisk.All, ".part", 0, o.CreditBytes},
			{"sender loses power", "A", crashdisk.None, "journal", 0, o.CreditBytes},
		} {
			t.Run(fmt.Sprintf("%s, checkpoints of %d MiB", way.what, o.CheckpointBytes>>20), func(t *testing.T) {
				for _, n := range []int64{2, 4} {
					c := crashCase{seed: uint64(n), side: way.side, kept: way.kept, first: slowSync(n, way.file)}
					r := c.run(t, files)
					r.report(t, "sync %d", n)
					t.Logf("sync %d: re-sent %d bytes, at most %d may be in flight or not durable", n, r.resent, way.most)
					if r.resent < way.least || r.resent > way.most {
						t.Errorf("sync %d: re-sent %d bytes, want %d to %d", n, r.resent, way.least, way.most)
					}
				}
			})
		}
	}
}
