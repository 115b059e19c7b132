package ref

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"sync"
	"testing"
)

// watchedDisk knows what of a part is durable, and looks at each step whether it may be taken.
type watchedDisk struct {
	disk
	t *testing.T

	mu          sync.Mutex
	written     int64 // of the part
	durable     int64 // the same, synced
	said        int64 // in the newest record
	recorded    int64 // the same, synced
	renamed     bool
	named       bool // and the directory synced
	checkpoints int
	fail        bool // the next sync of the part
}

func (d *watchedDisk) create(name string) (file, error) {
	f, err := d.disk.create(name)
	if filepath.Ext(name) == ".part" {
		return &watchedPart{f, d}, err
	}
	return &watchedJournal{f, d}, err
}

func (d *watchedDisk) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.durable < d.written || d.recorded < d.written {
		d.t.Errorf("renamed with %d written, %d durable, %d recorded", d.written, d.durable, d.recorded)
	}
	d.renamed = true
	return d.disk.rename(from, to)
}

func (d *watchedDisk) syncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.named = d.renamed
	return d.disk.syncDir(name)
}

type watchedPart struct {
	file
	d *watchedDisk
}

func (p *watchedPart) WriteAt(b []byte, at int64) (int, error) {
	n, err := p.file.WriteAt(b, at)
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	p.d.written = max(p.d.written, at+int64(n))
	return n, err
}

func (p *watchedPart) dataSync() error {
	p.d.mu.Lock()
	covered, fail := p.d.written, p.d.fail
	p.d.mu.Unlock()
	if fail {
		return errors.New("the disk says no")
	}
	err := p.file.dataSync()
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	p.d.durable = covered // what was written meanwhile is not
	return err
}

type watchedJournal struct {
	file
	d *watchedDisk
}

func (j *watchedJournal) WriteAt(b []byte, at int64) (int, error) {
	j.d.mu.Lock()
	defer j.d.mu.Unlock()
	if len(b) == slotBytes {
		j.d.said = int64(binary.LittleEndian.Uint64(b[16:]))
		j.d.checkpoints++
		if j.d.said > j.d.durable {
			j.d.t.Errorf("the record says %d, durable are %d", j.d.said, j.d.durable)
		}
	}
	return j.file.WriteAt(b, at)
}

func (j *watchedJournal) dataSync() error {
	j.d.mu.Lock()
	defer j.d.mu.Unlock()
	j.d.recorded = j.d.said
	return j.file.dataSync()
}

func TestNothingIsSaidBeforeItIsDurable(t *testing.T) {
	source, content := sourceOf(t, 100<<10)
	d := &watchedDisk{disk: osDisk{}, t: t}
	dest := filepath.Join(t.TempDir(), "dest")
	if err := copyOn(d, source, dest, small); err != nil {
		t.Fatal(err)
	}
	only(t, dest, content)
	if !d.named {
		t.Error("the directory was not synced after the rename")
	}
	if d.checkpoints != 100/8+1 {
		t.Errorf("%d checkpoints", d.checkpoints)
	}
}

// The syncer goes on taking marks after an error, or the writer would wait for it for ever.
func TestNothingIsDeliveredThatCouldNotBeSynced(t *testing.T) {
	source, _ := sourceOf(t, 100<<10)
	d := &watchedDisk{disk: osDisk{}, t: t, fail: true}
	if err := copyOn(d, source, filepath.Join(t.TempDir(), "dest"), small); err == nil {
		t.Error("no error")
	}
	if d.renamed {
		t.Error("renamed")
	}
}
