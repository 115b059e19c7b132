package transfer

import (
	"errors"
	"syscall"
	"time"

	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/stream"
)

// A full disk is no fault of a file: the transfer stops, and begins at its last checkpoint again
// when room may have been made. Its sender meanwhile finds no answer and goes on asking.

// counted is complete with the count of in's operations; nil counts alone. What completes after the
// disk was found full no longer concerns the core.
func (e *Engine) counted(in *incoming, complete completion) completion {
	return func(now time.Time) {
		in.ops--
		if complete != nil && !in.full {
			complete(now)
		}
		e.waitForRoom(now, in)
	}
}

// countedStep is counted for an operation that only has an event for the core.
func (e *Engine) countedStep(in *incoming, ev receive.EventKind) completion {
	return func(now time.Time) {
		in.ops--
		if !in.full {
			e.stepIn(now, in, receive.Event{Kind: ev})
		}
		e.waitForRoom(now, in)
	}
}

// waitForRoom sets the time of the next try once nothing is under way any more.
func (e *Engine) waitForRoom(now time.Time, in *incoming) {
	if !in.full || in.ops > 0 {
		return
	}
	in.closeParts() // others may need the descriptors
	if !e.draining {
		in.again = now.Add(5 * e.opt.RetryInterval)
	}
}

// fullDisk says whether err means that there is no room, or no descriptor, and stops the transfer if it does.
func (e *Engine) fullDisk(in *incoming, err error) bool {
	if !isFull(err) {
		return false
	}
	if !in.full {
		in.full = true
		reason := "the disk is full: "
		if isShort(err) {
			reason = "there are too few descriptors: "
		}
		e.emitIn(in, EventStalled, "", reason+plainError(err).Error())
	}
	return true
}

// isFull knows ENOSPC and EDQUOT, what Windows calls them, and isShort.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || isFullHere(err) || isShort(err)
}

// isShort says that this process, or the system, has no descriptor left: that is no fault of a file either.
func isShort(err error) bool { return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) }

// tryAgain begins at the last checkpoint. Its record is synced first, because the operation that
// was to do so may be the one that no longer counted.
func (e *Engine) tryAgain(in *incoming) {
	in.again = time.Time{}
	in.ops++
	e.syncJournal(func(now time.Time) {
		in.ops--
		if e.draining {
			return
		}
		in.closeParts()
		in.full, in.found, in.points = false, nil, savedPoints{}
		in.failed = in.failedBefore(in.rec.Point.Pos)
		if in.rec.Point.Pos.File == 0 {
			in.layout = nil
		}
		e.repair(in)
		if e.run != nil {
			e.linkUpIn(now, in)
		}
	})
}

// failedBefore keeps the failures of files that are not received again.
func (in *incoming) failedBefore(p stream.Pos) []fileFailure {
	var kept []fileFailure
	for _, f := range in.failed {
		if f.file < p.File {
			kept = append(kept, f)
		}
	}
	return kept
}
