package remove

// sweep goes through the private directories of a batch: at its beginning, when an earlier instance has
// begun it, to end what that one left; at its end to remove them.
func (r *Removal) sweep(buf []Action) []Action {
	if len(r.dirs) == 0 {
		if r.sweeps {
			r.first = r.last + 1
			return r.nextBatch(buf)
		}
		r.starts = false
		for _, d := range r.dirsOfBatch() { // each may be there
			r.made[d] = true
		}
		return r.nextFile(buf)
	}
	r.round = 0
	if r.sweeps {
		return r.removeAside(buf)
	}
	return r.do(Action{Kind: ListAside, Dir: r.dirs[0]}, buf)
}

func (r *Removal) removeAside(buf []Action) []Action {
	return r.do(Action{Kind: RemoveAside, Dir: r.dirs[0]}, buf)
}

// swept takes the answers of a sweep.
func (r *Removal) swept(e Event, buf []Action) []Action {
	a := r.last1
	switch a.Kind {
	case ListAside:
		if e.Failed {
			if r.round < rounds {
				r.round++
				return r.do(a, buf)
			}
			buf = r.leaveAside(buf) // nobody knows what lies there
		}
		r.entries = e.Entries
		return r.nextEntry(buf)
	case RemoveAside:
		if e.Failed && r.round < rounds { // not empty, or the answer is lost
			r.round++
			return r.do(Action{Kind: ListAside, Dir: a.Dir}, buf)
		}
		if e.Failed {
			buf = r.leaveAside(buf)
		}
		return r.do(Action{Kind: SyncDir, Dir: a.Dir}, buf)
	case SyncDir:
		if e.Failed {
			buf = r.notDurable(a.Dir, buf)
		}
		r.dirs = r.dirs[1:]
	}
	return r.sweep(buf)
}

// nextEntry looks at the next file in the private directory that is being swept. Outside of a sweep there is
// none, and the next source is next.
func (r *Removal) nextEntry(buf []Action) []Action {
	for len(r.entries) > 0 {
		e := r.entries[0]
		r.entries = r.entries[1:]
		if !r.stuck[e] && e.File >= 1 && e.File <= uint32(len(r.cfg.Dirs)) && r.dir(e.File) == r.dirs[0] {
			r.doubt = false
			return r.do(Action{Kind: LookAside, File: e.File, Dir: r.dirs[0], Entry: e}, buf)
		}
	}
	switch {
	case r.sweeps:
		return r.removeAside(buf)
	case len(r.dirs) > 0:
		r.dirs = r.dirs[1:]
		return r.sweep(buf)
	}
	return r.nextFile(buf)
}

// notDurable tells of the files that a loss of power could bring back.
func (r *Removal) notDurable(dir uint32, buf []Action) []Action {
	for _, f := range r.gone {
		if r.dir(f) == dir {
			buf = append(buf, Action{Kind: Leave, File: f})
		}
	}
	return buf
}

// leaveAside tells, once a batch, that the private directory that is being swept stays.
func (r *Removal) leaveAside(buf []Action) []Action {
	d := r.dirs[0]
	if r.told[d] {
		return buf
	}
	r.told[d] = true
	return append(buf, Action{Kind: LeaveAside, Dir: d})
}
