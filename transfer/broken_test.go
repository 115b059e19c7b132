package transfer

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/vfs"
)

// A list that could not be read was told to the receiver as trouble with the files: it refused the transfer,
// or reported every file as failed, for ever, though the next instance could have sent them.
func TestListThatCannotBeReadStopsTheSenderAndNotTheTransfer(t *testing.T) {
	for name, of := range map[string]func(*outRecord) string{"manifest": (*outRecord).manifestName, "sources": (*outRecord).sourcesName} {
		t.Run(name, func(t *testing.T) {
			a, b := newSeat(t, "A"), newSeat(t, "B")
			if err := os.WriteFile(filepath.Join(a.read, "x"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			ea, eb := a.open(t, &hookFence{epoch: 1}, nil), b.open(t, &hookFence{epoch: 1}, nil)
			id, err := ea.Submit(t.Context(), Request{To: "B", Items: []Item{{Source: a.read, Destination: "."}}})
			if err != nil {
				t.Fatal(err)
			}
			list := filepath.Join(a.state, of(&outRecord{ID: id, Lists: 1}))
			away := filepath.Join(t.TempDir(), "list")
			if err := os.Rename(list, away); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(list, 0o700); err != nil { // can be opened, and not read
				t.Fatal(err)
			}
			la, lb := Pipe()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- eb.Run(ctx, lb) }()
			if err := ea.Run(ctx, la); !errors.Is(err, ErrDurability) {
				t.Errorf("Run: %v", err)
			}
			if err := ea.Close(); !errors.Is(err, ErrDurability) {
				t.Errorf("Close: %v", err)
			}
			if err := errors.Join(os.Remove(list), os.Rename(away, list)); err != nil {
				t.Fatal(err)
			}
			ea = a.open(t, &hookFence{epoch: 2}, nil)
			next := make(chan error, 1)
			go func() { next <- ea.Run(ctx, la) }()
			if s, err := ea.Wait(ctx, id); err != nil || s.State != Completed || s.Failed != 0 {
				t.Errorf("%+v, %v", s, err)
			}
			cancel()
			<-ended
			<-next
			if err := errors.Join(ea.Close(), eb.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// sickDir is a directory whose disk answers with errors, each nil or what one kind of operation is asked.
type sickDir struct {
	vfs.Dir
	sick sickness
}

// sickness gives what the disk answers; a nil one is well.
type sickness struct{ create, write, writeBack, sync, syncDir func() error }

func answer(sick func() error, op, name string) error {
	if sick != nil {
		if err := sick(); err != nil {
			return &os.PathError{Op: op, Path: name, Err: err}
		}
	}
	return nil
}

func (d *sickDir) Create(name string) (vfs.File, error) {
	if err := answer(d.sick.create, "open", name); err != nil {
		return nil, err
	}
	f, err := d.Dir.Create(name)
	if err == nil {
		f = &sickPart{f, name, &d.sick}
	}
	return f, err
}

func (d *sickDir) SyncDir(name string) error {
	if err := answer(d.sick.syncDir, "sync", name); err != nil {
		return err
	}
	return d.Dir.SyncDir(name)
}

type sickPart struct {
	vfs.File
	name string
	sick *sickness
}

func (f *sickPart) WriteAt(b []byte, offset int64) (int, error) {
	if err := answer(f.sick.write, "write", f.name); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, offset)
}

func (f *sickPart) BeginWriteBack(offset, n int64) error {
	if err := answer(f.sick.writeBack, "sync", f.name); err != nil {
		return err
	}
	return f.File.BeginWriteBack(offset, n)
}

func (f *sickPart) Sync() error {
	if err := answer(f.sick.sync, "sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *sickPart) SyncData() error {
	if err := answer(f.sick.sync, "sync", f.name); err != nil {
		return err
	}
	return f.File.SyncData()
}

// Where the disk was pulled each file failed, one after the other, and the transfer was reported as completed without
// them: nothing was left for the next instance to deliver.
func TestBrokenDiskStopsTheReceiverAndABadBlockFailsOneFile(t *testing.T) {
	sick := func(err error) func() error { return func() error { return err } }
	once := func(err error) func() error {
		var first sync.Once
		return func() (got error) {
			first.Do(func() { got = err })
			return got
		}
	}
	always := sick(syscall.EIO)
	for name, c := range map[string]struct {
		sick  sickness
		stops bool
	}{
		"pulled":         {sickness{create: always, write: always, sync: always, syncDir: always}, true},
		"read-only":      {sickness{create: sick(syscall.EROFS)}, true},
		"daemon gone":    {sickness{create: sick(syscall.ENOTCONN), syncDir: sick(syscall.ENOTCONN)}, true},
		"network away":   {sickness{create: once(syscall.ETIMEDOUT)}, true},
		"away meanwhile": {sickness{write: once(syscall.EHOSTDOWN)}, true},
		"writes nothing": {sickness{write: always}, true},
		"syncs nothing":  {sickness{sync: always}, true},
		"bad block":      {sickness{create: once(syscall.EIO)}, false},
		"bad write":      {sickness{write: once(syscall.EIO)}, false},
		"bad write-back": {sickness{writeBack: once(syscall.EIO)}, false},
		"bad sync":       {sickness{sync: once(syscall.EIO)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newSeat(t, "A"), newSeat(t, "B")
			for _, f := range []string{"x", "y", "z"} {
				if err := os.WriteFile(filepath.Join(a.read, f), bytes.Repeat([]byte(f), 5000), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			// So that the disk is set to work on each file.
			small := func(o *Options) { o.FrameBytes, o.CheckpointBytes = 4<<10, 4<<10 }
			ea := a.open(t, &hookFence{epoch: 1}, small)
			mount := func(dir string) (vfs.Dir, error) {
				d, err := vfs.OpenRoot(dir)
				if dir == b.got && err == nil {
					d = &sickDir{d, c.sick}
				}
				return d, err
			}
			o := Options{Name: "B", WriteRoot: b.got}
			small(&o)
			eb, err := openOn(t.Context(), mount, b.state, &hookFence{epoch: 1}, o)
			if err != nil {
				t.Fatal(err)
			}
			id, err := ea.Submit(t.Context(), Request{To: "B", Items: []Item{{Source: a.read, Destination: "."}}})
			if err != nil {
				t.Fatal(err)
			}
			la, lb := Pipe()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var running sync.WaitGroup
			running.Go(func() { ea.Run(ctx, la) })
			failed := 0
			if !c.stops {
				failed = 1
				running.Go(func() { eb.Run(ctx, lb) })
			} else {
				if err := eb.Run(ctx, lb); !errors.Is(err, ErrDurability) {
					t.Errorf("Run: %v", err)
				}
				if err := eb.Close(); !errors.Is(err, ErrDurability) {
					t.Errorf("Close: %v", err)
				}
				eb = b.open(t, &hookFence{epoch: 2}, nil)
				running.Go(func() { eb.Run(ctx, lb) })
			}
			if s, err := ea.Wait(ctx, id); err != nil || s.State != Completed || s.Failed != failed {
				t.Errorf("%+v, %v", s, err)
			}
			cancel()
			running.Wait()
			if err := errors.Join(ea.Close(), eb.Close()); err != nil {
				t.Error(err)
			}
			if files, err := os.ReadDir(b.got); err != nil || len(files) != 3-failed {
				t.Errorf("delivered %v, %v", files, err)
			}
		})
	}
}

// TestProbeOfAKilledProcessIsRemovedByTheNext: it lay below WriteRoot for ever.
func TestProbeOfAKilledProcessIsRemovedByTheNext(t *testing.T) {
	b, fence := newSeat(t, "B"), &hookFence{epoch: 1}
	e := b.open(t, fence, nil)
	killed := errors.New("killed")
	fence.set(func(stack string) error {
		if strings.Contains(stack, "(*tree).create") { // that is the last thing it does
			return nil
		}
		return killed
	})
	if err := e.probe(); !errors.Is(err, killed) {
		t.Errorf("the first: %v", err)
	}
	_ = e.Close() // it has lost its fence
	left := func() int {
		names, err := os.ReadDir(b.got)
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	if n := left(); n != 1 {
		t.Errorf("the first left %d files", n)
	}
	e = b.open(t, goodLease(2), nil)
	if err := e.probe(); err != nil {
		t.Errorf("the second: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if n := left(); n != 0 {
		t.Errorf("the second left %d files", n)
	}
}

// sickFile is a file whose next sync fails.
type sickFile struct {
	vfs.File
	syncs int
}

func (f *sickFile) SyncData() error {
	if f.syncs++; f.syncs == 1 {
		return syscall.EIO
	}
	return f.File.SyncData()
}

// Close seals the journal. Where its sync had failed just before, it was tried again, and a mark said that all was
// durable: what was lost made the journal unreadable for the next instance.
func TestJournalIsNotSyncedAgainAfterItsSyncFailed(t *testing.T) {
	dir, err := openTree(vfs.OpenRoot, t.TempDir(), &hookFence{epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	j, _, err := openJournal(dir, 1, NewestFormat, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	sick := &sickFile{File: j.file}
	j.file = sick
	if err := j.sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("sync: %v", err)
	}
	for what, again := range map[string]func() error{"seal": j.seal, "append": func() error { return j.append([]byte("x")) }} {
		if err := again(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if sick.syncs != 1 {
		t.Errorf("synced %d times", sick.syncs)
	}
}
