package receive

import (
	"slices"
	"time"

	"github.com/mqha/mqha/internal/core/stream"
)

// manifestStep accepts the manifest: synced, renamed, read and checked; then its directories are
// made and synced, and a checkpoint without files says that the first file comes next.
func (t *Transfer) manifestStep(e Event, buf []Action) []Action {
	if t.phase != Loading {
		return buf
	}
	c := &t.check
	switch e.Kind {
	case Synced:
		if e.Failed {
			return t.refuse(buf)
		}
		c.stage = loading
		return append(buf, Action{Kind: Rename, File: 0, Dir: ManifestDir})
	case Renamed:
		if e.Failed {
			return t.refuse(buf)
		}
		return append(buf, Action{Kind: SyncDir, Dir: ManifestDir})
	case DirSynced:
		if e.Dir == ManifestDir {
			return append(buf, Action{Kind: Load})
		}
		t.left--
		return t.dirsDone(buf)
	case Loaded:
		if e.Failed {
			return t.refuse(buf)
		}
		t.last, t.dirs = e.Last, e.Dirs
		return t.makeDirs(buf)
	case DirMade:
		t.left--
		if t.left == 0 {
			return t.syncDirs(buf)
		}
	}
	return buf
}

// makeDirs makes every directory. One that cannot be made fails the files in it, not the transfer.
func (t *Transfer) makeDirs(buf []Action) []Action {
	if t.dirs == 0 {
		return t.syncDirs(buf)
	}
	t.left = int(t.dirs)
	for d := uint32(1); d <= t.dirs; d++ {
		buf = append(buf, Action{Kind: MakeDir, Dir: d})
	}
	return buf
}

func (t *Transfer) syncDirs(buf []Action) []Action {
	t.left = int(t.dirs) + 1
	for d := uint32(0); d <= t.dirs; d++ {
		buf = append(buf, Action{Kind: SyncDir, Dir: d})
	}
	return buf
}

func (t *Transfer) dirsDone(buf []Action) []Action {
	if t.left > 0 {
		return buf
	}
	t.check = checkpoint{stage: loading, durable: stream.Pos{File: 1}}
	return t.writeCheckpoint(buf)
}

func (t *Transfer) accepted(buf []Action) []Action {
	t.phase = Taking
	t.undurable, t.since = 0, time.Time{}
	return t.finish(buf)
}

// refuse gives the whole transfer up: without a manifest there are no files.
func (t *Transfer) refuse(buf []Action) []Action {
	if t.phase >= Ending {
		return buf
	}
	t.check = checkpoint{}
	return t.end(stream.Refused, append(buf, Action{Kind: Abandon, File: 0}))
}

// listed puts in order what an earlier epoch left: parts of committed files get this epoch's name
// and then their own, the part of the unfinished file goes on, and so do those of which the tail log has
// bytes; the rest is of no use because the sender will send it again. The first part of a file in the list is the one of the newest
// epoch.
func (t *Transfer) listed(now time.Time, parts []Part, buf []Action) []Action {
	if t.check.stage == listing {
		return t.sweep(parts, buf)
	}
	if t.phase != Repairing {
		return buf
	}
	if !t.looked && t.misses(parts) {
		t.looked = true
		return append(buf, Action{Kind: List})
	}
	t.keepNoted(parts)
	kept := make(map[uint32]bool)
	for _, p := range parts {
		if t.wanted(p) && !kept[p.File] {
			kept[p.File] = true
			t.left++
			t.enter(p.Dir)
			buf = append(buf, Action{Kind: TakeOver, File: p.File, Dir: p.Dir, Name: p.Name})
			continue
		}
		buf = append(buf, Action{Kind: RemovePart, Dir: p.Dir, Name: p.Name})
	}
	return t.takenOver(now, buf)
}

// wanted says that a part is that of a committed file, of the unfinished one, or of one that the tail log
// speaks of.
func (t *Transfer) wanted(p Part) bool {
	return !p.Stale && (t.isCommitted(p.File) || p.File == t.durable.File && t.durable.Offset > 0 || t.isNoted(p.File))
}

// misses says that a committed file has no part in the list. It may have been delivered. Or a stopped
// holder woke and gave the part its own epoch's name while the directory was read, which may then
// have shown neither name (readdir(3)); it makes one late call, so a second look finds the part.
func (t *Transfer) misses(parts []Part) bool {
	for _, f := range t.check.files {
		if !slices.ContainsFunc(parts, func(p Part) bool { return p.File == f.Index && t.wanted(p) }) {
			return true
		}
	}
	return false
}

// takenOver goes on once every part has this epoch's name. No file may be given its own name
// before: its part would be missed under the new name, and count as delivered. For the same reason
// a part that was gone when its turn came is looked for again: a stopped holder that woke may have
// given it the name of its own epoch, or have delivered it.
func (t *Transfer) takenOver(now time.Time, buf []Action) []Action {
	if t.phase != Repairing || t.left > 0 {
		return buf
	}
	if t.slipped {
		t.slipped = false
		return append(buf, Action{Kind: List})
	}
	if len(t.check.files) == 0 {
		return t.resume(buf)
	}
	return t.rename(now, buf)
}

func (t *Transfer) isCommitted(file uint32) bool {
	for _, f := range t.check.files {
		if f.Index == file {
			return true
		}
	}
	return false
}

// resume goes on with the unfinished file, if there is one.
func (t *Transfer) resume(buf []Action) []Action {
	if t.durable.Offset > 0 {
		return append(buf, Action{Kind: Reopen, File: t.durable.File, Pos: t.durable})
	}
	return t.recheck(buf)
}

// reopened begins the unfinished file anew when its part is not there or cannot be trusted. One that
// is there has the name that the new part gets. The journal must say so first: otherwise the next
// epoch would take the new part, which has that length before its bytes are synced, for the old one.
func (t *Transfer) reopened(e Event, buf []Action) []Action {
	if t.phase != Repairing {
		return buf
	}
	if !e.Failed {
		t.created = true
		return t.recheck(buf)
	}
	buf = t.dropNoted(append(buf, Action{Kind: Abandon, File: t.pos.File}))
	if t.pos.Offset == 0 { // the journal speaks of no byte of it
		return t.ready(buf)
	}
	t.durable.Offset = 0
	t.pos, t.written, t.check.durable = t.durable, t.durable, t.durable
	return t.writeCheckpoint(buf)
}

func (t *Transfer) ready(buf []Action) []Action {
	t.phase = Taking
	if t.asked {
		return t.reply(buf)
	}
	return t.nudge(buf)
}
