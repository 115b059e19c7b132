package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/transfer"
)

// sentFrame is one message with file data that a source agent put. It was counted outside of
// package transfer, between that and the queue manager, so that the library is not asked about itself.
type sentFrame struct {
	by      string // process
	at      time.Time
	payload int  // bytes after the frame's header
	first   bool // begins with the first bytes of the first file: what was sent before is the list of files
}

// frameLog writes a record of fixed length for each frame before it is put. A write that has
// returned is in the page cache, which outlives SIGKILL: at most the last frame is counted and was
// not put, so that what was sent again is never made to look less.
type frameLog struct {
	mark []byte // how the first file begins
	rate int64  // bytes a second at the most; 0: no limit

	mu   sync.Mutex
	file *os.File
	end  int64
	free time.Time // when the next frame may go at that rate
}

const (
	frameRecordBytes = 16 // wall clock in ns, payload, flags
	flagFirst        = 1
)

func openFrameLog(path string, mark []byte, rate int64) (*frameLog, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &frameLog{mark: mark, rate: rate, file: file}, nil
}

// count notes a frame and says how long it has to wait for its turn.
func (l *frameLog) count(now time.Time, payload []byte) (time.Duration, error) {
	var record [frameRecordBytes]byte
	binary.LittleEndian.PutUint64(record[0:], uint64(now.UnixNano()))
	binary.LittleEndian.PutUint32(record[8:], uint32(len(payload)))
	if bytes.HasPrefix(payload, l.mark) {
		binary.LittleEndian.PutUint32(record[12:], flagFirst)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.WriteAt(record[:], l.end); err != nil {
		return 0, fmt.Errorf("frames cannot be counted: %w", err)
	}
	l.end += frameRecordBytes
	if l.rate <= 0 {
		return 0, nil
	}
	if l.free.Before(now) {
		l.free = now
	}
	wait := l.free.Sub(now)
	l.free = l.free.Add(time.Duration(int64(len(payload)) * int64(time.Second) / l.rate))
	return wait, nil
}

func (l *frameLog) Close() error { return l.file.Close() }

func readFrameLog(path string) ([]sentFrame, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	frames := make([]sentFrame, 0, len(content)/frameRecordBytes)
	for len(content) >= frameRecordBytes {
		frames = append(frames, sentFrame{
			at:      time.Unix(0, int64(binary.LittleEndian.Uint64(content[0:]))),
			payload: int(binary.LittleEndian.Uint32(content[8:])),
			first:   binary.LittleEndian.Uint32(content[12:])&flagFirst != 0,
		})
		content = content[frameRecordBytes:]
	}
	return frames, nil
}

// countingDialer makes connections that count what is put to one queue.
type countingDialer struct {
	mqconn.Dialer
	queue string
	log   *frameLog
}

func (d countingDialer) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	t, err := d.Dialer.Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	return countingTransport{Transport: t, queue: d.queue, log: d.log}, nil
}

type countingTransport struct {
	mqconn.Transport
	queue string
	log   *frameLog
}

// Put counts frames with data: they are not persistent, and questions have a header only.
func (t countingTransport) Put(to mqconn.Address, m *mqconn.Message) error {
	if to.Queue == t.queue && !m.Persistent && len(m.Body) > transfer.HeaderBytes {
		wait, err := t.log.count(time.Now(), m.Body[transfer.HeaderBytes:])
		if err != nil {
			return err
		}
		if wait > 0 {
			<-time.After(wait)
		}
	}
	return t.Transport.Put(to, m)
}
