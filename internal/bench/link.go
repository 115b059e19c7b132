package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/mqha/mqha/transfer"
)

// maxBody is the longest frame, as over IBM MQ.
const maxBody = 4<<20 - 64<<10

// tcpLink carries frames over one connection: the length in four bytes, one that says whether the frame is
// persistent, the body. Frames that are on the way when the connection ends are lost, the persistent ones
// too, which no Link for production may do.
type tcpLink struct {
	conn net.Conn

	sending sync.Mutex
	head    [5]byte
	vector  [2][]byte
	buffers net.Buffers

	received [5]byte
	watched  context.Context // whose end wakes Receive
	unwatch  func() bool
}

func newTCPLink(conn net.Conn) *tcpLink { return &tcpLink{conn: conn} }

func (l *tcpLink) MaxBody() int { return maxBody }

func (l *tcpLink) Commit(context.Context) error { return nil }

func (l *tcpLink) Send(ctx context.Context, f *transfer.Frame) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.sending.Lock()
	defer l.sending.Unlock()
	binary.LittleEndian.PutUint32(l.head[:], uint32(len(f.Body)))
	l.head[4] = 0
	if f.Persistent {
		l.head[4] = 1
	}
	l.vector = [2][]byte{l.head[:], f.Body}
	l.buffers = l.vector[:]
	_, err := l.buffers.WriteTo(l.conn) // one writev(2)
	return err
}

func (l *tcpLink) Receive(ctx context.Context, f *transfer.Frame) error {
	l.watch(ctx)
	_, err := io.ReadFull(l.conn, l.received[:])
	if err == nil {
		n := int(binary.LittleEndian.Uint32(l.received[:]))
		if n > maxBody {
			return fmt.Errorf("a frame of %d bytes", n)
		}
		if cap(f.Body) < n {
			f.Body = make([]byte, n)
		}
		f.Body, f.Persistent = f.Body[:n], l.received[4] == 1
		_, err = io.ReadFull(l.conn, f.Body)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// watch has the end of a Run wake its Receive, without anything for each frame.
func (l *tcpLink) watch(ctx context.Context) {
	if l.watched == ctx {
		return
	}
	if l.unwatch != nil {
		l.unwatch()
	}
	l.watched = ctx
	l.unwatch = context.AfterFunc(ctx, func() { _ = l.conn.SetReadDeadline(time.Unix(1, 0)) })
}

// dialled connects to the task's address.
func dialled(ctx context.Context, t task, fn func(net.Conn) error) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.Address)
	if err != nil {
		return err
	}
	return errors.Join(fn(conn), conn.Close())
}

// accepted says where it listens, and serves the first connection.
func accepted(ctx context.Context, fn func(net.Conn) error) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	if err := say(outcome{Address: l.Addr().String()}); err != nil {
		return err
	}
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	return errors.Join(fn(conn), conn.Close())
}
