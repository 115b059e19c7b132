package transfer

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/stream"
	"github.com/mqha/mqha/internal/vfs"
)

// writeOp is one operation of the write lane, which runs them in order.
type writeOp struct {
	in    *incoming
	act   receive.Action
	frame *inFrame   // Write
	noted *tailEntry // Recheck
	made  layoutOf
}

// layoutOf is what an operation needs to find its files without touching what the loop owns.
type layoutOf struct {
	tree  *tree
	part  string
	final string
	size  int64
	dir   uint32
}

// addWrite hands an action to the write lane with all that it has to know.
func (e *Engine) addWrite(in *incoming, a receive.Action) {
	op := writeOp{in: in, act: a}
	switch a.Kind {
	case receive.Write:
		op.frame, in.frame = in.frame, nil
		if a.File > 0 { // the part is open: no names are needed, and making them takes long
			op.made.dir = in.layout.fileDir[a.File-1]
		}
	case receive.Create, receive.Abandon, receive.Reopen:
		op.made = e.place(in, a.File)
	case receive.Recheck:
		op.noted, op.made.dir = &in.tail.entries[a.Name], in.layout.fileDir[a.File-1]
	case receive.TakeOver:
		op.made = e.place(in, a.File)
		op.made.final = path.Join(in.found[a.Name].dir, in.found[a.Name].name)
	case receive.RemovePart:
		op.made = layoutOf{tree: e.treeOf(in.found[a.Name].file), final: path.Join(in.found[a.Name].dir, in.found[a.Name].name)}
	case receive.MakeDir:
		t, dir, err := e.dirOf(in, a.Dir)
		if err != nil {
			e.fail(err)
			return
		}
		op.made = layoutOf{tree: t, final: dir}
	}
	in.ops++
	e.writer.add(op)
}

func (e *Engine) place(in *incoming, file uint32) layoutOf {
	p := layoutOf{tree: e.treeOf(file), part: e.partOf(in, file), final: e.finalOf(in, file), size: in.rec.Manifest}
	if file > 0 {
		p.size, p.dir = in.layout.manifest.Files[file-1].Size, in.layout.fileDir[file-1]
	}
	return p
}

func (e *Engine) runWrites(ops []writeOp) {
	e.noteFrames(ops)
	for i := range ops {
		if e.failure() != nil {
			return // nothing is written any more; frames in hand go with the run
		}
		if op := &ops[i]; op.act.Kind == receive.Write {
			e.writeFrame(op)
			if op.act.File > 0 && e.brokenDisk(op.frame.problem) {
				return
			}
			e.hasher.add(op.frame)
		} else {
			e.done.call(e.counted(op.in, e.runWrite(op)))
		}
	}
}

func (e *Engine) runWrite(op *writeOp) completion {
	in, a := op.in, op.act
	switch a.Kind {
	case receive.Create:
		in.setPart(a.File, e.newPart(in, &op.made))
		return nil
	case receive.Abandon:
		in.closePart(a.File)
		e.tolerate(op.made.tree.remove(op.made.part))
		return nil
	case receive.MakeDir:
		err := op.made.tree.mkdir(op.made.final)
		if e.brokenDisk(err) {
			return nil
		}
		dir := op.made.final
		return func(now time.Time) { e.dirMade(now, in, a.Dir, dir, err) }
	case receive.TakeOver:
		err := op.made.tree.replace(op.made.final, op.made.part)
		return func(now time.Time) { e.takenOver(now, in, a.File, err) }
	case receive.RemovePart:
		e.tolerate(op.made.tree.remove(op.made.final))
		return nil
	case receive.List:
		return e.findParts(in)
	case receive.Reopen:
		return e.reopen(op)
	case receive.Recheck:
		return e.recheck(op)
	case receive.Load:
		m, err := e.readManifest(in.rec, e.epoch)
		return func(now time.Time) { e.loaded(now, in, m, err) }
	}
	return nil
}

// smallestPreallocated is the size of a file from which on it gets its room at once. A smaller one is written in
// a few calls, and takes less than the call for room.
const smallestPreallocated = 1 << 20

func (e *Engine) newPart(in *incoming, made *layoutOf) *part {
	p := &part{name: made.part, hash: in.rec.Digest.begin()}
	p.file, p.problem = made.tree.createPart(made.part)
	if p.problem == nil && made.size >= smallestPreallocated {
		if p.problem = e.fence.Err(); p.problem == nil {
			p.problem = p.file.Preallocate(made.size)
		}
	}
	return p
}

// takenOver stops the engine when a part could not be given this epoch's name: a part that is not
// found under it would count as delivered. One that is gone meanwhile is looked for again, and so are all once there is
// room for the name.
func (e *Engine) takenOver(now time.Time, in *incoming, file uint32, err error) {
	if e.fullDisk(in, err) {
		return
	}
	gone := vfs.Missing(err)
	if err != nil && !gone {
		e.fail(fmt.Errorf("%w: cannot take a part of %s over: %w", ErrDurability, in.rec.ID, err))
		return
	}
	e.stepIn(now, in, receive.Event{Kind: receive.TakenOver, File: file, Failed: gone})
}

// tolerate stops the engine only when the fence is lost: a part that cannot be removed costs room.
func (e *Engine) tolerate(err error) {
	if err != nil && e.fence.Err() != nil {
		e.fail(err)
	}
}

// writeFrame writes one frame. Its own checksum was proven when it arrived.
func (e *Engine) writeFrame(op *writeOp) {
	in, f, pos := op.in, op.frame, op.act.Pos
	p := in.part(pos.File)
	if p.problem == nil {
		if p.problem = e.fence.Err(); p.problem == nil {
			_, p.problem = p.file.WriteAt(f.payload, pos.Offset)
		}
	}
	if p.problem == nil {
		p.problem = e.beginWriteBack(p, pos.Offset+int64(len(f.payload)))
	}
	f.of, f.part, f.problem = in, p, p.problem
	f.written = receive.Event{Kind: receive.Written, File: pos.File, Pos: pos, Dir: op.made.dir, Length: len(f.payload), Fin: f.head.Flags&flagFin != 0}
}

// writeBackBytes is how much is written before the disk is set to work on it.
const writeBackBytes = 2 << 20

// beginWriteBack keeps the disk at work while the next frames arrive, so that the sync of a checkpoint finds little to
// do: it waits in the kernel, and for Go one of GOMAXPROCS processors with it. An error is one of writing.
func (e *Engine) beginWriteBack(p *part, end int64) error {
	from := p.begun
	if end-from < min(writeBackBytes, e.opt.CheckpointBytes/4) {
		return nil
	}
	p.begun = end
	if err := e.fence.Err(); err != nil {
		return err
	}
	return p.file.BeginWriteBack(from, end-from)
}

// runHashes takes the frames that are written. The digest of the whole file, which may cost more than
// all the rest, is computed while the next frames are written.
func (e *Engine) runHashes(frames []*inFrame) {
	for _, f := range frames {
		if f.problem == nil {
			f.problem = f.hash()
		}
		f.written.Failed = f.problem != nil
		e.done.put((*writtenFrame)(f))
	}
}

func (f *inFrame) hash() error {
	h, ev := f.part.hash, &f.written
	h.frame(f.payload, f.head.CRC)
	if !ev.Fin {
		f.of.points.add(ev.Pos.Advance(ev.Length), h)
	} else if h.sum() != f.head.Digest {
		return errDigest
	}
	return nil
}

func (e *Engine) frameWritten(now time.Time, in *incoming, ev receive.Event, err error) {
	if err != nil {
		if e.fence.Err() != nil {
			e.fail(err)
			return
		}
		if e.fullDisk(in, err) || ev.File == 0 && e.ownTrouble(err) {
			return
		}
		e.failFile(in, ev.File, plainError(err).Error())
	}
	e.stepIn(now, in, ev)
}

var errDigest = errors.New("the digest of what arrived is not the sender's")

// ownTrouble stops the engine for trouble with a manifest, unless its sender is to blame. Manifests lie in
// the state directory, beside the journal; a disk that fails there is no reason to refuse what the next
// instance can receive.
func (e *Engine) ownTrouble(err error) bool {
	if errors.Is(err, errDigest) || errors.Is(err, ErrRequest) {
		return false
	}
	e.fail(fmt.Errorf("%w: state directory: %w", ErrDurability, err))
	return true
}

func (e *Engine) dirMade(now time.Time, in *incoming, d uint32, dir string, err error) {
	if e.fullDisk(in, err) {
		return
	}
	if err != nil {
		e.tolerate(err)
		in.failed = append(in.failed, fileFailure{0, FileFailure{Name: dir, Reason: plainError(err).Error()}})
		e.emitIn(in, EventFailed, dir, plainError(err).Error())
	}
	e.stepIn(now, in, receive.Event{Kind: receive.DirMade, Dir: d, Failed: err != nil})
}

func (e *Engine) loaded(now time.Time, in *incoming, m *manifest, err error) {
	ev := receive.Event{Kind: receive.Loaded, Failed: err != nil}
	if err != nil {
		if isShort(err) && e.fullDisk(in, err) || e.ownTrouble(err) {
			return
		}
		in.rec.Reason = err.Error()
	} else {
		in.layout = newLayout(m)
		ev.Last, ev.Dirs = uint32(len(m.Files)), uint32(len(m.Dirs))
	}
	e.stepIn(now, in, ev)
}

// findParts finds the parts of a transfer, those of the newest epoch first, through descriptors opened
// now: a listing kept by a network file system could be stale.
func (e *Engine) findParts(in *incoming) completion {
	type listed struct {
		name partName
		dir  uint32
		path string
	}
	var all []listed
	scan := func(t *tree, d uint32, dir string) error {
		names, err := t.names(dir)
		for _, s := range names {
			if n, ok := parsePart(s); ok && n.transfer == in.rec.ID {
				all = append(all, listed{n, d, dir})
			}
		}
		return err
	}
	err := scan(e.dir, receive.ManifestDir, ".")
	if in.layout != nil {
		for d := 0; d < len(in.layout.dirs) && err == nil; d++ {
			err = scan(e.files, uint32(d), in.layout.dirs[d])
		}
	}
	slices.SortStableFunc(all, func(a, b listed) int { return cmp.Compare(b.name.epoch, a.name.epoch) })
	return func(now time.Time) {
		if isShort(err) && e.fullDisk(in, err) {
			return
		}
		if err != nil {
			e.fail(fmt.Errorf("%w: cannot list the parts of %s: %w", ErrDurability, in.rec.ID, err))
			return
		}
		parts := make([]receive.Part, len(all))
		in.found = make([]foundPart, len(all))
		for i, l := range all {
			in.found[i] = foundPart{file: l.name.file, dir: l.path, name: l.name.String()}
			parts[i] = receive.Part{File: l.name.file, Dir: l.dir, Name: uint32(i), Stale: l.name.epoch < in.rec.Epoch}
		}
		e.stepIn(now, in, receive.Event{Kind: receive.Listed, Parts: parts})
	}
}

// reopen goes on with an unfinished part: it is synced first, so that an error of an earlier write
// comes out before anything is trusted, and must have at least the bytes that the journal speaks of.
func (e *Engine) reopen(op *writeOp) completion {
	in, pos := op.in, op.act.Pos
	p := &part{name: op.made.part, begun: pos.Offset}
	err := func() (err error) {
		if p.file, err = op.made.tree.reopen(op.made.part); err != nil {
			return err
		}
		if err = op.made.tree.sync(p.file); err != nil {
			return err
		}
		fi, err := p.file.Stat()
		if err == nil && fi.Size() < pos.Offset {
			err = errors.New("shorter than the journal says")
		}
		if err == nil {
			err = p.restore(in.rec.Digest, in.rec.Point, pos)
		}
		return err
	}()
	if err != nil {
		if p.file != nil {
			p.file.Close()
		}
		if e.brokenDisk(err) {
			return nil
		}
		e.tolerate(err)
	} else {
		in.setPart(pos.File, p)
	}
	return func(now time.Time) {
		if isShort(err) && e.fullDisk(in, err) {
			return
		}
		e.stepIn(now, in, receive.Event{Kind: receive.Reopened, Failed: err != nil})
	}
}

// restore brings the digest to pos: from the journal's state where this program can continue it,
// else by reading the prefix.
func (p *part) restore(kind Digest, pt point, pos stream.Pos) error {
	if p.hash = kind.resume(pt); p.hash != nil && pt.Pos == pos {
		return nil
	}
	p.hash = kind.begin()
	_, err := io.Copy(p.hash, io.NewSectionReader(p.file, 0, pos.Offset))
	return err
}
