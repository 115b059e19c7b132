package ref

import (
	"context"
	"crypto/sha256"
	"hash/crc32"
	"io"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is one piece of the file on its way.
type frame struct {
	offset  int64
	payload []byte            // of buffer
	sum     uint32            // CRC32C of payload
	leaf    [sha256.Size]byte // Options.Tree: SHA-256 of payload
	last    bool
	digest  [sha256.Size]byte // of the whole file, in the last frame
	buffer  []byte
}

// newFrames gives every frame of a pipeline.
func newFrames(o Options) chan *frame {
	free := make(chan *frame, buffers)
	for range buffers {
		free <- &frame{buffer: make([]byte, o.FrameBytes)}
	}
	return free
}

// pass hands a frame on, unless another stage has failed.
func pass(ctx context.Context, to chan<- *frame, f *frame) error {
	select {
	case to <- f:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// next takes a frame; nil: there are no more.
func next(ctx context.Context, from <-chan *frame) (*frame, error) {
	select {
	case f := <-from:
		return f, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// read is the first stage. It closes full after the last frame.
func read(ctx context.Context, src io.ReaderAt, size int64, o Options, free <-chan *frame, full chan<- *frame) error {
	defer close(full)
	whole := sha256.New()
	for at := int64(0); ; {
		f, err := next(ctx, free)
		if err != nil {
			return err
		}
		f.offset, f.payload = at, f.buffer[:min(int64(len(f.buffer)), size-at)]
		if n, err := src.ReadAt(f.payload, at); n < len(f.payload) {
			return err
		}
		at += int64(len(f.payload))
		f.last = at == size
		if o.Tree {
			f.leaf = sha256.Sum256(f.payload)
			whole.Write(f.leaf[:])
		} else {
			f.sum = crc32.Checksum(f.payload, castagnoli)
		}
		if o.SHA256 {
			whole.Write(f.payload)
		}
		if f.last {
			whole.Sum(f.digest[:0])
		}
		last := f.last // the next stage may have it back already
		if err := pass(ctx, full, f); err != nil || last {
			return err
		}
	}
}
