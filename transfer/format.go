package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mqha/mqha/internal/vfs"
)

// The formats of the journal. A release reads those up to its NewestFormat, refuses later ones, and goes on in
// the one that it finds until Finalise: an earlier release would pass over what it does not know, and drop it when
// it writes the journal anew.
//
// A field of a record, and a new value of one such as a Digest, begins with a format of its own, which
// record.format tells. Lists of sources are written once and never anew, so that what an earlier release does not
// know of them is still there for a later one. The files testdata/format<n>.fields list all of it, and
// testdata/format<n>.journal has each of them at least once; neither is ever changed.
const (
	firstFormat = 1
	// NewestFormat is the newest format of the journal that this release knows.
	NewestFormat = 2
)

// format is the first format with a place for all that r says:
//
//	1  transfers that leave their sources
//	2  those that delete them: deleting, out.moving
func (r *record) format() int {
	switch {
	case r.Deleting != nil, r.Out != nil && r.Out.Moving != nil:
		return 2
	case r.Out != nil:
		return max(firstFormat, r.Out.Digest.format())
	case r.In != nil:
		return max(firstFormat, r.In.Digest.format())
	}
	return firstFormat
}

// placeFor refuses what the journal has no place for in its format.
func (e *Engine) placeFor(r *record, what string) error {
	if needed, written := r.format(), e.Format(); needed > written {
		return &FormatError{What: what, Needed: needed, Written: written}
	}
	return nil
}

// Format is the format that the journal is written in, at most NewestFormat: that of the journal which Open found,
// until Finalise. A state directory without a journal begins with Options.FirstFormat.
func (e *Engine) Format() int { return int(e.format.Load()) }

// Finalise ends the time in which an earlier release can take over: the journal is written anew in NewestFormat,
// and when Finalise returns that is durable. Before, see to it that no instance of an earlier release is left;
// one that comes afterwards refuses the state directory and changes nothing there. It cannot be taken back.
// Again, it does nothing.
//
// Errors: where there is no room for another journal, that of the file system, and the engine goes on as before;
// those of Run and of ctx, and then the next engine goes on in one format or the other.
func (e *Engine) Finalise(ctx context.Context) error {
	durable, refused := make(chan struct{}), make(chan error, 1)
	if err := e.call(ctx, func() { e.finalise(durable, refused) }); err != nil {
		return err
	}
	select {
	case err := <-refused:
		return err
	case <-durable:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.bad:
		return e.failure()
	}
}

// finalise closes durable when the journal is in the newest format, or tells why it stays in its own.
func (e *Engine) finalise(durable chan struct{}, refused chan error) {
	before := e.Format()
	if before == NewestFormat {
		close(durable)
		return
	}
	e.scribe.add(journalOp{rotate: true, format: NewestFormat, snapshot: e.state.snapshot(), refused: refused, complete: func(time.Time) {
		if e.format.Swap(NewestFormat) != NewestFormat { // else another call was faster
			e.tell(Event{Kind: EventFinalised, Reason: fmt.Sprintf("the journal is written in format %d; releases that know formats up to %d cannot take over any more", NewestFormat, before)})
		}
		close(durable)
	}})
}

// raise goes on in a new file of a format that is not lower. Where there is no room for one, and its name
// is not there, the old one is still the newest: errNoRoom, and the journal is as before.
func (j *journal) raise(snapshot []record, format int) error {
	entries, err := appendEntries(snapshot)
	if err != nil {
		return err
	}
	old := *j
	j.format = max(j.format, format)
	if err = j.rotate(entries); err == nil || !isFull(err) {
		return err
	}
	if _, statErr := j.dir.Lstat(j.name.String()); !vfs.Missing(statErr) {
		return err
	}
	*j = old
	j.tried = j.size
	return fmt.Errorf("%w in format %d: %w", errNoRoom, old.format, err)
}

var errNoRoom = errors.New("transfer: no room to write the journal anew, it goes on")
