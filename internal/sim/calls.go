package sim

import "github.com/mqha/mqha/internal/core/receive"

// write queues an operation of those that are carried out in order.
func (r *receiver) write(a receive.Action) {
	frame, parts := r.frame, r.parts
	if a.Kind == receive.Write {
		r.placed++
		r.tail.note(a, frame, r.epoch)
	}
	r.later(r.writes, func(epoch uint64) receive.Event {
		switch a.Kind {
		case receive.Create:
			r.create(a, epoch, parts)
		case receive.Write:
			return r.writeFrame(a, frame, parts)
		case receive.Abandon:
			delete(parts, a.File)
			r.disk().remove(r.disk().part(a.File, epoch))
		case receive.TakeOver:
			// A late one fails: what it would rename has another name by now, or none.
			n := r.disk().nodes[a.Name]
			gone := n.seen().where != asPart || epoch != r.epoch
			if !gone {
				n.move(entryState{asPart, epoch})
			}
			return receive.Event{Kind: receive.TakenOver, File: a.File, Failed: gone}
		case receive.RemovePart:
			if n := r.disk().nodes[a.Name]; n.seen().where == asPart && n.seen().epoch <= epoch {
				r.disk().remove(n)
			}
		case receive.Reopen:
			return r.reopen(a, epoch, parts)
		case receive.Recheck:
			return r.recheck(a, parts)
		case receive.MakeDir:
			failed := r.w.fault(2*r.w.plan.io, "directory not made") || !r.disk().makeDir(a.Dir)
			return receive.Event{Kind: receive.DirMade, Dir: a.Dir, Failed: failed}
		case receive.List:
			return receive.Event{Kind: receive.Listed, Parts: r.list()}
		case receive.Load:
			return r.load()
		}
		return receive.Event{}
	})
}

func (r *receiver) create(a receive.Action, epoch uint64, parts map[uint32]*openPart) {
	if dir := r.w.plan.dirs[a.File]; dir != receive.ManifestDir && !r.disk().made[dir] || r.w.fault(r.w.plan.io/3, "create failed") {
		r.w.judge.excuse(a.File)
		return
	}
	if n := r.disk().create(a.File, epoch); n != nil { // else the name is taken, by the core's own fault
		n.late = epoch != r.epoch
		parts[a.File] = &openPart{node: n}
	}
}

// writeFrame writes one frame, and compares the digest at the end of the file.
func (r *receiver) writeFrame(a receive.Action, frame message, parts map[uint32]*openPart) receive.Event {
	e := receive.Event{Kind: receive.Written, File: a.File, Dir: r.w.plan.dirs[a.File], Pos: a.Pos, Length: frame.length, Fin: frame.fin}
	p := parts[a.File]
	if p == nil || r.fails(a.File, r.w.plan.io/8, "write failed") {
		delete(parts, a.File)
		e.Failed = true
		return e
	}
	p.node.write(a.Pos.Offset, frame.length)
	if p.digest == a.Pos.Offset {
		p.digest += int64(frame.length)
	}
	e.Failed = frame.fin && p.digest != r.w.plan.sizes[a.File]
	return e
}

// reopen trusts the position: the state of the digest is in the journal beside it.
func (r *receiver) reopen(a receive.Action, epoch uint64, parts map[uint32]*openPart) receive.Event {
	n := r.disk().part(a.File, epoch)
	e := receive.Event{Kind: receive.Reopened, Failed: n == nil || n.size < a.Pos.Offset}
	e.Failed = e.Failed || r.w.fault(2*r.w.plan.io, "reopen failed")
	if e.Failed {
		r.w.count("unfinished file begun anew")
		return e
	}
	n.sync()
	parts[a.File] = &openPart{node: n, digest: a.Pos.Offset}
	return e
}

// recheck takes a frame for what it should be if the part begins with so many good bytes.
func (r *receiver) recheck(a receive.Action, parts map[uint32]*openPart) receive.Event {
	p, n := parts[a.File], r.tail.notes[a.Name]
	e := receive.Event{Kind: receive.Rechecked, Dir: r.w.plan.dirs[a.File]}
	end := a.Pos.Offset + int64(n.Length)
	e.Failed = p.node.good < end || p.digest != a.Pos.Offset || n.Fin && end != r.w.plan.sizes[a.File]
	if e.Failed = e.Failed || r.w.fault(2*r.w.plan.io, "recheck failed"); e.Failed {
		r.w.count("frame of the tail log not there")
		return e
	}
	r.w.count("frame of the tail log taken in")
	p.digest = end
	return e
}

func (r *receiver) list() []receive.Part {
	var parts []receive.Part
	checkpoint := replay(r.journal.records).epoch
	for _, n := range r.disk().list() {
		for i, known := range r.disk().nodes {
			if known == n {
				parts = append(parts, receive.Part{File: n.file, Dir: r.w.plan.dirs[n.file], Name: uint32(i), Stale: n.seen().epoch < checkpoint})
			}
		}
	}
	return parts
}

func (r *receiver) load() receive.Event {
	e := receive.Event{Kind: receive.Loaded, Last: r.w.plan.send.Last, Dirs: uint32(len(r.w.plan.tree) - 1)}
	if r.w.fault(2*r.w.plan.io, "manifest refused") {
		r.w.judge.excuse(0)
		e.Failed = true
		return e
	}
	for _, n := range r.disk().nodes {
		if n.file == 0 && n.seen().where == asFinal && n.good == r.w.plan.sizes[0] {
			return e
		}
	}
	e.Failed = true
	return e
}

// call carries out one of the operations that may come in any order.
func (r *receiver) call(a receive.Action, epoch uint64, parts map[uint32]*openPart) receive.Event {
	e := receive.Event{File: a.File, Dir: a.Dir}
	n := r.disk().part(a.File, epoch)
	switch a.Kind {
	case receive.SetMeta:
		e.Kind, e.Failed = receive.MetaSet, parts[a.File] == nil || r.fails(a.File, r.w.plan.io, "metadata not set")
	case receive.Sync:
		p := parts[a.File]
		e.Kind, e.Failed = receive.Synced, p == nil || r.fails(a.File, r.w.plan.io/3, "sync failed")
		if !e.Failed {
			p.node.sync()
		}
	case receive.SyncDir:
		e.Kind, e.Failed = receive.DirSynced, !r.disk().syncDir(a.Dir)
	case receive.Rename:
		e.Kind = receive.Renamed
		if n == nil {
			r.w.judge.counted(a.File, epoch)
			break
		}
		if a.File > 0 && r.w.fault(r.w.plan.io, "name taken by a foreign file") {
			r.w.judge.excuse(a.File)
			r.disk().foreign[a.File] = true
		}
		r.w.judge.renaming(n)
		e.Failed = !r.disk().rename(n)
		r.w.judge.renamed(a.File, e.Failed)
	case receive.Remove:
		e.Kind = receive.Removed
		r.disk().remove(n)
	default:
		r.w.violated("no such action %d", a.Kind)
	}
	return e
}

func (r *receiver) fails(file uint32, rate float64, what string) bool {
	if !r.w.fault(rate, what) {
		return false
	}
	r.w.judge.excuse(file)
	return true
}
