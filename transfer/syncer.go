package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/mqha/mqha/internal/core/receive"
	"golang.org/x/sync/errgroup"
)

// syncers is how many syncs and renames run at the same time: a disk takes several for the price
// of one.
const syncers = 4

// syncOp is one operation of the sync lane, which runs them in any order.
type syncOp struct {
	in  *incoming
	act receive.Action
	fn  func() completion // anything else that may take time

	made layoutOf
	mode fs.FileMode
	time time.Time
}

// addSync hands an action to the sync lane with all that it has to know.
func (e *Engine) addSync(in *incoming, a receive.Action) {
	op := syncOp{in: in, act: a}
	switch a.Kind {
	case receive.SyncDir:
		t, dir, err := e.dirOf(in, a.Dir)
		if err != nil {
			e.fail(err)
			return
		}
		op.made = layoutOf{tree: t, final: dir}
	case receive.Sync: // of an open file: no names are needed, and making them takes long
		op.made.tree = e.treeOf(a.File)
	default:
		op.made = e.place(in, a.File)
	}
	if a.Kind == receive.SetMeta && a.File > 0 {
		f := &in.layout.manifest.Files[a.File-1]
		op.mode, op.time = fs.FileMode(f.Mode), f.modTime()
	}
	in.ops++
	e.syncer.add(op)
}

func (e *Engine) runSyncs(ops []syncOp) {
	if len(ops) == 1 {
		e.runSync(&ops[0])
		return
	}
	var g errgroup.Group // for its limit: an operation reports to the loop, not here
	g.SetLimit(syncers)
	for i := range ops {
		if e.failure() != nil {
			break
		}
		g.Go(func() error {
			e.runSync(&ops[i])
			return nil
		})
	}
	_ = g.Wait()
}

func (e *Engine) runSync(op *syncOp) {
	if op.fn != nil {
		if complete := op.fn(); complete != nil {
			e.done.call(complete)
		}
		return
	}
	in, a := op.in, op.act // the lane uses op again
	var ev receive.Event
	var err error
	switch a.Kind {
	case receive.SetMeta:
		ev.Kind, err = receive.MetaSet, e.setMeta(op)
	case receive.Sync:
		ev.Kind, err = receive.Synced, e.syncPart(op)
	case receive.SyncDir:
		ev.Kind, err = receive.DirSynced, op.made.tree.syncDir(op.made.final)
		if err != nil && e.fence.Err() == nil && op.made.tree.gone(op.made.final) {
			err = nil // what was to be in it has failed, or was taken away with it
		}
	case receive.Rename:
		ev.Kind, err = receive.Renamed, e.deliver(op)
	case receive.Remove:
		ev.Kind = receive.Removed
		op.in.closePart(a.File)
		e.tolerate(op.made.tree.remove(op.made.part))
	}
	if e.notDurable(a, err) || a.File > 0 && e.brokenDisk(err) {
		return
	}
	e.done.call(e.counted(in, func(now time.Time) { e.synced(now, in, a, ev, err) }))
}

// notDurable says whether err stops the engine, and stops it if it does. A directory that cannot be synced does: the
// names in it are delivered and not durable, and no later answer of the disk can be trusted. So does a file of which
// nobody knows whether it was delivered; but for want of descriptors nothing was tried that cannot be tried again. It runs
// in the lane, because the loop passes over what completes while the disk is full.
func (e *Engine) notDurable(a receive.Action, err error) bool {
	if err == nil {
		return false
	}
	fatal := !isShort(err) && (a.Kind == receive.SyncDir || errors.Is(err, errUnknown))
	if !fatal && e.fence.Err() == nil {
		return false
	}
	e.fail(fmt.Errorf("%w: %w", ErrDurability, err))
	return true
}

// synced reports to the core.
func (e *Engine) synced(now time.Time, in *incoming, a receive.Action, ev receive.Event, err error) {
	if err != nil {
		if e.fullDisk(in, err) || a.File == 0 && e.ownTrouble(err) {
			return
		}
		e.failFile(in, a.File, reasonOf(a.Kind, err))
	}
	ev.File, ev.Dir, ev.Failed = a.File, a.Dir, err != nil
	e.stepIn(now, in, ev)
}

func reasonOf(k receive.ActionKind, err error) string {
	switch {
	case k == receive.Rename && errors.Is(err, fs.ErrExist):
		return "a file of that name is there already"
	case k == receive.Sync:
		return "could not be made durable: " + plainError(err).Error()
	}
	return plainError(err).Error()
}

// setMeta sets permission and time on the descriptor, never by the name.
func (e *Engine) setMeta(op *syncOp) error {
	p := op.in.part(op.act.File)
	if p.problem != nil {
		return p.problem
	}
	if err := e.fence.Err(); err != nil {
		return err
	}
	if err := p.file.Chmod(op.mode); err != nil {
		return err
	}
	if err := e.fence.Err(); err != nil {
		return err
	}
	return p.file.SetTime(op.time)
}

func (e *Engine) syncPart(op *syncOp) error {
	p := op.in.part(op.act.File)
	if p.file == nil {
		return p.problem
	}
	if op.act.Unfinished { // whether it still has its name counts when it is whole
		return op.made.tree.syncData(p.file)
	}
	if err := op.made.tree.sync(p.file); err != nil || op.act.File == 0 {
		return err
	}
	return op.made.tree.holds(p)
}

// deliver gives a part its name. The manifest replaces what an earlier try left.
func (e *Engine) deliver(op *syncOp) error {
	if op.act.File == 0 {
		op.in.closePart(0)
		return op.made.tree.replace(op.made.part, op.made.final)
	}
	var err error
	if p := op.in.part(op.act.File); p.file != nil { // else an earlier instance may have renamed it
		err = op.made.tree.holds(p)
	}
	op.in.closePart(op.act.File)
	if err != nil {
		return err
	}
	return op.made.tree.deliver(op.made.part, op.made.final)
}
