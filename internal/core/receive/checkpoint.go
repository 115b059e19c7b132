package receive

import (
	"time"

	"github.com/mqha/mqha/internal/core/stream"
)

// stage is how far a checkpoint is. One runs at a time, while the next frames arrive.
type stage uint8

const (
	idle       stage = iota
	syncing          // the parts are given their metadata and synced
	committing       // the COMMIT record is made durable
	renaming         // the files get their names
	dirSyncing       // the directories are synced
	closing          // the DONE record is written
	removing         // parts whose name was taken are removed
	loading          // not a checkpoint of files: the manifest is being accepted
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
	if t.phase != Taking || t.check.stage != idle || t.pos.File == 0 {
		return buf
	}
	atEnd := t.written.File > t.last && t.writes == 0
	if !t.fresh() {
		if atEnd {
			return t.end(stream.Completed, buf)
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
	if t.partial() {
		t.check.left++
		buf = append(buf, Action{Kind: Sync, File: t.written.File})
	}
	return t.syncedAll(buf)
}

// partial says that the durable position of this checkpoint lies inside a file.
func (t *Transfer) partial() bool {
	return t.check.durable.Offset > 0 && !(t.failed && t.pos.File == t.check.durable.File)
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
		} else if !contains(c.dirs, f.Dir) {
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
	switch {
	case t.record == doneRecord && len(t.check.clashed) == 0:
		t.record = noRecord
		return t.finish(buf)
	case t.record == forgetRecord:
		t.record = noRecord
		t.phase = Gone
		return t.settled(append(buf, Action{Kind: Forgotten}))
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
		if t.phase == Loading {
			return t.accepted(buf)
		}
		return t.rename(now, buf)
	case doneRecord:
		// A part may go only when the journal says that it failed: a part that is gone after
		// COMMIT counts as delivered.
		c := &t.check
		c.stage, c.left = removing, len(c.clashed)
		for _, f := range c.clashed {
			buf = append(buf, Action{Kind: Remove, File: f.Index})
		}
		return buf
	case endRecord:
		t.phase = Over
		t.asked = false
		return append(buf, Action{Kind: SendEnd, Answer: t.answer})
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

func contains(dirs []uint32, dir uint32) bool {
	for _, d := range dirs {
		if d == dir {
			return true
		}
	}
	return false
}
