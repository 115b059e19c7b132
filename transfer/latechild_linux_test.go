package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/vfs"
	"golang.org/x/sys/unix"
)

// lateVariable carries the task of a process that TestLateCallsOfAStoppedProcessDoNoHarm starts.
const lateVariable = "MQHA_TRANSFER_TEST_LATE"

// lateTask is what one process does: both agents of one transfer, over a Pipe, until it has ended.
type lateTask struct {
	Root  string // of the directories of both agents
	Epoch uint64
	After bool   // an instance of the epoch before has begun, and left parts and journals to take over
	Move  bool   // the sources are deleted in the end
	Swap  bool   // a producer gives each source's name to another file in the moment before it is set aside
	Call  string // the process stops itself when its fence has said yes to this function
	At    int    // for the time of this number; 0: never
}

type lateReport struct {
	Status Status
	Err    string
	Checks map[string]int // how often each function asked the fence
	Late   []lateCall     // calls that ended after the process was stopped
}

// report is what the process says in the end.
func (p *lateProcess) report(t *testing.T) (r lateReport) {
	t.Helper()
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("the process: %v", err)
	}
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil {
		t.Fatalf("the process said %q: %v", p.out.Bytes(), err)
	}
	return r
}

// lateCall is a system call, or a few of them, of package vfs.
type lateCall struct {
	Op      string
	Name    string
	N       int
	Err     string
	Guarded bool // it is the one that the fence had said yes to

	Goroutine string
}

func (c lateCall) String() string { return fmt.Sprintf("%s %s: %d, %s", c.Op, c.Name, c.N, c.Err) }

// playLate is the main function of such a process.
func playLate(text string) {
	var k lateTask
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		panic(err)
	}
	if k.After {
		k.begin()
	}
	f := &selfStoppingFence{task: k, checks: map[string]int{}}
	r := lateReport{Checks: f.checks}
	var err error
	if r.Status, err = k.run(f, nil); err != nil {
		r.Err = err.Error()
	}
	r.Late = f.late
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		panic(err)
	}
}

// begin is the epoch before, whose lease ends in the middle of the transfer: when it is about to sync a second piece of a
// file, so that the next one finds frames that only the tail log speaks of, behind a checkpoint.
func (k lateTask) begin() {
	k.Epoch--
	f := &hookFence{epoch: k.Epoch}
	f.set(untilSecondPiece())
	if _, err := k.run(f, nil); !errors.Is(err, ErrFenced) {
		panic(fmt.Sprint("the epoch before did not end in the middle: ", err))
	}
}

// untilSecondPiece is a hook that loses the lease when a file that still arrives is to be synced for the second time.
func untilSecondPiece() func(stack string) error {
	var pieces atomic.Int32
	return func(stack string) error {
		if strings.Contains(stack, "(*tree).syncData") && strings.Contains(stack, "(*Engine).syncPart") {
			pieces.Add(1)
		}
		if pieces.Load() >= 2 {
			return errLateLease
		}
		return nil
	}
}

var errLateLease = errors.New("lease lost")

// run returns when the transfer has ended, or the lease.
func (k lateTask) run(f Fence, onEvent func(Event)) (s Status, err error) {
	mount := vfs.OpenRoot
	if stopping, ok := f.(*selfStoppingFence); ok {
		mount = stopping.mount
	}
	var engines [2]*Engine
	for i, name := range []string{"A", "B"} {
		var self atomic.Pointer[Engine]
		rotations := 0
		engines[i], err = openOn(context.Background(), mount, filepath.Join(k.Root, name), f, Options{
			Name: name, ReadRoots: []string{filepath.Join(k.Root, "read")}, WriteRoot: filepath.Join(k.Root, name+".got"),
			FrameBytes: 16 << 10, CreditBytes: 128 << 10, CheckpointBytes: 64 << 10, RetryInterval: 20 * time.Millisecond,
			OnEvent: func(ev Event) {
				if onEvent != nil {
					onEvent(ev)
				}
				// As when it has grown to its 64 MiB.
				if e := self.Load(); e != nil && ev.Kind == EventProgress && rotations < 3 {
					rotations++
					_ = e.call(context.Background(), e.rotateJournal) // the engine may have ended
				}
			},
		})
		if err != nil {
			break
		}
		self.Store(engines[i])
	}
	if err == nil {
		s, err = k.transfer(engines[0], engines[1])
	}
	for _, e := range engines {
		if e != nil {
			err = errors.Join(err, e.Close())
		}
	}
	return s, err
}

var lateID = ID{15: 1}

func (k lateTask) transfer(a, b *Engine) (Status, error) {
	la, lb := Pipe()
	defer start(a, la)()
	defer start(b, lb)()
	ctx := context.Background()
	r := Request{ID: lateID, To: "B", Items: []Item{{Source: filepath.Join(k.Root, "read"), Destination: "."}}}
	if k.Move {
		r.SourceDisposition = DeleteSource
	}
	if _, ok := b.fence.(*selfStoppingFence); ok {
		_ = b.call(ctx, b.rotateJournal) // once at least, however soon the transfer has ended; the engine may have failed
	}
	if _, err := a.Submit(ctx, r); err != nil {
		return Status{}, err
	}
	s, err := a.Wait(ctx, lateID)
	if err != nil {
		return s, err
	}
	// The end may have been seen before it is in the journal, and the next instance would come to it once more.
	written := make(chan struct{})
	if err := a.call(ctx, func() { a.syncJournal(func(time.Time) { close(written) }) }); err != nil {
		return s, err
	}
	select {
	case <-written:
	case <-a.bad:
		err = a.failure()
	}
	return s, err
}

// selfStoppingFence stops its own process after it has said yes, and says no from then on: the deadline of a lease
// passes while the process is stopped.
type selfStoppingFence struct {
	task    lateTask
	mu      sync.Mutex
	checks  map[string]int
	late    []lateCall
	stopped atomic.Bool
	thread  atomic.Int64 // that makes the guarded call, until it has made it
}

func (f *selfStoppingFence) Epoch() uint64 { return f.task.Epoch }

func (f *selfStoppingFence) Err() error {
	if f.stopped.Load() {
		return errLateLease
	}
	call := checkingFunction()
	f.mu.Lock()
	f.checks[call]++
	strikes := call == f.task.Call && f.checks[call] == f.task.At
	f.mu.Unlock()
	if !strikes {
		return nil
	}
	runtime.LockOSThread() // for ever: the process ends soon
	f.thread.Store(int64(unix.Gettid()))
	f.stopped.Store(true)
	// To this very thread: it takes the signal on its way out of the system call, and so does nothing more.
	return unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP)
}

// checkingFunction names who asks the fence. A rotation of the journal, and what deletes sources, use functions that
// others use, too.
func checkingFunction() string {
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	first, more := frames.Next()
	name := first.Function[strings.LastIndexByte(first.Function, '/')+1:]
	name = strings.TrimPrefix(name, "transfer.")
	for more {
		var fr runtime.Frame
		fr, more = frames.Next()
		switch {
		case strings.HasSuffix(fr.Function, "(*journal).rotate"):
			return "rotation: " + name
		case strings.HasSuffix(fr.Function, "(*remover).perform"):
			return "source: " + name
		}
	}
	return name
}

// mount is a real directory. It notes the calls that end after the process was stopped.
func (f *selfStoppingFence) mount(dir string) (vfs.Dir, error) {
	d, err := vfs.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &lateDir{d, f, dir}, nil
}

func (f *selfStoppingFence) note(op, name string, n int, err error) {
	if !f.stopped.Load() {
		return
	}
	stack := make([]byte, 64)
	goroutine, _, _ := strings.Cut(string(stack[:runtime.Stack(stack, false)]), "[")
	c := lateCall{Op: op, Name: name, N: n, Err: "done", Goroutine: goroutine}
	var no syscall.Errno
	switch {
	case errors.As(err, &no):
		c.Err = unix.ErrnoName(no)
	case err != nil:
		c.Err = err.Error()
	}
	c.Guarded = f.thread.CompareAndSwap(int64(unix.Gettid()), 0)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late = append(f.late, c)
}

type lateDir struct {
	vfs.Dir
	fence *selfStoppingFence
	path  string
}

func (d *lateDir) opened(op, name string, file vfs.File, err error) (vfs.File, error) {
	d.fence.note(op, name, 0, err)
	if err != nil {
		return nil, err
	}
	return &lateFile{file, name, d.fence}, nil
}

func (d *lateDir) Create(name string) (vfs.File, error) {
	file, err := d.Dir.Create(name)
	return d.opened("create", name, file, err)
}

func (d *lateDir) Reopen(name string) (vfs.File, error) {
	file, err := d.Dir.Reopen(name)
	return d.opened("open", name, file, err)
}

func (d *lateDir) done(op, name string, err error) error {
	d.fence.note(op, name, 0, err)
	return err
}

func (d *lateDir) Remove(name string) error { return d.done("unlink", name, d.Dir.Remove(name)) }

func (d *lateDir) Rename(from, to string) error {
	return d.done("rename", to, d.Dir.Rename(from, to))
}

func (d *lateDir) RenameNoReplace(from, to string) error {
	if d.fence.task.Swap && filepath.Base(d.path) == "read" {
		if err := swapFile(filepath.Join(d.path, from)); err != nil {
			return err
		}
	}
	return d.done("deliver", to, d.Dir.RenameNoReplace(from, to))
}

func (d *lateDir) PutBack(from, to string) error {
	return d.done("put back", to, d.Dir.PutBack(from, to))
}

// swapped is the content of a file that nobody has sent.
const swapped = "swapped"

func swapFile(name string) error {
	next := name + ".next"
	return errors.Join(os.WriteFile(next, []byte(swapped), 0o640), os.Rename(next, name))
}

func (d *lateDir) Mkdir(name string) error { return d.done("mkdir", name, d.Dir.Mkdir(name)) }

func (d *lateDir) SyncDir(name string) error { return d.done("sync", name, d.Dir.SyncDir(name)) }

type lateFile struct {
	vfs.File
	name  string
	fence *selfStoppingFence
}

func (l *lateFile) done(op string, err error) error {
	l.fence.note(op, l.name, 0, err)
	return err
}

func (l *lateFile) WriteAt(p []byte, at int64) (int, error) {
	n, err := l.File.WriteAt(p, at)
	l.fence.note("pwrite", l.name, n, err)
	return n, err
}

func (l *lateFile) Sync() error     { return l.done("sync", l.File.Sync()) }
func (l *lateFile) SyncData() error { return l.done("sync", l.File.SyncData()) }

func (l *lateFile) BeginWriteBack(off, n int64) error {
	return l.done("writeback", l.File.BeginWriteBack(off, n))
}

func (l *lateFile) Preallocate(size int64) error {
	return l.done("preallocate", l.File.Preallocate(size))
}

func (l *lateFile) Chmod(mode fs.FileMode) error { return l.done("chmod", l.File.Chmod(mode)) }
func (l *lateFile) SetTime(m time.Time) error    { return l.done("utimes", l.File.SetTime(m)) }
