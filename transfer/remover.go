package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/mqha/mqha/internal/core/remove"
	"github.com/mqha/mqha/internal/vfs"
)

// remover deletes the sources of one transfer that has completed, on a lane of its own: their disk may hang.
type remover struct {
	e      *Engine
	o      *outgoing
	rec    outRecord // as it was when the remover began
	list   *manifest // nil: it cannot be read
	files  []manifestFile
	core   *remove.Removal // nil until the sources are loaded
	lane   *lane[remove.Action]
	buf    []remove.Action
	reason string // of the last answer
	left   int    // not yet in the journal
	first  []FileFailure

	// written before the core is made, read only since
	sources []source
	dirs    []sourceDir

	trees map[string]*tree // of the lane
}

// sourceDir is a directory that sources lie in.
type sourceDir struct {
	source
	path string
}

// deletingFiles is how many sources are deleted under one record of the journal. A crash makes the next
// instance look at so many again.
const deletingFiles = 256

// loadSources is the first thing that the lane does. The zero Action stands for it.
var loadSources = remove.Action{}

// startRemoval begins, or goes on, to delete the sources of a completed transfer.
func (e *Engine) startRemoval(o *outgoing) {
	if e.draining {
		return
	}
	o.away = time.Time{}
	r := &remover{e: e, o: o, rec: *o.rec, trees: map[string]*tree{}}
	if o.layout != nil {
		r.list, r.files = o.layout.manifest, o.layout.manifest.Files
	}
	o.remover = r
	r.lane = newLane(r.run)
	r.lane.add(loadSources)
}

// run carries out what the core wants, one action at a time.
func (r *remover) run(ops []remove.Action) {
	for _, a := range ops {
		if r.e.failure() != nil {
			return
		}
		if a == loadSources {
			err := r.load()
			r.e.done.call(func(time.Time) { r.loaded(err) })
			continue
		}
		ev, err := r.perform(a)
		if err != nil && r.e.fence.Err() != nil {
			r.e.fail(err)
			return
		}
		r.e.done.call(func(time.Time) { r.step(ev, err) })
	}
}

func (r *remover) load() error {
	b, err := r.e.dir.ReadFile(r.rec.sourcesName())
	if err == nil {
		err = json.Unmarshal(b, &r.sources)
	}
	if err == nil && (r.list == nil || len(r.sources) != r.rec.Files || len(r.files) != r.rec.Files) {
		err = errors.New("it is damaged")
	}
	return err
}

// loaded begins, unless nothing may be deleted because it is not known what arrived or from where it was sent.
func (r *remover) loaded(err error) {
	if err != nil {
		r.leaveAll("the list of sources cannot be read: " + plainError(err).Error())
		return
	}
	stay, all := r.rec.Moving.stay(r.list)
	if all {
		r.leaveAll("the receiver does not name all the files that it could not deliver")
		return
	}
	dirs := make([]uint32, len(r.sources))
	known := map[source]uint32{}
	for i, s := range r.sources {
		d := source{Root: s.Root, Index: s.Index, RootID: s.RootID, Path: path.Dir(s.Path)}
		n, ok := known[d]
		if !ok {
			n = uint32(len(r.dirs))
			known[d] = n
			r.dirs = append(r.dirs, sourceDir{d, path.Join(d.Path, asideDir(r.rec.ID))})
		}
		dirs[i] = n
	}
	r.core = remove.New(remove.Config{Dirs: dirs, Stay: staySources(stay, r.sources, r.files), Batch: deletingFiles, First: r.rec.Moving.First, Last: r.rec.Moving.Last})
	r.buf = r.core.Begin(r.buf[:0])
	r.do()
}

// leaveAll ends a removal that may not begin.
func (r *remover) leaveAll(reason string) {
	first := max(1, r.rec.Moving.First)
	if n := int(int64(r.rec.Files) - int64(first) + 1); r.list == nil && n > 0 {
		r.leave("", reason)
		r.left = n
	}
	for i := int(first) - 1; i < len(r.files); i++ {
		if r.left < maxFailures {
			r.leave(r.nameOf(uint32(i)+1), reason)
			continue
		}
		r.left++
	}
	r.e.record(record{Deleting: r.result(0, 0)}, nil)
	r.e.syncJournal(func(time.Time) { r.e.endedOut(r.o) })
}

func (r *remover) step(ev remove.Event, err error) {
	if err != nil {
		r.reason = plainError(err).Error()
	}
	r.buf = r.core.Step(ev, r.buf[:0])
	r.do()
}

func (r *remover) do() {
	for _, a := range r.buf {
		switch a.Kind {
		case remove.WriteDeleting, remove.WriteDeleted:
			r.e.record(record{Deleting: r.result(a.First, a.Last)}, func(time.Time) { r.step(remove.Event{Kind: remove.Written}, nil) })
		case remove.Sync:
			r.e.syncJournal(func(time.Time) { r.step(remove.Event{Kind: remove.Synced}, nil) })
		case remove.Leave:
			r.leave(r.nameOf(a.File), r.reason)
		case remove.LeaveAside:
			r.leave(r.dirs[a.Dir].path, r.reason)
		case remove.Finished:
			r.e.endedOut(r.o)
		default:
			r.lane.add(a)
		}
	}
}

// result is the record with what has come of the files so far.
func (r *remover) result(first, last uint32) *deletingRecord {
	d := &deletingRecord{ID: r.rec.ID, First: first, Last: last, Left: r.left, LeftFiles: r.first}
	r.left, r.first = 0, nil
	return d
}

func (r *remover) leave(name, reason string) {
	r.left++
	if len(r.first) < maxFailures {
		r.first = append(r.first, FileFailure{Name: name, Reason: reason})
	}
	r.e.emit(r.o, EventLeft, name, reason)
}

// nameOf is the path of a source below its root, or, when that is not known, the name that it has at the
// receiver.
func (r *remover) nameOf(file uint32) string {
	if len(r.sources) == len(r.files) {
		return r.sources[file-1].Path
	}
	return r.files[file-1].Name
}

// perform is one operation on the disk of the sources.
func (r *remover) perform(a remove.Action) (remove.Event, error) {
	d := &r.dirs[a.Dir]
	t, err := r.treeOf(&d.source)
	aside := path.Join(d.path, asideName(a.Entry, r.e.epoch))
	switch a.Kind {
	case remove.Look:
		return r.look(t, err, a.File, r.sources[a.File-1].Path)
	case remove.LookAside:
		return r.look(t, err, a.Entry.File, aside)
	case remove.ListAside:
		var names []string
		if err == nil {
			names, err = t.names(d.path)
		}
		return r.listed(names, err), err
	case remove.SetAside:
		if err == nil {
			aside = path.Join(d.path, asideName(remove.Entry{File: a.File}, r.e.epoch))
			err = t.setAside(r.sources[a.File-1].Path, aside)
		}
		return remove.Event{Kind: remove.Renamed, Failed: err != nil, Missing: vfs.Missing(err)}, err
	}
	if err == nil {
		err = r.change(t, a, d, aside)
	}
	return remove.Event{Kind: remove.Done, Failed: err != nil, Missing: vfs.Missing(err)}, err
}

func (r *remover) change(t *tree, a remove.Action, d *sourceDir, aside string) error {
	switch a.Kind {
	case remove.MakeAside:
		return t.mkdir(d.path)
	case remove.PutBack:
		if err := t.putBack(aside, r.sources[a.Entry.File-1].Path); err != nil {
			return fmt.Errorf("it is not what was sent, and lies in %s now, because it could not be put back: %w", aside, plainError(err))
		}
		return nil
	case remove.Unlink:
		return t.unlink(aside)
	case remove.RemoveAside:
		err := t.remove(d.path)
		if err != nil && t.gone(d.path) { // a file system that is read-only says so before it looks
			return nil
		}
		return err
	default: // remove.SyncDir
		err := t.syncDir(d.Path)
		if err != nil && t.gone(d.Path) {
			return nil
		}
		return err
	}
}

// errNotSent is why a file is not deleted that is there in place of what was sent.
var errNotSent = errors.New("it was changed since it was sent, or another file has its name")

func (r *remover) look(t *tree, err error, file uint32, name string) (remove.Event, error) {
	ev := remove.Event{Kind: remove.Looked}
	if err != nil {
		return ev, err
	}
	id, err := t.Identify(name)
	switch {
	case vfs.Missing(err):
		ev.Found = remove.Missing
	case err == nil && r.sources[file-1].is(id, &r.files[file-1]):
		ev.Found = remove.Same
	case err == nil:
		ev.Found, err = remove.Other, errNotSent
	}
	return ev, err
}

func (r *remover) listed(names []string, err error) remove.Event {
	ev := remove.Event{Kind: remove.Listed, Failed: err != nil}
	for _, n := range names {
		if entry, ok := parseAside(n, r.e.epoch); ok {
			ev.Entries = append(ev.Entries, entry)
		}
	}
	return ev
}

// treeOf opens the root that sources lie below, once.
func (r *remover) treeOf(s *source) (*tree, error) {
	dir, ok := s.rootOf(r.e.opt.ReadRoots)
	if !ok {
		return nil, errNoRoot
	}
	if t := r.trees[dir]; t != nil {
		return t, nil
	}
	t, err := openTree(r.e.mount, dir, r.e.fence)
	switch {
	case vfs.Missing(err):
		return nil, errElsewhere // the source is not missing with it
	case err != nil:
		return nil, err
	case s.elsewhere(t):
		t.Close()
		return nil, errElsewhere
	}
	r.trees[dir] = t
	return t, nil
}

// removeAll goes on with what earlier instances have not ended.
func (e *Engine) removeAll() {
	for _, o := range e.live {
		if o.rec.deletes() {
			e.startRemoval(o)
		}
	}
}

// layoutToDelete gives nil when the manifest cannot be read, such as after a release that knew no deletion has
// removed it: the files are delivered, and that is no reason to stop.
func (e *Engine) layoutToDelete(rec *outRecord) *layout {
	b, err := e.dir.ReadFile(rec.manifestName())
	m := new(manifest)
	if err != nil || json.Unmarshal(b, m) != nil {
		return nil
	}
	return newLayout(m)
}

func (o *outgoing) pauseRemoval() {
	if o.remover != nil && o.remover.core != nil {
		o.remover.core.Pause()
	}
}

// removes says that a call on the disk of the sources, or on the journal for it, is outstanding.
func (o *outgoing) removes() bool {
	return o.remover != nil && (o.remover.core == nil || o.remover.core.Busy())
}

// closeRemover ends the remover without waiting for it: a disk that hangs must not hold up the loop.
func (e *Engine) closeRemover(o *outgoing) {
	r := o.remover
	o.remover = nil
	if r == nil {
		return
	}
	e.readers.Go(func() {
		r.lane.close()
		for _, t := range r.trees {
			t.Close()
		}
	})
}
