package resource

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Path is a directory on a disk that moves between nodes, mounted by somebody else. It is online
// while the directory is there and is the same one as when it came online: when a file system is
// unmounted, the empty directory under it takes its place and would pass every other check.
//
// The checks block in the operating system when the disk does not answer, and no context ends
// that; the Group then gives the call up after Policy.PendingTimeout.
type Path struct {
	Dir string
	// Marker is the name of a file or directory in Dir that exists on the disk only, never in the
	// mount point under it. Without one, an unmounted disk cannot be told from an empty one when
	// going online. Empty: none.
	Marker string
	// Poll is the time between two looks while Online waits; default 1 s, negative: Online looks
	// once and does not wait.
	Poll time.Duration

	seen os.FileInfo // when it came online
}

// ErrReplaced is the failure of a Path with another directory in its place: unmounted, or mounted
// over.
var ErrReplaced = errors.New("another directory is in its place: unmounted or mounted over")

// Online waits until the directory and its Marker exist and a file in it can be written and
// flushed. When its context ends first, it returns what it has seen last.
func (p *Path) Online(ctx context.Context) error {
	poll := p.Poll
	if poll == 0 {
		poll = time.Second
	}
	for {
		info, err := p.stat()
		if err == nil {
			err = p.probe()
		}
		if err == nil {
			p.seen = info
			return nil
		}
		if poll < 0 {
			return err
		}
		timer := time.NewTimer(poll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w; gave up: %w", err, ctx.Err())
		}
	}
}

// LooksAlive looks whether the directory is there and the same. It writes nothing.
func (p *Path) LooksAlive(context.Context) error {
	info, err := p.stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, p.seen) {
		return fmt.Errorf("%s: %w", p.Dir, ErrReplaced)
	}
	return nil
}

// IsAlive creates a file .mqha-probe-<random> in the directory, writes into it, flushes it, and
// removes it. Only an fsync that returned proves that the disk, or the file server, still takes
// writes: a plain write ends in this node's cache. A process killed in between leaves the file.
func (p *Path) IsAlive(ctx context.Context) error {
	if err := p.LooksAlive(ctx); err != nil {
		return err
	}
	return p.probe()
}

// Offline has nothing to do: who mounted the disk unmounts it.
func (p *Path) Offline(context.Context) error { return nil }

// Terminate has nothing to do.
func (p *Path) Terminate() {}

func (p *Path) stat() (os.FileInfo, error) {
	info, err := os.Stat(p.Dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: not a directory", p.Dir)
	}
	if p.Marker != "" {
		if _, err := os.Lstat(filepath.Join(p.Dir, p.Marker)); err != nil {
			return nil, fmt.Errorf("%s: its marker is missing, is the disk mounted? %w", p.Dir, err)
		}
	}
	return info, nil
}

func (p *Path) probe() error {
	f, err := os.CreateTemp(p.Dir, ".mqha-probe-*")
	if err != nil {
		return err
	}
	_, err = f.Write([]byte("written to see whether this disk answers; may be removed\n"))
	if err == nil {
		err = f.Sync()
	}
	// Closed before it is removed: Windows removes no open file.
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
