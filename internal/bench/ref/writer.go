package ref

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"path/filepath"
)

// writer is the stage that proves and writes. Its checkpoints run on a goroutine of their own.
type writer struct {
	o       Options
	disk    disk
	dest    string
	part    file
	journal *journal
	whole   hash.Hash
	proven  bool  // the last frame has come, and its digest is ours
	written int64 // all before is in the part
	marked  int64 // and is, or will be, in a checkpoint
	begun   int64 // the disk has begun with all before
	marks   chan mark
	synced  chan error // what became of the checkpoints
}

// mark is where a checkpoint ends, with the state of the digest there.
type mark struct {
	offset int64
	state  []byte
}

func partName(dest string) string {
	return filepath.Join(filepath.Dir(dest), "."+filepath.Base(dest)+".part")
}

func newWriter(d disk, dest string, size int64, o Options) (*writer, error) {
	w := &writer{o: o, disk: d, dest: dest, whole: sha256.New()}
	var err error
	if w.part, err = d.create(partName(dest)); err != nil {
		return nil, err
	}
	if err = w.part.allocate(size); err == nil {
		w.journal, err = newJournal(d, dest)
	}
	if err != nil {
		return nil, errors.Join(err, w.part.Close(), d.remove(partName(dest)))
	}
	// One checkpoint runs and one waits; a third makes the writer wait, so that what is not durable
	// stays bounded.
	w.marks, w.synced = make(chan mark, 1), make(chan error, 1)
	go func() { w.synced <- w.checkpoints() }()
	return w, nil
}

// checkpoints is the third stage. After an error it takes what comes and does nothing more.
func (w *writer) checkpoints() (err error) {
	for m := range w.marks {
		if err == nil {
			err = w.checkpoint(m)
		}
	}
	return err
}

// checkpoint makes what was written durable, and only then the record that says so.
func (w *writer) checkpoint(m mark) error {
	if err := w.part.dataSync(); err != nil {
		return err
	}
	return w.journal.record(m)
}

// takeAll takes frames until the last.
func (w *writer) takeAll(ctx context.Context, full <-chan *frame, free chan<- *frame) error {
	for {
		f, err := next(ctx, full)
		if err != nil || f == nil {
			return err
		}
		if err := w.take(f); err != nil {
			return err
		}
		if err := pass(ctx, free, f); err != nil {
			return err
		}
	}
}

func (w *writer) take(f *frame) error {
	if !w.prove(f) {
		return fmt.Errorf("the frame at %d is damaged", f.offset)
	}
	if f.offset != w.written {
		return fmt.Errorf("the frame at %d comes where %d was to come", f.offset, w.written)
	}
	if err := w.put(f.payload); err != nil {
		return err
	}
	if !f.last {
		return nil
	}
	if (w.o.SHA256 || w.o.Tree) && [sha256.Size]byte(w.whole.Sum(nil)) != f.digest {
		return errors.New("the digest of what arrived is not the sender's")
	}
	w.proven = true
	return nil
}

func (w *writer) prove(f *frame) bool {
	if !w.o.Tree {
		return crc32.Checksum(f.payload, castagnoli) == f.sum
	}
	leaf := sha256.Sum256(f.payload)
	w.whole.Write(leaf[:])
	return leaf == f.leaf
}

const writeBackBytes = 2 << 20

// put writes the next bytes.
func (w *writer) put(b []byte) error {
	if _, err := w.part.WriteAt(b, w.written); err != nil {
		return err
	}
	w.written += int64(len(b))
	if w.o.WriteBack && w.written-w.begun >= writeBackBytes {
		if err := w.part.beginWriteBack(w.begun, w.written-w.begun); err != nil {
			return err
		}
		w.begun = w.written
	}
	if w.o.SHA256 {
		w.whole.Write(b)
	}
	if w.o.CheckpointBytes < 0 || w.written-w.marked < w.o.CheckpointBytes {
		return nil
	}
	m, err := w.mark()
	if err == nil {
		w.marks <- m
	}
	return err
}

func (w *writer) mark() (mark, error) {
	w.marked = w.written
	m := mark{offset: w.written}
	if !w.o.SHA256 && !w.o.Tree {
		return m, nil
	}
	var err error
	m.state, err = w.whole.(encoding.BinaryAppender).AppendBinary(nil)
	return m, err
}

// end waits for the checkpoints and delivers the file, or removes what there is of it.
func (w *writer) end(err error) error {
	close(w.marks)
	if syncErr := <-w.synced; err == nil {
		err = syncErr
	}
	if err == nil && !w.proven {
		err = errors.New("the last frame has not come")
	}
	if err == nil {
		err = w.checkpointAll()
	}
	err = errors.Join(err, w.part.Close())
	if err == nil {
		err = w.disk.rename(partName(w.dest), w.dest)
	}
	if err != nil {
		return errors.Join(err, w.disk.remove(partName(w.dest)), w.journal.remove())
	}
	return errors.Join(w.disk.syncDir(filepath.Dir(w.dest)), w.journal.remove())
}

func (w *writer) checkpointAll() error {
	m, err := w.mark()
	if err != nil {
		return err
	}
	return w.checkpoint(m)
}
