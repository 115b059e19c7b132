package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// display shows a person what happens: on a terminal a bar at the bottom and events above it,
// elsewhere lines.
type display struct {
	out     io.Writer
	start   time.Time
	asBar   bool
	mu      sync.Mutex
	bar     *progressbar.ProgressBar
	percent int64 // last one shown as a line
}

func newDisplay(out *os.File) *display {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &display{out: out, start: time.Now(), asBar: terminal, percent: -1}
}

// say shows an event.
func (d *display) say(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	line := fmt.Sprintf("%8.3f s  %s\n", time.Since(d.start).Seconds(), fmt.Sprintf(format, args...))
	if d.bar == nil {
		io.WriteString(d.out, line)
		return
	}
	d.bar.Clear()
	io.WriteString(d.out, line)
	d.bar.RenderBlank()
}

// progress shows how much is durable at the destination.
func (d *display) progress(durable, total int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asBar {
		d.advance(durable, total)
		return
	}
	if percent := durable * 10 / max(total, 1) * 10; percent > d.percent {
		d.percent = percent
		fmt.Fprintf(d.out, "%8.3f s  %3d %% durable, %d of %d bytes\n", time.Since(d.start).Seconds(), percent, durable, total)
	}
}

func (d *display) advance(durable, total int64) {
	if d.bar == nil {
		d.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(d.out), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("durable"), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond))
	}
	d.bar.Set64(durable)
}

// finish ends the bar, so that what follows stands on lines of its own.
func (d *display) finish() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bar != nil {
		d.bar.Exit()
		fmt.Fprintln(d.out)
		d.bar = nil
	}
	d.asBar = false
}
