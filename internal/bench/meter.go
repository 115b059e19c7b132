package main

import (
	"context"
	"errors"
	"io"
	"runtime"
	"syscall"
	"time"

	"github.com/mqha/mqha/transfer"
)

// meter is a Link that watches the full frames that are sent, which one goroutine does: when the first
// comes, and what is allocated and collected in the process between a quarter and three quarters of all.
type meter struct {
	transfer.Link
	begun  time.Time
	first  time.Duration
	seen   int64
	frames int64
	start  runtime.MemStats
	end    runtime.MemStats
}

func newMeter(size int64) *meter { return &meter{begun: time.Now(), frames: size / frameBytes} }

func (m *meter) over(l transfer.Link) transfer.Link {
	m.Link = l
	return m
}

func (m *meter) Send(ctx context.Context, f *transfer.Frame) error {
	if isFull(f) {
		switch m.seen++; m.seen {
		case 1:
			m.first = time.Since(m.begun)
		case m.frames / 4:
			runtime.ReadMemStats(&m.start)
		case m.frames * 3 / 4:
			runtime.ReadMemStats(&m.end)
		}
	}
	return m.Link.Send(ctx, f)
}

func isFull(f *transfer.Frame) bool { return len(f.Body) == transfer.HeaderBytes+frameBytes }

// tell is called when nothing is sent any more.
func (m *meter) tell(o *outcome) {
	o.FirstFrame, o.AllocsPerFrame, o.GCsPerGiB = m.first.Seconds(), -1, -1
	if n := m.frames*3/4 - m.frames/4; n > 0 && m.end.Mallocs > 0 {
		o.AllocsPerFrame = float64(m.end.Mallocs-m.start.Mallocs) / float64(n)
		o.GCsPerGiB = float64(m.end.NumGC-m.start.NumGC) * (1 << 30) / float64(n*frameBytes)
	}
}

// isEnd says that the other side has closed the connection: a reset, when something was on the way to it.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
