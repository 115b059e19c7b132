package lockfile

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/mqha/mqha/internal/core/lease"
)

// Acquire takes the lock of the file path, and waits while another instance has it. The file and the
// directory path.epochs are made when they are missing; their parent directory is not.
//
// ctx bounds only the wait: the lease does not end with it. When ctx ends, the error matches its cause,
// and also ErrHeld if another instance had the lock by the last answer of the file system. Once another instance was
// seen, trouble that may pass ends no wait: a server that is away for a moment, EIO, ESTALE or ENOLCK. It is an event,
// TryFailed, and polling goes on.
//
// Any other error ends the attempt too and means that this place cannot be used as it is, or, with the first try or after
// the lock was got, that its file system has trouble now: os.ErrNotExist when the directory is missing (its disk may not
// be mounted yet; on Windows also when its server is away), os.ErrPermission, ErrForeign, errors.ErrUnsupported, what
// EpochFloor returned, or an I/O error. Calling again is always safe.
//
// Call Lease.Release in the end.
func Acquire(ctx context.Context, path string, o Options) (*Lease, error) {
	return acquire(ctx, path, o, true)
}

// TryAcquire is Acquire without waiting: when another instance has the lock, it returns a *HeldError,
// which matches ErrHeld. It returns as soon as the file system has answered; where that may take for ever (a network
// file system whose server is away), use Acquire with a context.
func TryAcquire(path string, o Options) (*Lease, error) {
	return acquire(context.Background(), path, o, false)
}

func acquire(ctx context.Context, path string, o Options, wait bool) (*Lease, error) {
	if err := o.check(); err != nil {
		return nil, wrap(err)
	}
	if path == "" {
		return nil, errors.New("lockfile: no path")
	}
	path, err := filepath.Abs(path) // the heartbeat opens it again, wherever the process is by then
	if err != nil {
		return nil, wrap(err)
	}
	self, err := identity(o.Instance)
	if err != nil {
		return nil, wrap(err)
	}
	if err := self.fits(); err != nil {
		return nil, wrap(err)
	}
	return take(ctx, path, &files{path: path, self: self, opts: o}, newClock(), wait, o.OnEvent)
}

func wrap(err error) error { return fmt.Errorf("lockfile: %w", err) }

// lingering: when ctx ends, an operation under way usually ends at once, and then nothing is left
// behind. One that hangs is left to itself after this time.
const lingering = time.Second

func take(ctx context.Context, path string, d disk, clock func() lease.Instant, wait bool, onEvent func(Event)) (*Lease, error) {
	k := keep(ctx, path, d, clock, wait, onEvent)
	select {
	case err := <-k.decided:
		if err == nil {
			return k.lease, nil
		}
		k.decided <- err
		select {
		case <-k.stopped:
		case <-ctx.Done(): // OnEvent takes its time
		}
	case <-ctx.Done():
	}
	k.leave(context.Cause(ctx))
	return nil, k.ending(ctx)
}

// ending waits for the end of an attempt that comes to nothing, and returns why.
func (k *keeper) ending(ctx context.Context) error {
	timer := time.NewTimer(lingering)
	defer timer.Stop()
	hangs := false
	select {
	case <-k.stopped:
	case <-timer.C:
		hangs = true
	}
	var err error
	select {
	case err = <-k.decided: // nil: it was granted at the same moment, and given back
	default:
	}
	switch {
	case hangs:
		return fmt.Errorf("lockfile: %s does not answer: %w", k.silent(), cmp.Or(err, context.Cause(ctx)))
	case err == nil:
		return wrap(context.Cause(ctx))
	}
	return err
}

// maxHost keeps the record within its line.
const maxHost = 64

// identity is the part of the record that stays the same.
func identity(instance string) (Record, error) {
	host, err := os.Hostname()
	if err != nil {
		return Record{}, err
	}
	if len(host) > maxHost || !utf8.ValidString(host) {
		host = hex.EncodeToString([]byte(host))[:maxHost]
	}
	if instance == "" {
		var random [4]byte
		rand.Read(random[:])
		instance = fmt.Sprintf("%.40s-%d-%x", host, os.Getpid(), random)
	}
	return Record{Instance: instance, Host: host, BootID: bootID(), PID: os.Getpid(), Primitive: primitive}, nil
}

// Inspect reads the record in the file path without asking for the lock. It says who wrote last, not
// whether that instance still lives. A file that nobody has held yet gives the zero Record.
func Inspect(path string) (Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return Record{}, wrap(err)
	}
	defer f.Close()
	content, err := readRecord(f)
	if err != nil {
		return Record{}, wrap(err)
	}
	r, _, err := parseRecord(content)
	if err != nil {
		return Record{}, fmt.Errorf("lockfile: %w (%s)", err, path)
	}
	return r, nil
}
