package transfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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

// sickDir is a directory whose disk answers with errors.
type sickDir struct {
	vfs.Dir
	create, sync func() error
}

func (d *sickDir) Create(name string) (vfs.File, error) {
	if err := d.create(); err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return d.Dir.Create(name)
}

func (d *sickDir) SyncDir(name string) error {
	if err := d.sync(); err != nil {
		return &os.PathError{Op: "sync", Path: name, Err: err}
	}
	return d.Dir.SyncDir(name)
}

// Where the disk was pulled each file failed, one after the other, and the transfer was reported as completed without
// them: nothing was left for the next instance to deliver.
func TestBrokenDiskStopsTheReceiverAndABadBlockFailsOneFile(t *testing.T) {
	well := func() error { return nil }
	sick := func(err error) func() error { return func() error { return err } }
	once := func(err error) func() error {
		var first sync.Once
		return func() (got error) {
			first.Do(func() { got = err })
			return got
		}
	}
	for name, c := range map[string]struct {
		create, sync func() error
		stops        bool
	}{
		"pulled":      {sick(syscall.EIO), sick(syscall.EIO), true},
		"read-only":   {sick(syscall.EROFS), well, true},
		"daemon gone": {sick(syscall.ENOTCONN), sick(syscall.ENOTCONN), true},
		"bad block":   {once(syscall.EIO), well, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newSeat(t, "A"), newSeat(t, "B")
			for _, f := range []string{"x", "y", "z"} {
				if err := os.WriteFile(filepath.Join(a.read, f), []byte(f), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ea := a.open(t, &hookFence{epoch: 1}, nil)
			mount := func(dir string) (vfs.Dir, error) {
				d, err := vfs.OpenRoot(dir)
				if dir == b.got && err == nil {
					d = &sickDir{d, c.create, c.sync}
				}
				return d, err
			}
			eb, err := openOn(t.Context(), mount, b.state, &hookFence{epoch: 1}, Options{Name: "B", WriteRoot: b.got})
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
	j, _, err := openJournal(dir, 1)
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
