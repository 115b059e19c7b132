package resource

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Path is a directory on a disk that moves between nodes, mounted by somebody else. It is online
// while the directory is there, is the same one as when it came online, and on the device that was
// promised: when a file system is unmounted, the empty directory under it takes its place and would
// pass every other check. A disk without room is an error in its Status, but no failure (Elsewhere): it
// would be as full on the next node.
//
// The checks block in the operating system when the disk does not answer, and no context ends
// that. A check that takes longer than Limit is a failure; the call in the operating system goes on,
// no second one is made beside it, and Terminate waits for it: until it ends, the Group names the
// resource in its HangError.
type Path struct {
	Dir string
	// Marker is the name of a file or directory in Dir that exists on the disk only, never in the
	// mount point under it. Empty: none. Without Marker and Device an unmounted disk cannot be told
	// from an empty one when going online.
	Marker string
	// Device is what must be mounted there. On Linux the source of the mount: "/dev/vg/data" or any
	// other name of the same block device, such as its link in /dev/disk/by-uuid; for others the text
	// that findmnt shows, "server:/export". On macOS the source that mount shows. On Windows the
	// volume's name, "\\?\Volume{...}\". Empty: any.
	Device string
	// Limit is how long one check may take, the flush of a few bytes included; default 30 s, also for a
	// negative one: it cannot be off.
	Limit time.Duration
	// Poll is the time between two looks while Online waits; default 1 s, negative: Online looks
	// once and does not wait.
	Poll time.Duration

	mu    sync.Mutex
	seen  os.FileInfo   // when it came online
	check chan struct{} // closed when the latest check has ended; nil before the first

	flush func(*os.File) error // nil: Sync
}

// ErrReplaced is the failure of a Path with another directory in its place: unmounted, or mounted
// over.
var ErrReplaced = errors.New("another directory is in its place: unmounted or mounted over")

// ErrDevice is the failure of a Path that is not on Path.Device.
var ErrDevice = errors.New("not the promised device")

// ErrSlow is the failure of a Path whose disk does not answer within Path.Limit.
var ErrSlow = errors.New("the disk does not answer in time")

// Online waits until the directory and its Marker exist on the Device, and a file in it can be
// written and flushed. When its context ends first, it returns what it has seen last: in a Group that is
// after Policy.PendingTimeout, 180 s by default, and is a failure that counts, as the disk may be on another node. For
// room on a full disk it waits without limit, as each look is Progress.
func (p *Path) Online(ctx context.Context) error {
	return await(ctx, p.Poll, func(ctx context.Context) error {
		err := p.limited(ctx, func() error {
			info, err := p.stat()
			if err == nil {
				err = p.probe()
			}
			if err == nil {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.seen = info
			}
			return err
		})
		if errors.Is(err, ErrElsewhere) {
			Progress(ctx, "waits: "+err.Error())
		}
		return err
	})
}

// LooksAlive looks whether the directory is there and the same. It writes nothing.
func (p *Path) LooksAlive(ctx context.Context) error { return p.limited(ctx, p.same) }

// IsAlive creates a file .mqha-probe-<random> in the directory, writes into it, flushes it, and
// removes it. Only an fsync that returned proves that the disk, or the file server, still takes
// writes: a plain write ends in this node's cache. A process killed in between leaves the file.
func (p *Path) IsAlive(ctx context.Context) error {
	return p.limited(ctx, func() error {
		if err := p.same(); err != nil {
			return err
		}
		return p.probe()
	})
}

// Offline waits for a check that is still with the operating system, because it keeps the disk busy.
// Who mounted the disk unmounts it.
func (p *Path) Offline(ctx context.Context) error {
	p.mu.Lock()
	check := p.check
	p.mu.Unlock()
	if check == nil {
		return nil
	}
	select {
	case <-check:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", p.Dir, ErrSlow)
	}
}

// Terminate waits for a check that is still with the operating system: nothing can end it.
func (p *Path) Terminate() { _ = p.Offline(context.Background()) }

// limited runs one check in a goroutine, whose end the next check, Offline and Terminate wait for.
func (p *Path) limited(ctx context.Context, check func() error) error {
	limit := p.Limit
	if limit <= 0 {
		limit = 30 * time.Second
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	result, ended := make(chan error, 1), make(chan struct{})
	for earlier := p.begin(ended); earlier != nil; earlier = p.begin(ended) {
		select {
		case <-earlier:
		case <-timer.C:
			return fmt.Errorf("%s: %w: an earlier check is still with the operating system", p.Dir, ErrSlow)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	go func() {
		defer close(ended)
		result <- check()
	}()
	select {
	case err := <-result:
		<-ended
		return err
	case <-timer.C:
		return fmt.Errorf("%s: %w: %v", p.Dir, ErrSlow, limit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin notes a check that will close ended, or returns the one that is still running.
func (p *Path) begin(ended chan struct{}) (earlier <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.check != nil {
		select {
		case <-p.check:
		default:
			return p.check
		}
	}
	p.check = ended
	return nil
}

func (p *Path) same() error {
	info, err := p.stat()
	if err != nil {
		return err
	}
	p.mu.Lock()
	seen := p.seen
	p.mu.Unlock()
	if !os.SameFile(info, seen) {
		return fmt.Errorf("%s: %w", p.Dir, ErrReplaced)
	}
	return nil
}

func (p *Path) stat() (os.FileInfo, error) {
	info, err := os.Stat(p.Dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: not a directory", p.Dir)
	}
	os.SameFile(info, info) // on Windows the identity is read when it is first asked for: now, not when another directory is there
	if p.Marker != "" {
		if _, err := os.Lstat(filepath.Join(p.Dir, p.Marker)); err != nil {
			return nil, fmt.Errorf("%s: its marker is missing, is the disk mounted? %w", p.Dir, err)
		}
	}
	if p.Device != "" {
		if err := onDevice(p.Dir, p.Device); err != nil {
			return nil, err
		}
	}
	return info, nil
}

func (p *Path) probe() error {
	f, err := os.CreateTemp(p.Dir, ".mqha-probe-*")
	if err != nil {
		return fullIsElsewhere(err) // no inode is left, for example
	}
	flush := p.flush
	if flush == nil {
		flush = (*os.File).Sync
	}
	_, err = f.Write([]byte("written to see whether this disk answers; may be removed\n"))
	if err == nil {
		err = flush(f)
	}
	// Closed before it is removed: Windows removes no open file.
	return fullIsElsewhere(errors.Join(err, f.Close(), os.Remove(f.Name())))
}

// fullIsElsewhere: a disk without room answers. It is as full on every other node, and a group that moved for
// it would move for ever.
func fullIsElsewhere(err error) error {
	if isFull(err) {
		return Elsewhere(err)
	}
	return err
}
