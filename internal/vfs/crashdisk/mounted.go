package crashdisk

import (
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"syscall"
	"time"

	"github.com/mqha/mqha/internal/vfs"
)

// mounted is a directory of a disk as one machine sees it.
type mounted struct {
	m    *Machine
	d    *Disk
	top  *inode
	name string
}

// handle is an open file.
type handle struct {
	in   *mounted
	i    *inode
	name string
}

func notExist(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

func exists(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrExist} }

func sortedNames(names map[string]*inode) []string { return slices.Sorted(maps.Keys(names)) }

// do runs op under the disk's lock.
func (t *mounted) do(kind, name string, op func() error) error {
	return t.m.do(kind, name, func(bool) error {
		t.d.mu.Lock()
		defer t.d.mu.Unlock()
		return op()
	})
}

// find finds the parent of name and, if there is one, what has the name.
func (t *mounted) find(name string) (parent, i *inode, err error) {
	if name == "." {
		return nil, t.top, nil
	}
	parent = t.d.at(path.Join(t.name, path.Dir(name)))
	if parent == nil || !parent.dir() {
		return nil, nil, notExist("open", name)
	}
	return parent, parent.now.names[path.Base(name)], nil
}

func (t *mounted) Name() string { return t.name }

func (t *mounted) ID() (uint64, error) { return t.top.number, nil }

func (t *mounted) Create(name string) (vfs.File, error) {
	return t.open("Create", name, func(parent, i *inode) (*inode, error) {
		if i != nil {
			return nil, exists("create", name)
		}
		i = t.d.newFile()
		parent.turn(map[string]*inode{path.Base(name): i})
		return i, nil
	})
}

func (t *mounted) Reopen(name string) (vfs.File, error) { return t.openOld("Reopen", name) }

func (t *mounted) Open(name string) (vfs.File, error) { return t.openOld("Open", name) }

func (t *mounted) openOld(kind, name string) (vfs.File, error) {
	return t.open(kind, name, func(_, i *inode) (*inode, error) {
		if i == nil {
			return nil, notExist("open", name)
		}
		return i, nil
	})
}

func (t *mounted) open(kind, name string, pick func(parent, i *inode) (*inode, error)) (vfs.File, error) {
	var f vfs.File
	err := t.do(kind, name, func() error {
		parent, i, err := t.find(name)
		if err == nil {
			i, err = pick(parent, i)
		}
		if err == nil {
			f = &handle{t, i, name}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (t *mounted) ReadFile(name string) (data []byte, err error) {
	err = t.do("ReadFile", name, func() error {
		_, i, err := t.find(name)
		if err == nil && i == nil {
			err = notExist("open", name)
		}
		if err == nil {
			data = append([]byte(nil), i.now.data...)
		}
		return err
	})
	return data, err
}

func (t *mounted) Remove(name string) error {
	return t.do("Remove", name, func() error {
		parent, i, err := t.find(name)
		switch {
		case err != nil:
			return err
		case i == nil:
			return notExist("remove", name)
		case i.dir() && len(i.now.names) > 0:
			return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
		}
		parent.turn(map[string]*inode{path.Base(name): nil})
		t.d.freed = append(t.d.freed, i.number)
		return nil
	})
}

func (t *mounted) Rename(from, to string) error { return t.rename("Rename", from, to, true) }

func (t *mounted) RenameNoReplace(from, to string) error {
	return t.rename("RenameNoReplace", from, to, false)
}

func (t *mounted) PutBack(from, to string) error { return t.rename("PutBack", from, to, false) }

func (t *mounted) rename(kind, from, to string, replace bool) error {
	return t.do(kind, to, func() error {
		parent, i, err := t.find(from)
		switch {
		case err != nil:
			return err
		case i == nil:
			return notExist("rename", from)
		}
		into, taken, err := t.find(to)
		switch {
		case err != nil:
			return err
		case !replace && taken != nil:
			return exists("rename", to)
		case into == parent:
			parent.turn(map[string]*inode{path.Base(from): nil, path.Base(to): i})
		default:
			turnBoth(parent, map[string]*inode{path.Base(from): nil}, into, map[string]*inode{path.Base(to): i})
		}
		if t.d.OnRename != nil {
			t.d.OnRename(path.Join(t.name, to))
		}
		return nil
	})
}

func (t *mounted) Mkdir(name string) error {
	return t.do("Mkdir", name, func() error {
		parent, i, err := t.find(name)
		switch {
		case err != nil:
			return err
		case i != nil:
			return exists("mkdir", name)
		}
		parent.turn(map[string]*inode{path.Base(name): t.d.newDir()})
		return nil
	})
}

func (t *mounted) Lstat(name string) (fi fs.FileInfo, err error) {
	err = t.do("Lstat", name, func() error {
		_, i, err := t.find(name)
		if err == nil && i == nil {
			err = notExist("lstat", name)
		}
		if err == nil {
			fi = i.info(name)
		}
		return err
	})
	return fi, err
}

func (t *mounted) Identify(name string) (id vfs.Identity, err error) {
	err = t.do("Identify", name, func() error {
		_, i, err := t.find(name)
		if err == nil && i == nil {
			err = notExist("open", name)
		}
		if err == nil {
			fi := i.info(name)
			id = vfs.Identity{Mode: fi.Mode(), Size: fi.Size(), Modified: fi.ModTime().UnixNano(), Inode: i.number, Born: i.born}
		}
		return err
	})
	return id, err
}

func (t *mounted) Names(dir string) (names []string, err error) {
	err = t.do("Names", dir, func() error {
		_, i, err := t.find(dir)
		if err == nil && (i == nil || !i.dir()) {
			err = notExist("open", dir)
		}
		if err == nil {
			names = sortedNames(i.now.names)
		}
		return err
	})
	return names, err
}

func (t *mounted) SyncDir(dir string) error {
	return t.do("SyncDir", dir, func() error {
		_, i, err := t.find(dir)
		if err == nil && (i == nil || !i.dir()) {
			err = notExist("open", dir)
		}
		if err == nil {
			i.sync()
		}
		return err
	})
}

func (t *mounted) Close() error { return nil }

func (h *handle) ReadAt(b []byte, offset int64) (n int, err error) {
	err = h.in.do("ReadAt", h.name, func() error {
		if offset >= int64(len(h.i.now.data)) {
			return io.EOF
		}
		if n = copy(b, h.i.now.data[offset:]); n < len(b) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

func (h *handle) WriteAt(b []byte, offset int64) (int, error) {
	err := h.in.m.do("WriteAt", h.name, func(torn bool) error {
		h.in.d.mu.Lock()
		defer h.in.d.mu.Unlock()
		if torn {
			b = b[:len(b)/2]
		}
		h.i.write(write{offset: offset, data: b})
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func (h *handle) Stat() (fi fs.FileInfo, err error) {
	err = h.in.do("Stat", h.name, func() error {
		fi = h.i.info(h.name)
		return nil
	})
	return fi, err
}

func (h *handle) Sync() error { return h.syncs("Sync", h.i.sync) }

func (h *handle) SyncData() error { return h.syncs("SyncData", h.i.syncData) }

func (h *handle) syncs(kind string, sync func()) error {
	return h.in.m.do(kind, h.name, func(torn bool) error {
		h.in.d.mu.Lock()
		defer h.in.d.mu.Unlock()
		if torn {
			h.i.writes = nil
			return &fs.PathError{Op: "sync", Path: h.name, Err: syscall.EIO}
		}
		sync()
		return nil
	})
}

// BeginWriteBack changes nothing: what is kept of that which was not synced is left to chance as it is.
func (h *handle) BeginWriteBack(int64, int64) error {
	return h.in.do("BeginWriteBack", h.name, func() error { return nil })
}

// Preallocate takes no room: a disk in memory is never full.
func (h *handle) Preallocate(int64) error {
	return h.in.do("Preallocate", h.name, func() error { return nil })
}

func (h *handle) Chmod(mode fs.FileMode) error {
	return h.in.do("Chmod", h.name, func() error { h.i.write(write{mode: &mode}); return nil })
}

func (h *handle) SetTime(modified time.Time) error {
	return h.in.do("SetTime", h.name, func() error { h.i.write(write{modified: &modified}); return nil })
}

func (h *handle) Lock() (got bool, err error) {
	err = h.in.do("Lock", h.name, func() error {
		if other := h.in.d.locks[h.i]; other == nil || other == h {
			h.in.d.locks[h.i], got = h, true
		}
		return nil
	})
	return got, err
}

// Close is no operation: the end of a process closes what it had open.
func (h *handle) Close() error {
	h.in.d.mu.Lock()
	defer h.in.d.mu.Unlock()
	if h.in.d.locks[h.i] == h {
		delete(h.in.d.locks, h.i)
	}
	return nil
}

// info is what an inode was when it was looked at.
type info struct {
	name     string
	size     int64
	mode     fs.FileMode
	modified time.Time
	number   uint64
}

func (i *inode) info(name string) fs.FileInfo {
	return info{path.Base(name), int64(len(i.now.data)), i.now.mode, i.now.modified, i.number}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.modified }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return vfs.Number(i.number) }
