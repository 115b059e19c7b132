package receive

import (
	"slices"
	"time"

	"github.com/mqha/mqha/internal/core/stream"
)

// stage is how far a checkpoint is. One runs at a time, while the next frames arrive.
type stage uint8

const (
	idle       stage = iota
	syncing          // the parts are given their metadata and synced, and so are their directories
	committing       // the COMMIT record is made durable
	renaming         // the files get their names
	dirSyncing       // the directories are synced
	closing          // the DONE record is written
	removing         // parts whose name was taken are removed
	loading          // not a checkpoint of files: the manifest is being accepted
	listing          // all is delivered: the last look for parts
	sweeping         // the directories are synced, so that no removed part comes back
)

type checkpoint struct {
	stage   stage
	files   []File
	clashed []File // could not be given their names
	dirs    []uint32
	left    int
	bytes   int64
	durable stream.Pos
}

func (t *Transfer) maybeCheckpoint(now time.Time, buf []Action) []Action {
	if t.cancel {
		return t.giveUpAll(buf)
	}
	if !t.accepting() || t.check.stage != idle {
		return buf
	}
	atEnd := t.written.File > t.last && t.writes == 0
	if !t.fresh() {
		if atEnd {
			return t.complete(buf)
		}
		return buf
	}
	due := atEnd || t.draining || t.undurable >= t.cfg.CheckpointBytes ||
		len(t.pending) >= t.cfg.CheckpointFiles || now.Sub(t.since) >= t.cfg.CheckpointInterval
	if !due {
		return buf
	}
	return t.startCheckpoint(buf)
}

// startCheckpoint takes all complete files and what has arrived of the unfinished one.
func (t *Transfer) startCheckpoint(buf []Action) []Action {
	t.check = checkpoint{stage: syncing, files: t.pending, bytes: t.undurable, durable: t.written}
	t.pending, t.undurable, t.since = nil, 0, time.Time{}
	for _, f := range t.check.files {
		t.check.left++
		buf = append(buf, Action{Kind: SetMeta, File: f.Index, Dir: f.Dir})
	}
	if t.check.durable.Offset > 0 {
		t.check.left++
		buf = append(buf, Action{Kind: Sync, File: t.check.durable.File, Unfinished: true})
	}
	for _, d := range t.entries {
		t.check.left++
		buf = append(buf, Action{Kind: SyncDir, Dir: d})
	}
	t.entries = nil
	return t.syncedAll(buf)
}

// enter notes that the entries of parts in a directory have changed. They must be durable before
// COMMIT is: syncing a file does not sync its entry (fsync(2)), and a committed file whose part is
// gone counts as delivered.
func (t *Transfer) enter(dir uint32) {
	if !slices.Contains(t.entries, dir) {
		t.entries = append(t.entries, dir)
	}
}

// complete says the last word when nothing is left behind: the look comes after every removal that
// was asked for before, and a removal that is not synced is undone by a loss of power, after which
// nobody would look again.
func (t *Transfer) complete(buf []Action) []Action {
	if !t.removed {
		return t.end(t.lastWord(), buf)
	}
	t.check.stage = listing
	return append(buf, Action{Kind: List})
}

func (t *Transfer) sweep(parts []Part, buf []Action) []Action {
	for _, p := range parts {
		buf = append(buf, Action{Kind: RemovePart, Dir: p.Dir, Name: p.Name})
	}
	if len(parts) > 0 && t.check.left == 0 {
		t.check.left = 1 // look once more, but not for ever: some may not be removable
		return append(buf, Action{Kind: List})
	}
	t.check.stage, t.check.left = sweeping, int(t.dirs)+1
	for d := uint32(0); d <= t.dirs; d++ {
		buf = append(buf, Action{Kind: SyncDir, Dir: d})
	}
	return buf
}

func (t *Transfer) checkpointStep(now time.Time, e Event, buf []Action) []Action {
	if t.check.stage == idle && e.File == 0 && t.phase == Loading || t.check.stage == loading {
		return t.manifestStep(e, buf)
	}
	c := &t.check
	switch e.Kind {
	case MetaSet:
		if !e.Failed {
			return append(buf, Action{Kind: Sync, File: e.File})
		}
		c.left--
		buf = t.checkpointFailed(e.File, buf)
		return t.syncedAll(buf)
	case Synced:
		c.left--
		if e.Failed {
			buf = t.checkpointFailed(e.File, buf)
		}
		return t.syncedAll(buf)
	case Renamed:
		c.left--
		t.renamed(e)
		return t.renamedAll(now, buf)
	case DirSynced:
		c.left--
		switch c.stage {
		case syncing:
			return t.syncedAll(buf)
		case sweeping:
			if c.left > 0 {
				return buf
			}
			t.check, t.removed = checkpoint{}, false
			return t.end(t.lastWord(), buf)
		}
		return t.dirsSynced(now, buf)
	case Removed:
		c.left--
		if c.left == 0 {
			return t.finish(buf)
		}
	}
	return buf
}

// checkpointFailed drops a file whose bytes could not be made durable. It is never synced again:
// after a failed fsync the page cache says nothing about the disk.
func (t *Transfer) checkpointFailed(file uint32, buf []Action) []Action {
	c := &t.check
	if c.durable.File == file {
		c.durable.Offset = 0
	}
	before := len(c.files)
	c.files = without(c.files, file)
	if len(c.files) < before {
		t.removed = true
		return append(buf, Action{Kind: Abandon, File: file})
	}
	return t.fileFailed(file, buf)
}

func (t *Transfer) syncedAll(buf []Action) []Action {
	if t.check.left > 0 || t.phase != Taking {
		return buf
	}
	t.check.stage = committing
	return t.writeCheckpoint(buf)
}

func (t *Transfer) writeCheckpoint(buf []Action) []Action {
	t.record = checkpointRecord
	return append(buf, Action{Kind: WriteCheckpoint, Checkpoint: Checkpoint{Files: t.check.files, Durable: t.check.durable}})
}

// rename gives the committed files their names; also after a restart, where a part that is gone
// means that the last epoch came so far.
func (t *Transfer) rename(now time.Time, buf []Action) []Action {
	c := &t.check
	c.stage, c.left = renaming, len(c.files)
	for _, f := range c.files {
		buf = append(buf, Action{Kind: Rename, File: f.Index, Dir: f.Dir})
	}
	return t.renamedAll(now, buf)
}

func (t *Transfer) renamed(e Event) {
	c := &t.check
	for _, f := range c.files {
		if f.Index != e.File {
			continue
		}
		if e.Failed {
			c.clashed = append(c.clashed, f)
		} else if !slices.Contains(c.dirs, f.Dir) {
			c.dirs = append(c.dirs, f.Dir)
		}
	}
}

func (t *Transfer) renamedAll(now time.Time, buf []Action) []Action {
	c := &t.check
	if c.left > 0 {
		return buf
	}
	c.stage, c.left = dirSyncing, len(c.dirs)
	for _, d := range c.dirs {
		buf = append(buf, Action{Kind: SyncDir, Dir: d})
	}
	return t.dirsSynced(now, buf)
}

func (t *Transfer) dirsSynced(now time.Time, buf []Action) []Action {
	c := &t.check
	if c.left > 0 {
		return buf
	}
	if len(c.files) == 0 {
		return t.finish(buf)
	}
	c.stage = closing
	t.record = doneRecord
	return append(buf, Action{Kind: WriteDone})
}

// recordWritten goes on after a journal record was written. Only a DONE record without a clash
// needs no sync of its own: if it is lost, the renames it speaks of are found done.
func (t *Transfer) recordWritten(buf []Action) []Action {
	if t.record == doneRecord && len(t.check.clashed) == 0 {
		t.record = noRecord
		return t.finish(buf)
	}
	return append(buf, Action{Kind: SyncRecord})
}

func (t *Transfer) recordSynced(now time.Time, buf []Action) []Action {
	r := t.record
	t.record = noRecord
	switch r {
	case openRecord:
		t.phase = Taking
		return t.settled(t.reply(buf))
	case checkpointRecord:
		t.durable = t.check.durable
		switch t.phase {
		case Loading:
			return t.accepted(buf)
		case Repairing:
			t.check = checkpoint{}
			return t.ready(buf)
		}
		return t.rename(now, buf)
	case doneRecord:
		// A part may go only when the journal says that it failed: a part that is gone after
		// COMMIT counts as delivered.
		c := &t.check
		c.stage, c.left = removing, len(c.clashed)
		t.removed = true
		for _, f := range c.clashed {
			buf = append(buf, Action{Kind: Remove, File: f.Index})
		}
		return buf
	case endRecord:
		t.phase = Over
		t.asked = false
		return append(buf, Action{Kind: SendEnd, Answer: t.answer})
	case forgetRecord:
		// The confirmation is settled only now: it is not sent twice, and without it the last word
		// would be kept for ever.
		t.phase = Gone
		return t.settled(append(buf, Action{Kind: Forgotten}))
	}
	return buf
}

// finish ends a checkpoint.
func (t *Transfer) finish(buf []Action) []Action {
	t.check = checkpoint{}
	if t.phase == Repairing {
		return t.resume(buf)
	}
	buf = append(buf, Action{Kind: Progressed, Durable: t.durable})
	return t.ack(true, buf)
}
