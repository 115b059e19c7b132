package transfer

import (
	"sync/atomic"
	"testing"

	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// tally is what came of many cases.
type tally struct {
	struck, late int // late: the run had fewer operations than the one that was counted
	left         int // parts that a late call left behind
	most         int64
	forgot       int64
}

func (y *tally) add(struck bool, r crashResult) {
	if struck {
		y.struck++
	} else {
		y.late++
	}
	y.most, y.forgot = max(y.most, r.resent), max(y.forgot, r.forgot)
}

// stopped makes a case stop the first instance of its side at an operation. made counts the operations of that
// instance; struck says that it came so far.
func (c crashCase) stopped(at int, fate crashdisk.Fate) (_ crashCase, made *atomic.Int64, struck *atomic.Bool) {
	made, struck = new(atomic.Int64), new(atomic.Bool)
	c.first = func(l *crashLife) crashdisk.Plan {
		return func(op crashdisk.Op) crashdisk.Fate {
			made.Add(1)
			if op.Number != at {
				return crashdisk.Goes
			}
			struck.Store(true)
			l.end()
			return fate
		}
	}
	return c, made, struck
}

// matrix stops a run at its operation 1, 2, 3 and so on, until it comes to its end without being stopped, and at
// least at as many as were counted in a clean run; skip leaves some out.
//
// The points are then as many as the operations of a clean run, though not of every one: how many frames share a
// checkpoint, or an entry of the tail log, is the scheduler's doing, and clean runs differ by some five in a hundred. What
// can be said of all is said here: a run that was not stopped had fewer operations than the number of its point, so no
// number was passed over that a clean run has; each number that every clean run has was struck; and no clean run has much
// fewer than were counted.
func matrix(t *testing.T, counted int, skip func(at int) bool, run func(at int) (r crashResult, made int64, struck bool)) (y tally) {
	t.Helper()
	points, fewest := 0, counted // fewest of all clean runs
	for at, more := 1, true; at <= counted || more; at += pointStride {
		if at <= counted && skip(at) {
			continue
		}
		r, made, struck := run(at)
		y.add(struck, r)
		if more = struck; struck {
			points++
			continue
		}
		if fewest = min(fewest, int(made)); int(made) >= at {
			t.Errorf("operation %d was made, and nothing was stopped at it", at)
		}
	}
	want := 0
	for _, at := range pointsOf(fewest) {
		if !skip(at) {
			want++
		}
	}
	if points < want || fewest < counted*9/10 {
		t.Errorf("stopped at %d operations, want %d; a clean run has %d, another %d", points, want, counted, fewest)
	}
	return y
}

// all skips no operation.
func all(int) bool { return false }

// pointsOf are the operations of so many at which something happens: all of them, see pointStride.
func pointsOf(count int) []int {
	var points []int
	for at := 1; at <= count; at += pointStride {
		points = append(points, at)
	}
	return points
}
