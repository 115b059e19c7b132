//go:build lab && linux

package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/transfer"
	"golang.org/x/sys/unix"
)

// Real disks in trouble. Needs root, and e2fsprogs, xfsprogs and fuse3 of Debian.

const (
	labFrame      = 8 << 10
	labCredit     = 128 << 10
	labCheckpoint = 64 << 10

	// labBound is what one failure may cost: two checkpoints that were not durable, what was in flight, and
	// the frame that was being read.
	labBound = 2*labCheckpoint + labCredit + labFrame
)

var labSizes = map[string]int{"empty": 0, "little": 3000, "d/frames": 2 * labFrame, "d/much": 600_000, "rest": labFrame + 1}

// ordeal is one transfer from A to B while something befalls a disk of one of them.
type ordeal struct {
	t        *testing.T
	a, b     *agent
	request  transfer.Request
	events   *watcher
	sent     atomic.Int64 // file data
	la, lb   transfer.Link
	consumer *durableConsumer // nil: nobody takes files away
}

func newOrdeal(t *testing.T, a, b *agent) *ordeal {
	t.Helper()
	o := &ordeal{t: t, a: a, b: b, events: newWatcher()}
	o.request = transfer.Request{ID: transfer.NewID(), To: b.name, Items: []transfer.Item{{Source: a.read, Destination: "."}}}
	for name, size := range labSizes {
		writeFile(t, a.read, name, size, 0o640)
	}
	la, lb := transfer.Pipe()
	o.la, o.lb = &meteredLink{la, &o.sent}, lb
	return o
}

// seatOn is an agent with these directories below dirs, which are made.
func seatOn(t *testing.T, name, state, read, got string) *agent {
	t.Helper()
	for _, d := range []string{state, read, got} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &agent{name: name, state: state, read: read, got: got}
}

type meteredLink struct {
	transfer.Link
	sent *atomic.Int64
}

func (l *meteredLink) Send(ctx context.Context, f *transfer.Frame) error {
	if !f.Persistent {
		l.sent.Add(int64(len(f.Body) - transfer.HeaderBytes))
	}
	return l.Link.Send(ctx, f)
}

// strikingFence strikes before a system call, which then meets what has befallen the disk.
type strikingFence struct {
	epoch  uint64
	calls  atomic.Int64
	at     int64 // 0: never
	strike func()
}

func (f *strikingFence) Epoch() uint64 { return f.epoch }

func (f *strikingFence) Err() error {
	if f.calls.Add(1) == f.at {
		f.strike()
	}
	return nil
}

func (o *ordeal) open(a *agent, f transfer.Fence) (*transfer.Engine, error) {
	return transfer.Open(o.t.Context(), a.state, f, transfer.Options{
		Name: a.name, ReadRoots: []string{o.a.read}, WriteRoot: a.got,
		FrameBytes: labFrame, CreditBytes: labCredit, CheckpointBytes: labCheckpoint,
		OnEvent: o.events.on,
	})
}

// run runs both engines until the transfer has ended (nil) or one engine stops by itself: its error.
func (o *ordeal) run(ea, eb *transfer.Engine) (transfer.Status, error) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	stopped, ended := make(chan error, 2), make(chan error, 1)
	var s transfer.Status
	var running sync.WaitGroup
	running.Go(func() { stopped <- ea.Run(ctx, o.la) })
	running.Go(func() { stopped <- eb.Run(ctx, o.lb) })
	running.Go(func() {
		id, err := ea.Submit(ctx, o.request)
		if err == nil {
			s, err = ea.Wait(ctx, id)
		}
		ended <- err
	})
	var err error
	select {
	case err = <-ended:
	case err = <-stopped:
	}
	cancel()
	running.Wait()
	return s, err
}

// check holds what was delivered, and taken away, against the source: everything once and identical.
func (o *ordeal) check(s transfer.Status) (ok bool) {
	o.t.Helper()
	ok = true
	bad := func(format string, args ...any) {
		o.t.Helper()
		ok = false
		o.t.Errorf(format, args...)
	}
	if s.State != transfer.Completed || s.Failed != 0 {
		bad("ended as %+v", s)
	}
	times := map[string]int{}
	got := facts(o.t, o.b.got)
	if o.consumer != nil {
		for path, f := range facts(o.t, o.consumer.to) {
			if name, isFile := strings.CutPrefix(filepath.Ext(path), "."); isFile {
				name = strings.ReplaceAll(name, "+", "/")
				got[name] = f
				times[name]++
			}
		}
	}
	want := facts(o.t, o.a.read)
	for name, f := range got {
		if w, sent := want[name]; !sent || w != f {
			bad("%s: %+v, want %+v", name, f, w)
		}
	}
	for name := range labSizes {
		if _, err := os.Stat(filepath.Join(o.b.got, name)); err == nil {
			times[name]++
		}
		if times[name] != 1 {
			bad("%s was delivered %d times", name, times[name])
		}
	}
	if again := o.again(); again > labBound {
		bad("%d bytes were sent twice, at most %d are in flight or not durable", again, labBound)
	}
	return ok
}

// again is how many bytes were sent twice. The list of the files is sent, too, and not counted.
func (o *ordeal) again() int64 {
	const list = 1 << 10
	again := o.sent.Load() - list
	for _, size := range labSizes {
		again -= int64(size)
	}
	return max(0, again)
}

// durableConsumer takes each file away at once, and makes that durable: a name that is not is there again
// after a loss of power, which no sender can help.
type durableConsumer struct {
	from, to string
	taken    int
	quit     chan struct{}
	ended    chan error
}

func (c *durableConsumer) start() {
	c.quit, c.ended = make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			if err := c.look(); err != nil {
				c.ended <- err
				return
			}
			select {
			case <-tick.C:
			case <-c.quit:
				c.ended <- c.look()
				return
			}
		}
	}()
}

// stop gives the error that it ended with: that of a disk without power.
func (c *durableConsumer) stop() error {
	close(c.quit)
	return <-c.ended
}

func (c *durableConsumer) look() error {
	return filepath.WalkDir(c.from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		name, err := filepath.Rel(c.from, path)
		if err != nil {
			return err
		}
		c.taken++
		to := filepath.Join(c.to, fmt.Sprintf("%d.%s", c.taken, strings.ReplaceAll(name, "/", "+")))
		if err := os.Rename(path, to); err != nil {
			return err
		}
		return errors.Join(syncNames(c.to), syncNames(filepath.Dir(path)))
	})
}

func syncNames(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// labDisk is a file system of its own in a file.
type labDisk struct {
	t        *testing.T
	image    string
	dir      string
	options  string
	attached bool
}

// newDisk makes a disk of that kind and mounts it.
func newDisk(t *testing.T, size int64, options string, mkfs ...string) *labDisk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
	if _, err := exec.LookPath(mkfs[0]); err != nil {
		t.Skipf("%s is not installed", mkfs[0])
	}
	d := &labDisk{t: t, image: filepath.Join(t.TempDir(), "image"), dir: t.TempDir(), options: options}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, size); err != nil { // sparse
		t.Fatal(err)
	}
	mustRun(t, mkfs[0], append(mkfs[1:], d.image)...)
	d.mount()
	t.Cleanup(func() {
		if d.attached {
			d.unmount()
		}
	})
	return d
}

func (d *labDisk) mount() {
	d.t.Helper()
	mustRun(d.t, "mount", "-o", d.options, d.image, d.dir)
	d.attached = true
}

func (d *labDisk) unmount() {
	d.t.Helper()
	d.attached = false
	mustRun(d.t, "umount", d.dir)
}

// pull ends all I/O without a last flush of the log: FS_IOC_SHUTDOWN with FS_SHUTDOWN_FLAGS_NOLOGFLUSH, in
// linux/fs.h. After the next mount only what was synced is there.
func (d *labDisk) pull() {
	const shutdown, noLogFlush = 0x8004587d, 2
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Error(err)
		return
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush); err != nil {
		d.t.Errorf("FS_IOC_SHUTDOWN: %v", err)
	}
}

func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}
