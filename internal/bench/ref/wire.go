package ref

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
)

// headerBytes stand before each payload: offset, length, checksum, last, digest, leaf.
const headerBytes = 8 + 4 + 4 + 4 + 32 + 32

// durable is what the receiver says in the end, once the file has its name.
const durable = 'D'

// Send sends source over conn and waits until the receiver has it durably.
func Send(conn net.Conn, source string, o Options) error {
	o = o.withDefaults()
	src, size, err := openSource(source)
	if err != nil {
		return err
	}
	defer src.Close()
	if _, err := conn.Write(binary.LittleEndian.AppendUint64(nil, uint64(size))); err != nil {
		return err
	}
	free, full := newFrames(o), make(chan *frame, buffers)
	g, ctx := errgroup.WithContext(context.Background())
	g.Go(func() error { return cut(conn, read(ctx, src, size, o, free, full)) })
	g.Go(func() error { return transmit(ctx, conn, full, free) })
	if err := g.Wait(); err != nil {
		return err
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	if answer[0] != durable {
		return errors.New("the receiver does not have it")
	}
	return nil
}

func transmit(ctx context.Context, conn net.Conn, full <-chan *frame, free chan<- *frame) error {
	var header [headerBytes]byte
	vector := make([][]byte, 2)
	for {
		f, err := next(ctx, full)
		if err != nil || f == nil {
			return err
		}
		le := binary.LittleEndian
		le.PutUint64(header[0:], uint64(f.offset))
		le.PutUint32(header[8:], uint32(len(f.payload)))
		le.PutUint32(header[12:], f.sum)
		header[16] = 0
		if f.last {
			header[16] = 1
		}
		copy(header[20:], f.digest[:])
		copy(header[52:], f.leaf[:])
		vector[0], vector[1] = header[:], f.payload
		both := net.Buffers(vector) // one writev(2)
		if _, err := both.WriteTo(conn); err != nil {
			return err
		}
		if err := pass(ctx, free, f); err != nil {
			return err
		}
	}
}

// Receive receives dest from conn.
func Receive(conn net.Conn, dest string, o Options) error {
	o = o.withDefaults()
	var length [8]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	size := int64(binary.LittleEndian.Uint64(length[:]))
	w, err := newWriter(osDisk{}, dest, size, o)
	if err != nil {
		return err
	}
	free, full := newFrames(o), make(chan *frame, buffers)
	g, ctx := errgroup.WithContext(context.Background())
	g.Go(func() error { return receive(ctx, conn, free, full) })
	g.Go(func() error { return cut(conn, w.takeAll(ctx, full, free)) })
	if err := w.end(g.Wait()); err != nil {
		return err
	}
	_, err = conn.Write([]byte{durable})
	return err
}

// cut wakes the stage that waits in the connection when the other one has failed.
func cut(conn net.Conn, err error) error {
	if err != nil {
		err = errors.Join(err, conn.SetDeadline(time.Unix(1, 0)))
	}
	return err
}

// receive closes full after the last frame.
func receive(ctx context.Context, conn net.Conn, free <-chan *frame, full chan<- *frame) error {
	defer close(full)
	var header [headerBytes]byte
	for {
		f, err := next(ctx, free)
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return err
		}
		le := binary.LittleEndian
		n := int(le.Uint32(header[8:]))
		if n > len(f.buffer) {
			return fmt.Errorf("a frame of %d bytes", n)
		}
		f.offset, f.payload = int64(le.Uint64(header[0:])), f.buffer[:n]
		f.sum, f.last, f.digest = le.Uint32(header[12:]), header[16] == 1, [32]byte(header[20:])
		f.leaf = [32]byte(header[52:])
		if _, err := io.ReadFull(conn, f.payload); err != nil {
			return err
		}
		last := f.last
		if err := pass(ctx, full, f); err != nil || last {
			return err
		}
	}
}
