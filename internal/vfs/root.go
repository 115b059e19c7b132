package vfs

import (
	"errors"
	"io/fs"
	"os"
)

// OpenRoot opens a directory of the operating system.
func OpenRoot(dir string) (Dir, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &root{r}, nil
}

type root struct{ *os.Root }

func (r *root) ID() (uint64, error) {
	fi, err := r.Stat(".")
	if err != nil {
		return 0, err
	}
	return Inode(fi), nil
}

func (r *root) open(name string, flag int) (File, error) {
	f, err := r.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{f, r.Root, name}, nil
}

func (r *root) Create(name string) (File, error) {
	return r.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (r *root) Reopen(name string) (File, error) { return r.open(name, os.O_RDWR) }

func (r *root) Open(name string) (File, error) { return r.open(name, os.O_RDONLY|openNonblock) }

func (r *root) Mkdir(name string) error { return r.Root.Mkdir(name, 0o755) }

func (r *root) RenameNoReplace(from, to string) error { return renameNoReplace(r.Root, from, to) }

func (r *root) PutBack(from, to string) error { return putBack(r.Root, from, to) }

func (r *root) Identify(name string) (Identity, error) {
	fi, err := r.Lstat(name)
	if err != nil || !fi.Mode().IsRegular() {
		return identityOf(fi), err
	}
	f, err := r.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return Identity{}, err
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil {
		return Identity{}, err
	}
	if !os.SameFile(fi, opened) { // a link took its place meanwhile, or another file
		return Identity{}, &fs.PathError{Op: "open", Path: name, Err: errAnother}
	}
	id := identityOf(opened)
	id.Born, err = born(f)
	return id, err
}

var errAnother = errors.New("it was exchanged while it was looked at")

func identityOf(fi fs.FileInfo) Identity {
	if fi == nil {
		return Identity{}
	}
	return Identity{Mode: fi.Mode(), Size: fi.Size(), Modified: fi.ModTime().UnixNano(), Inode: Inode(fi)}
}

func (r *root) Names(dir string) ([]string, error) {
	f, err := openDir(r.Root, dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (r *root) SyncDir(dir string) error { return syncDir(r.Root, dir) }

// file is an open file, and the way to it for what some systems do only by name.
type file struct {
	*os.File
	root *os.Root
	name string
}

func (f *file) Lock() (bool, error) { return lock(f.File) }

// openDir opens a directory and nothing else: the opening of a FIFO that somebody put in its place
// would wait for a writer.
func openDir(r *os.Root, dir string) (*os.File, error) {
	return r.OpenFile(dir, os.O_RDONLY|onlyDirectory, 0)
}

// checkedRename is renameNoReplace where the system call is missing. A hard link would replace
// nothing: but then somebody who takes the file between link and unlink would find it there a second time
// after a crash.
func checkedRename(r *os.Root, from, to string) error {
	_, err := r.Lstat(to)
	if err == nil {
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	if !Missing(err) {
		return err
	}
	return r.Rename(from, to)
}

// linkBack is putBack where the system cannot rename without replacing: link(2) never replaces. A process
// that ends between the two calls leaves both names, and the next one finds them to be the same file.
func linkBack(r *os.Root, from, to string) error {
	err := r.Link(from, to)
	if errors.Is(err, fs.ErrExist) {
		a, errA := r.Lstat(from)
		b, errB := r.Lstat(to)
		if errA == nil && errB == nil && os.SameFile(a, b) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	return r.Remove(from)
}
