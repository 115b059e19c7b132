// Package remove decides how the sources of a transfer that moves files are deleted, one after the other.
// It sees numbers of files and directories, never names or bytes; the shell in package transfer does the
// I/O.
//
// A file goes through these steps, and only what has come to the end of them is unlinked:
//
//	DELETING in the journal, synced -> looked at -> renamed aside -> looked at again -> unlinked
//
// Aside is a private directory in the directory of the source; the names in it carry the epoch. A name
// that a producer uses is therefore never unlinked, whatever it has come to mean since it was looked at:
// what the second look does not know is put back, replacing nothing.
//
// A private directory is removed before the journal says that its files are done. That is the fence: the
// rename of a stopped holder that wakes finds no directory to go to, or what it has taken lies in a
// directory that cannot be removed while it is not empty, and is put back.
package remove

import "slices"

// Config is what a Removal begins with.
type Config struct {
	Dirs  []uint32        // Dirs[i] is the directory of the source of file i+1
	Stay  map[uint32]bool // files that did not arrive
	Batch uint32          // files of one record in the journal
	First uint32          // the files before it are done; 0 is 1
	Last  uint32          // up to it an earlier instance may have begun; 0: none has
}

// EventKind says what has come of the last action.
type EventKind uint8

// The events. Each answers one action.
const (
	Written EventKind = iota + 1 // a journal record is written
	Synced                       // and durable
	Looked                       // Found
	Listed                       // Entries, Failed
	Renamed                      // of SetAside: Failed, Missing (the source, or the private directory)
	Done                         // of the others: Failed; of Unlink also Missing
)

// Finding is what a look has found under a name.
type Finding uint8

// The findings.
const (
	Unknown Finding = iota // it could not be looked at
	Same                   // what was sent
	Other                  // something else
	Missing                // nothing
)

// Entry is a file in a private directory.
type Entry struct {
	File  uint32
	Epoch uint64 // 0: this one
}

// Event is the answer to an action; which fields count depends on Kind.
type Event struct {
	Kind    EventKind
	Found   Finding
	Failed  bool
	Missing bool
	Entries []Entry
}

// ActionKind says what is to be done.
type ActionKind uint8

// The actions. Each is one I/O operation, but Leave and Finished, which have no answer.
const (
	WriteDeleting ActionKind = iota + 1 // journal: the sources First to Last are about to be deleted; Written
	WriteDeleted                        // journal: all is done; Written
	Sync                                // fsync the journal; Synced
	Look                                // hold the source of File against what was sent; Looked
	LookAside                           // the same with Entry in the private directory of Dir; Looked
	MakeAside                           // make the private directory of Dir; Done
	SetAside                            // rename the source of File into it, replacing nothing; Renamed
	PutBack                             // rename Entry back, replacing nothing; Done
	Unlink                              // unlink Entry; Done
	ListAside                           // list the private directory of Dir; Listed
	RemoveAside                         // remove the private directory of Dir; Done; one that is not there is removed
	SyncDir                             // fsync Dir; Done
	Leave                               // tell that the source of File stays, for the reason of the last answer
	LeaveAside                          // tell that the private directory of Dir stays
	Finished                            // nothing is left to do
)

// Action is one thing to do.
type Action struct {
	Kind  ActionKind
	File  uint32
	Dir   uint32
	Entry Entry
	First uint32
	Last  uint32
}

// rounds is how often a private directory is emptied, or a source set aside, that is never as it was left.
const rounds = 3

// Removal deletes the sources of one transfer. One action at a time is outstanding.
type Removal struct {
	cfg         Config
	first, last uint32
	last1       Action // the outstanding action
	paused      bool
	busy        bool

	file    uint32          // the one that is being deleted
	tries   int             // to set it aside
	doubt   bool            // nobody knows whether it was
	made    map[uint32]bool // private directories of this batch; false: perhaps not there any more
	settled map[uint32]bool // files of this batch about which nothing more is to be said
	told    map[uint32]bool // private directories of this batch of which it was told that they stay
	gone    []uint32        // files of this batch that were unlinked

	dirs    []uint32 // private directories of this batch that are looked through
	round   int
	entries []Entry // in the directory, still to be looked at
	stuck   map[Entry]bool
	starts  bool // the sweep is that at the beginning of a batch
	sweeps  bool // that at its end
	again   bool // the look is at what was to be unlinked, and was missing
}

// New makes a Removal. Begin starts it.
func New(cfg Config) *Removal {
	return &Removal{cfg: cfg, first: max(1, cfg.First), last: cfg.Last, stuck: map[Entry]bool{}}
}

// Begin gives the first action.
func (r *Removal) Begin(buf []Action) []Action {
	if r.last >= r.first { // the record of the earlier instance is durable
		r.newBatch()
		r.starts, r.dirs = true, r.dirsOfBatch()
		return r.sweep(buf)
	}
	return r.nextBatch(buf)
}

// Pause ends the work after the file that is being deleted. The next instance goes on.
func (r *Removal) Pause() { r.paused = true }

// Busy says that an action is outstanding.
func (r *Removal) Busy() bool { return r.busy }

// Step takes the answer to the outstanding action and appends what is to be done to buf.
func (r *Removal) Step(e Event, buf []Action) []Action {
	a := r.last1
	r.busy = false
	switch a.Kind {
	case WriteDeleting, WriteDeleted:
		return r.do(Action{Kind: Sync, First: a.First}, buf)
	case Sync:
		if a.First == 0 {
			return append(buf, Action{Kind: Finished})
		}
		r.newBatch()
		return r.nextFile(buf)
	case Look:
		return r.looked(e, buf)
	case MakeAside:
		r.made[a.Dir] = !e.Failed
		if e.Failed {
			return r.nextFile(r.leave(a.File, buf))
		}
		return r.do(Action{Kind: SetAside, File: a.File, Dir: a.Dir}, buf)
	case SetAside:
		return r.setAside(e, buf)
	case LookAside:
		return r.lookedAside(e, buf)
	case Unlink:
		return r.unlinked(e, buf)
	case PutBack:
		return r.putBack(e, buf)
	default:
		return r.swept(e, buf)
	}
}

func (r *Removal) do(a Action, buf []Action) []Action {
	r.last1, r.busy = a, true
	return append(buf, a)
}

func (r *Removal) newBatch() {
	r.made, r.settled, r.told = map[uint32]bool{}, map[uint32]bool{}, map[uint32]bool{}
	r.gone, r.sweeps = nil, false
	r.file = r.first - 1
}

func (r *Removal) nextBatch(buf []Action) []Action {
	files := uint32(len(r.cfg.Dirs))
	if r.first > files {
		return r.do(Action{Kind: WriteDeleted}, buf)
	}
	r.last = min(files, r.first+r.cfg.Batch-1)
	return r.do(Action{Kind: WriteDeleting, First: r.first, Last: r.last}, buf)
}

// nextFile looks at the next source, or ends the batch.
func (r *Removal) nextFile(buf []Action) []Action {
	if r.paused {
		return buf
	}
	for r.file++; r.file <= r.last; r.file++ {
		if !r.cfg.Stay[r.file] && !r.settled[r.file] {
			r.tries, r.doubt = 0, false
			return r.look(buf)
		}
	}
	r.sweeps = true
	r.dirs = r.dirs[:0]
	for _, d := range r.dirsOfBatch() {
		if _, tried := r.made[d]; tried { // also one of which the answer was no
			r.dirs = append(r.dirs, d)
		}
	}
	return r.sweep(buf)
}

func (r *Removal) look(buf []Action) []Action {
	return r.do(Action{Kind: Look, File: r.file, Dir: r.dir(r.file)}, buf)
}

func (r *Removal) dir(file uint32) uint32 { return r.cfg.Dirs[file-1] }

func (r *Removal) dirsOfBatch() []uint32 {
	dirs := slices.Clone(r.cfg.Dirs[r.first-1 : r.last])
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// leave tells, once a file, that its source stays.
func (r *Removal) leave(file uint32, buf []Action) []Action {
	if r.settled[file] || r.cfg.Stay[file] || file < r.first {
		return buf
	}
	r.settled[file] = true
	return append(buf, Action{Kind: Leave, File: file})
}

// looked decides by the first look. A source that is not there was deleted, here or by somebody else.
func (r *Removal) looked(e Event, buf []Action) []Action {
	if r.again {
		r.again = false
		if e.Found == Same || e.Found == Unknown {
			buf = r.leave(r.last1.File, buf)
		}
		return r.nextEntry(buf)
	}
	d := r.dir(r.file)
	switch {
	case e.Found == Missing:
		return r.nextFile(buf)
	case e.Found != Same || r.tries >= rounds:
		return r.nextFile(r.leave(r.file, buf))
	case !r.made[d]:
		return r.do(Action{Kind: MakeAside, File: r.file, Dir: d}, buf)
	}
	return r.do(Action{Kind: SetAside, File: r.file, Dir: d}, buf)
}

// setAside looks under the new name whatever the answer was: a network file system can lose it. What was
// missing is the source, or the private directory, which a stopped holder may have removed late.
func (r *Removal) setAside(e Event, buf []Action) []Action {
	if e.Missing {
		r.tries++
		r.made[r.dir(r.file)] = false
		return r.look(buf)
	}
	r.doubt = e.Failed
	r.made[r.dir(r.file)] = true
	return r.do(Action{Kind: LookAside, File: r.file, Dir: r.dir(r.file), Entry: Entry{File: r.file}}, buf)
}

func (r *Removal) lookedAside(e Event, buf []Action) []Action {
	a := r.last1
	switch e.Found {
	case Same:
		return r.do(Action{Kind: Unlink, Dir: a.Dir, Entry: a.Entry}, buf)
	case Missing:
		if r.doubt {
			buf = r.leave(a.File, buf)
		}
		return r.nextEntry(buf)
	}
	return r.do(Action{Kind: PutBack, Dir: a.Dir, Entry: a.Entry}, buf)
}

// unlinked looks at the source once more when the entry was missing: a stopped holder may have put it back late.
func (r *Removal) unlinked(e Event, buf []Action) []Action {
	a := r.last1
	switch {
	case e.Missing && !r.starts:
		r.again = true
		return r.do(Action{Kind: Look, File: a.Entry.File, Dir: a.Dir}, buf)
	case e.Missing: // its turn comes
		return r.nextEntry(buf)
	case e.Failed:
		return r.do(Action{Kind: PutBack, Dir: a.Dir, Entry: a.Entry}, buf)
	}
	r.settled[a.Entry.File] = true
	r.gone = append(r.gone, a.Entry.File)
	return r.nextEntry(buf)
}

// putBack tells that a file stays. One that could not be put back, because a producer has used its name
// again, stays where it is.
func (r *Removal) putBack(e Event, buf []Action) []Action {
	a := r.last1
	if e.Failed {
		r.stuck[a.Entry] = true
	}
	return r.nextEntry(r.leave(a.Entry.File, buf))
}
