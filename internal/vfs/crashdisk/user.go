package crashdisk

import (
	"io/fs"
	"path"
	"strings"
	"time"
)

// What other programs do with the disk, which no machine has a part in.

// Mkdir makes a directory, durably, before any machine is at work.
func (d *Disk) Mkdir(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	parent := d.at(path.Dir(name))
	parent.turn(map[string]*inode{path.Base(name): d.newDir()})
	parent.sync()
}

// Found is a file that lies on the disk.
type Found struct {
	Data     []byte
	Mode     fs.FileMode
	Modified time.Time
}

// Files gives every file below dir by its path there.
func (d *Disk) Files(dir string) map[string]Found {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]Found{}
	d.at(dir).walk("", func(i *inode) *state { return &i.now }, all)
	return all
}

// Has says whether there is something of that name.
func (d *Disk) Has(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at(name) != nil
}

// Durable gives every file below dir that a loss of power leaves for sure, as it leaves it.
func (d *Disk) Durable(dir string) map[string]Found {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]Found{}
	d.at(dir).walk("", func(i *inode) *state { return &i.synced }, all)
	return all
}

func (i *inode) walk(below string, view func(*inode) *state, all map[string]Found) {
	for n, in := range view(i).names {
		p := path.Join(below, n)
		if in.dir() {
			in.walk(p, view, all)
			continue
		}
		all[p] = view(in).found()
	}
}

func (s *state) found() Found {
	return Found{append([]byte(nil), s.data...), s.mode, s.modified}
}

// Take takes a file away, as somebody would who waits for it; durable also syncs its directory, as one
// does who must not get it again after a loss of power. It is for OnRename.
func (d *Disk) Take(name string, durable bool) Found {
	parent := d.at(path.Dir(name))
	f := parent.now.names[path.Base(name)].now.found()
	parent.turn(map[string]*inode{path.Base(name): nil})
	if durable {
		parent.sync()
	}
	return f
}

// at finds an inode; nil: there is none. The caller holds the mutex.
func (d *Disk) at(name string) *inode {
	i := d.root
	for p := range strings.SplitSeq(path.Clean("/"+name), "/") {
		if p == "" {
			continue
		}
		if i == nil || !i.dir() {
			return nil
		}
		i = i.now.names[p]
	}
	return i
}

// Put writes a file durably, under a temporary name that it then renames, as a careful producer does: what
// has the name is replaced by another file. It may have the number of one that Drop has removed, as on a real
// disk.
func (d *Disk) Put(name string, data []byte, mode fs.FileMode, modified time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.newFile()
	if n := len(d.freed); n > 0 {
		i.number, d.freed = d.freed[n-1], d.freed[:n-1]
	}
	i.now = state{data: append([]byte(nil), data...), mode: mode, modified: modified}
	i.synced = state{data: append([]byte(nil), data...), mode: mode, modified: modified}
	parent := d.at(path.Dir(name))
	parent.turn(map[string]*inode{path.Base(name): i})
	parent.sync()
}

// Append writes to the end of a file, durably; false: it is not there.
func (d *Disk) Append(name string, data []byte, modified time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.at(name)
	if i == nil {
		return false
	}
	i.write(write{offset: int64(len(i.now.data)), data: data})
	i.write(write{modified: &modified})
	i.sync()
	return true
}

// Drop removes a file durably and sets its number free; false: it is not there.
func (d *Disk) Drop(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.at(name)
	if i == nil {
		return false
	}
	parent := d.at(path.Dir(name))
	parent.turn(map[string]*inode{path.Base(name): nil})
	parent.sync()
	d.freed = append(d.freed, i.number)
	return true
}

// Dirs gives the paths of all directories below dir.
func (d *Disk) Dirs(dir string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at(dir).dirs("", nil)
}

func (i *inode) dirs(below string, all []string) []string {
	for _, n := range sortedNames(i.now.names) {
		if in := i.now.names[n]; in.dir() {
			p := path.Join(below, n)
			all = in.dirs(p, append(all, p))
		}
	}
	return all
}
