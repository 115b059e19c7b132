package transfer

import (
	"errors"
	"io/fs"
	"time"

	"github.com/mqha/mqha/internal/core/stream"
	"github.com/mqha/mqha/internal/vfs"
)

// A file that cannot be read fails, and says why. But where its disk was pulled, is not mounted yet after a takeover,
// or lies behind a network that is down, no file is at fault: every one that is left would fail, and be reported so
// for ever. The transfer waits until the disk is back; others, from other disks, go on.

// others is how many of the files that come next are tried.
const others = 4

// fetch reads the frame at f.pos, and waits where the disk is away. False: the reader was
// woken meanwhile, and nobody wants the frame.
func (r *reader) fetch(f *outFrame) bool {
	pos := f.pos
	for told := false; ; told = true {
		if r.number != pos.File || r.hash == nil || r.at != pos.Offset {
			r.stand(pos)
		}
		if r.problem == nil {
			r.problem = r.fill(f)
		}
		if r.problem == nil || r.e.failure() != nil || !r.isAway(pos) {
			r.setAway("")
			return true
		}
		r.closeFile() // first: a disk cannot be unmounted while a file of it is open
		if !told {
			r.e.tell(Event{Kind: EventStalled, Transfer: r.rec.ID, Peer: r.rec.To, Sending: true, Bytes: r.rec.Bytes,
				Reason: "what is to be sent cannot be read, nor anything beside it: " + r.problem.Error()})
		}
		if !isShort(r.problem) {
			r.setAway(r.sources[pos.File-1].Root)
		}
		if !r.pause(5 * r.e.opt.RetryInterval) {
			return false
		}
	}
}

// setAway says which root is away, and lets transfers from others have turns.
func (r *reader) setAway(root string) {
	if r.awayFrom() != root {
		r.away.Store(root)
		r.e.done.call(func(now time.Time) { r.e.nextTurns(now, r.rec.To) })
	}
}

// awayFrom is the root that the reader, if there is one, waits for; empty: it waits for none.
func (r *reader) awayFrom() string {
	if r == nil {
		return ""
	}
	root, _ := r.away.Load().(string)
	return root
}

// pause waits. False: the reader was woken, and is left as one that waits.
func (r *reader) pause(d time.Duration) bool {
	r.waits.Store(true)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		r.waits.Store(false)
		return true
	case <-r.woken:
		return false
	}
}

// waiting says that the reader, if there is one, waits for a disk that is away.
func (r *reader) waiting() bool { return r != nil && r.waits.Load() }

// wake has the reader, if there is one, wait for no disk any more: its transfer has ended, or the engine is drained.
func (r *reader) wake() {
	if r != nil {
		r.wakeOnce()
	}
}

// isAway says whether the trouble at pos is one of the whole directory that is read.
func (r *reader) isAway(pos stream.Pos) bool {
	if isShort(r.problem) {
		return true
	}
	missing := vfs.Missing(r.problem)
	if pos.File == 0 || len(r.sources) == 0 || !missing && !isBroken(r.problem) {
		return false
	}
	src := &r.sources[pos.File-1]
	dir, ok := src.rootOf(r.e.opt.ReadRoots)
	if !ok {
		return false
	}
	root, err := r.e.mount(dir)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || isBroken(err)
	}
	defer root.Close()
	if missing {
		return src.elsewhere(root)
	}
	return !r.someReadable(root, dir, pos)
}

// elsewhere says that root is not the directory that was listed, such as the one below a disk that is not mounted.
func (s *source) elsewhere(root vfs.Dir) bool {
	id, err := root.ID()
	return s.RootID != 0 && err == nil && id != s.RootID
}

// someReadable looks for anything that can be read near pos: a block that is bad is the fault of its file. What it
// tries was most likely not read before, so that it does not come out of the page cache.
func (r *reader) someReadable(root vfs.Dir, dir string, pos stream.Pos) bool {
	tried := false
	size := r.size(pos.File)
	for _, at := range []int64{(pos.Offset + size) / 2, size - 1} {
		if at < pos.Offset+int64(r.e.opt.FrameBytes) {
			continue
		}
		if tried = true; readable(root, r.sources[pos.File-1].Path, at) == nil {
			return true
		}
	}
	rest := r.sources[pos.File:]
	for i := range rest[:min(others, len(rest))] {
		if at, ok := rest[i].rootOf(r.e.opt.ReadRoots); !ok || at != dir || r.size(pos.File+1+uint32(i)) == 0 {
			continue
		}
		err := readable(root, rest[i].Path, 0)
		if err == nil {
			return true
		}
		tried = tried || isBroken(err)
	}
	return !tried && readable(root, r.sources[pos.File-1].Path, -1) == nil
}

// readable reads one byte of a file; at -1 it only opens it.
func readable(root vfs.Dir, name string, at int64) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if at >= 0 {
		_, err = f.ReadAt(make([]byte, 1), at)
	}
	return err
}
