package lockfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/mqha/mqha/internal/core/lease"
)

// lockOffset is the place of the locked byte, beyond anything that is ever read or written.
const lockOffset = 1 << 30

// disk does the operations of package lease, one at a time, from one goroutine.
type disk interface {
	do(ctx context.Context, a lease.Action) outcome // ctx ends waiting: Pause and Floor
}

// outcome is a Done event, and the records that a Look found.
type outcome struct {
	event lease.Event
	found Record // the newer one
	other Record // zero if it is our own
}

func failed(err error) outcome { return outcome{event: lease.Event{Err: err}} }

// files is the disk that is one.
type files struct {
	path string
	self Record  // without Epoch and Beat
	opts Options // as given
	f    *os.File
	poll time.Duration // on the file system of f

	tooLong bool // somebody has written behind the record
	busy    bool // another holds the lock
}

func (d *files) do(ctx context.Context, a lease.Action) outcome {
	switch a.Op {
	case lease.Inquire:
		return d.inquire()
	case lease.TryLock:
		return d.tryLock()
	case lease.Look:
		return d.look()
	case lease.Pause:
		return failed(pause(ctx, d.poll))
	case lease.List:
		epochs, err := listNames(d.path)
		return outcome{event: lease.Event{Names: epochs, Err: err}}
	case lease.Floor:
		return d.floor(ctx)
	case lease.CreateName:
		return d.createName(a.Epoch)
	}
	return failed(d.change(a))
}

// change does the operations that only succeed or fail.
func (d *files) change(a lease.Action) error {
	switch a.Op {
	case lease.Open:
		return d.open()
	case lease.MakeNames:
		return makeDir(namesDir(d.path))
	case lease.SyncParent:
		return syncDir(filepath.Dir(d.path))
	case lease.SyncNames:
		return syncName(namePath(d.path, a.Epoch))
	case lease.Write:
		return d.write(a)
	case lease.Claim:
		return d.claim(a.Epoch)
	case lease.Sync:
		return d.f.Sync()
	case lease.Prune:
		return os.Remove(namePath(d.path, a.Epoch))
	case lease.Unlock:
		return unlock(d.f)
	case lease.Close:
		return d.f.Close()
	}
	return fmt.Errorf("unknown operation %d", a.Op)
}

func (d *files) open() (err error) {
	d.f, err = os.OpenFile(d.path, os.O_RDWR|os.O_CREATE, 0o644)
	if missing(err) {
		if isLink(d.path) { // to where nothing is, such as a disk that is not mounted
			return d.foreignLink()
		}
		return fmt.Errorf("the directory of the lock file is not there: %w", err)
	}
	return err
}

// missing says that there is no such file or directory. On Windows os.ErrNotExist also stands for ERROR_BAD_NETPATH, with
// which a server that is away answers (syscall.Errno.Is): nothing is known then of what it has.
func missing(err error) bool { return errors.Is(err, os.ErrNotExist) && !passing(err) }

// makeDir is not MkdirAll: where the directory of the lock file is missing, its disk is.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

func (d *files) inquire() outcome {
	info, err := d.f.Stat()
	if err != nil {
		return failed(err)
	}
	if !info.Mode().IsRegular() {
		return failed(fmt.Errorf("%w: %s is not a regular file", ErrForeign, d.path))
	}
	if isLink(d.path) {
		return failed(d.foreignLink())
	}
	local, lockLease, err := fileSystem(d.f)
	if err != nil {
		return failed(err)
	}
	var longest time.Duration
	if !local {
		longest = knowledgeOf(fileSystemName(d.f)).deadline
	}
	o, err := d.opts.on(local, lockLease, longest)
	if err != nil {
		return failed(err)
	}
	d.poll = o.Poll
	return outcome{event: lease.Event{Interval: o.Heartbeat, Deadline: o.Deadline}}
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

// foreignLink: two machines with a link each would share the lock, and have epochs of their own beside their links.
func (d *files) foreignLink() error {
	return fmt.Errorf("%w: %s is a symbolic link; give the path of the file itself", ErrForeign, d.path)
}

func (d *files) tryLock() outcome {
	got, err := tryLock(d.f)
	if err != nil {
		return failed(fmt.Errorf("lock %s: %w", d.path, err))
	}
	if d.busy = !got; d.busy {
		return outcome{event: lease.Event{Result: lease.Busy}}
	}
	d.self.Since = time.Now().UTC().Round(0)
	return outcome{}
}

// look opens the path afresh: a network file system asks its server then, and only then.
func (d *files) look() outcome {
	f, err := os.Open(d.path)
	if err != nil {
		return unopened(err)
	}
	defer f.Close()
	same, err := sameFile(f, d.f)
	if err != nil {
		return failed(err)
	}
	if !same {
		return outcome{event: lease.Event{Result: lease.Other}}
	}
	content, err := readRecord(f)
	if err != nil {
		return failed(err)
	}
	found, other, err := parseRecord(content)
	if err != nil && d.busy {
		// Somebody wrote over the record of a holder that lives, who mends it with its next heartbeat. To those who
		// wait it is a holder that has not written yet.
		return outcome{}
	}
	if err == nil && found.Epoch != 0 && found.Primitive != primitive {
		err = fmt.Errorf("%w: its lock is %q, here it would be %q", ErrForeign, found.Primitive, primitive)
	}
	if err != nil {
		return failed(fmt.Errorf("%w (%s)", err, d.path))
	}
	d.tooLong = len(content) > fileSize
	damaged := d.tooLong || !d.mine(other)
	if d.mine(other) {
		other = Record{}
	}
	return outcome{found: found, other: other, event: lease.Event{Epoch: found.Epoch, Beat: found.Beat,
		Mine: d.mine(found), Damaged: damaged, Claims: parseClaims(content)}}
}

func (d *files) mine(r Record) bool {
	return r.Instance == d.self.Instance && r.Host == d.self.Host && r.PID == d.self.PID && r.Since.Equal(d.self.Since)
}

// unopened is what a look comes to that cannot open the path.
func unopened(err error) outcome {
	if missing(err) {
		return outcome{event: lease.Event{Result: lease.Missing}}
	}
	return failed(err)
}

func sameFile(a, b *os.File) (bool, error) {
	infoA, err := a.Stat()
	if err != nil {
		return false, err
	}
	infoB, err := b.Stat()
	if err != nil {
		return false, err
	}
	return os.SameFile(infoA, infoB), nil
}

// readRecord reads one byte more than the file has, because a longer file is not as we left it.
func readRecord(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, fileSize+1))
}

// pause waits for a random time, so that several standbys do not try in step.
func pause(ctx context.Context, poll time.Duration) error {
	t := time.NewTimer(poll/2 + rand.N(poll/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return left{context.Cause(ctx)}
	}
}

func (d *files) floor(ctx context.Context) outcome {
	if d.opts.EpochFloor == nil {
		return outcome{}
	}
	epoch, err := d.opts.EpochFloor(ctx)
	if err != nil {
		return failed(fmt.Errorf("epoch floor: %w", err))
	}
	return outcome{event: lease.Event{Epoch: epoch}}
}

func (d *files) createName(epoch uint64) outcome {
	f, err := os.OpenFile(namePath(d.path, epoch), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return outcome{event: lease.Event{Result: lease.Busy}}
	}
	if err != nil {
		return failed(err)
	}
	return failed(f.Close())
}

func (d *files) write(a lease.Action) error {
	r := d.self
	r.Epoch, r.Beat = a.Epoch, a.Beat
	line, err := r.line()
	if err != nil {
		return err
	}
	if _, err = d.f.WriteAt(line, int64(a.Beat%2)*lineSize); err == nil && d.tooLong {
		err = d.f.Truncate(fileSize) // also when it is late: the file is never longer
	}
	return err
}

func (d *files) claim(epoch uint64) error {
	line, at, err := claim(epoch)
	if err != nil {
		return err
	}
	_, err = d.f.WriteAt(line, at)
	return err
}
