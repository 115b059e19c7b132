package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqha/mqha/internal/core/send"
	"github.com/mqha/mqha/internal/core/stream"
	"github.com/mqha/mqha/internal/vfs"
)

// reader reads the frames of one outgoing transfer on a lane of its own, and hashes on another one what it
// has read, on its way to the link: while the next frame is read. The source is the redo log: nothing that
// was sent is kept.
type reader struct {
	e        *Engine
	o        *outgoing
	rec      outRecord // as it was when the reader began
	layout   *layout
	lane     *lane[readOp]
	hasher   *lane[sendOp]
	saved    savedPoints
	waits    atomic.Bool   // for a disk that is away
	away     atomic.Value  // a string: the root of that, or empty
	woken    chan struct{} // closed: it does not wait any more
	wakeOnce func()        // closes woken

	// owned by the lane
	sources []source
	file    sourceFile
	number  uint32 // of the open file
	hash    digest // goes with each frame to the hasher, which it belongs to from the first one on
	at      int64  // bytes of the file that were read for hash
	problem error  // why the present file cannot be read
}

// sourceFile is what is read: a file of the operating system, or the manifest in the state directory.
type sourceFile interface {
	io.ReaderAt
	io.Closer
	Stat() (os.FileInfo, error)
}

type readOp struct {
	seek  bool
	nonce uint64
	pos   stream.Pos
}

// readerOf starts the reader when data is wanted for the first time.
func (e *Engine) readerOf(o *outgoing) *reader {
	if o.reader == nil {
		r := &reader{e: e, o: o, rec: *o.rec, layout: o.layout, woken: make(chan struct{})}
		r.wakeOnce = sync.OnceFunc(func() { close(r.woken) })
		r.saved.keep(o.rec.Digest, o.rec.Point)
		r.lane, r.hasher = newLane(r.run), newLane(r.runHashes)
		o.reader = r
	}
	return o.reader
}

func (r *reader) seek(a send.Action) { r.lane.add(readOp{seek: true, nonce: a.Nonce, pos: a.Pos}) }
func (r *reader) read(a send.Action) { r.lane.add(readOp{nonce: a.Nonce, pos: a.Pos}) }

func (r *reader) run(ops []readOp) {
	for _, op := range ops {
		if op.seek {
			r.stand(op.pos)
			r.e.done.call(func(now time.Time) {
				r.e.stepOut(now, r.o, send.Event{Kind: send.Sought, Nonce: op.nonce})
			})
			continue
		}
		f := r.frame(op.pos)
		if f == nil || r.e.failure() != nil {
			return // why it cannot be read may be no word for the other side
		}
		f.of, f.nonce = r.o, op.nonce
		r.e.done.put((*readFrame)(f))
	}
}

// frame reads the frame at pos. A file that cannot be read becomes a frame that says why. nil: it is not waited for any more.
func (r *reader) frame(pos stream.Pos) *outFrame {
	f := r.e.takeBuffer()
	f.pos, f.n, f.fin, f.skip, f.hash = pos, 0, false, false, nil
	if !r.fetch(f) {
		return nil
	}
	if r.problem != nil {
		f.n = copy(f.body[HeaderBytes:], r.problem.Error())
		f.crc = crc32.Checksum(f.body[HeaderBytes:HeaderBytes+f.n], castagnoli)
		f.fin, f.skip, f.hash = false, true, nil
		r.closeFile()
	}
	return f
}

func (r *reader) fill(f *outFrame) error {
	size := r.size(f.pos.File)
	n := int(min(int64(r.e.opt.FrameBytes), size-f.pos.Offset))
	if n < 0 {
		return errChanged
	}
	b := f.body[HeaderBytes : HeaderBytes+n]
	if _, err := r.file.ReadAt(b, f.pos.Offset); err != nil && (!errors.Is(err, io.EOF) || n > 0) {
		switch {
		case f.pos.File == 0:
			return r.ownTrouble(err)
		case errors.Is(err, io.EOF):
			return errChanged // it was truncated
		}
		return plainError(err)
	}
	f.crc = crc32.Checksum(b, castagnoli)
	r.at += int64(n)
	f.n, f.fin, f.hash = n, r.at == size, r.hash
	if !f.fin {
		return nil
	}
	if err := r.stillSame(); err != nil {
		return err
	}
	r.closeFile()
	return nil
}

// runHashes takes the frames that are to be sent, in order, and hands them on. A frame that was read and is
// not sent leaves a gap here, and is followed by a Seek, which begins with a state from before the gap.
func (r *reader) runHashes(ops []sendOp) {
	for i := range ops {
		op := &ops[i]
		if f := op.frame; f.hash != nil {
			f.hash.frame(f.body[HeaderBytes:], f.crc)
			if f.fin {
				op.head.Digest = f.hash.sum()
			} else {
				r.saved.add(f.pos.Advance(f.n), f.hash)
			}
			f.hash = nil
		}
		r.e.hand(op)
	}
}

func (r *reader) size(file uint32) int64 {
	if file == 0 {
		return r.rec.Manifest
	}
	return r.layout.manifest.Files[file-1].Size
}

// stand opens the file of pos and brings the digest to pos: from the nearest saved state, reading
// what lies between.
func (r *reader) stand(pos stream.Pos) {
	r.closeFile()
	r.number, r.problem = pos.File, nil
	if int64(pos.File) > int64(r.rec.Files) {
		return // at the end: nothing will be read
	}
	if r.problem = r.open(pos.File); r.problem != nil {
		return
	}
	r.hash, r.at = r.saved.nearest(r.rec.Digest, pos)
	if r.hash == nil {
		r.hash, r.at = r.rec.Digest.begin(), 0
	}
	_, err := io.Copy(r.hash, io.NewSectionReader(r.file, r.at, pos.Offset-r.at))
	switch {
	case err != nil && pos.File == 0:
		r.problem = r.ownTrouble(err)
	case err != nil:
		r.problem = plainError(err)
	}
	r.at = pos.Offset
}

func (r *reader) open(file uint32) error {
	if file == 0 {
		f, err := r.e.dir.Open(r.rec.manifestName())
		if err != nil {
			return r.ownTrouble(err)
		}
		r.file = f
		return nil
	}
	if r.sources == nil {
		if err := r.loadSources(); err != nil {
			return err
		}
	}
	src := &r.sources[file-1]
	dir, ok := src.rootOf(r.e.opt.ReadRoots)
	if !ok {
		return errNoRoot
	}
	root, err := r.e.mount(dir)
	if err != nil {
		return plainError(err)
	}
	defer root.Close()
	f, err := root.Open(src.Path)
	if err != nil {
		return plainError(err)
	}
	r.file = f
	return r.stillSame()
}

func (r *reader) loadSources() error {
	b, err := r.e.dir.ReadFile(r.rec.sourcesName())
	if err != nil {
		return r.ownTrouble(err)
	}
	if err := json.Unmarshal(b, &r.sources); err != nil {
		r.sources = nil
		return err
	}
	if len(r.sources) != r.rec.Files {
		r.sources = nil
		return errors.New("the list of sources is damaged")
	}
	return nil
}

// ownTrouble stops the engine when one of the lists cannot be read. They lie in the state directory, beside the
// journal: a disk that fails there says nothing about the files, which the next instance can send. A list
// that is missing will be missing then, too, and fails its transfer alone.
func (r *reader) ownTrouble(err error) error {
	if !vfs.Missing(err) && !errors.Is(err, io.EOF) && !isShort(err) {
		r.e.fail(fmt.Errorf("%w: state directory: %w", ErrDurability, err))
	}
	return plainError(err)
}

// stillSame proves by the descriptor that the open file is the one that was listed.
func (r *reader) stillSame() error {
	if r.number == 0 {
		return nil
	}
	fi, err := r.file.Stat()
	if err != nil {
		return plainError(err)
	}
	return unchanged(fi, &r.layout.manifest.Files[r.number-1], &r.sources[r.number-1])
}

func (r *reader) closeFile() {
	if r.file != nil {
		r.file.Close()
	}
	r.file, r.hash = nil, nil
}

// plainError keeps paths of this machine out of what the other side is told.
func plainError(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
