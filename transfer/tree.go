package transfer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// tree is a directory that nothing leaves: every path goes through os.Root, so that neither ".."
// nor a symbolic link planted meanwhile leads out of it. Before each system call that changes
// something it asks the fence; no method makes two of them under one answer unless it says so.
type tree struct {
	root  *os.Root
	fence Fence
}

func openTree(dir string, f Fence) (*tree, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &tree{root: r, fence: f}, nil
}

func (t *tree) close() error { return t.root.Close() }

// create makes a new file for reading and writing. O_EXCL does not follow a link.
func (t *tree) create(name string) (*os.File, error) {
	if err := t.fence.Err(); err != nil {
		return nil, err
	}
	return t.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// reopen opens a file to go on writing it.
func (t *tree) reopen(name string) (*os.File, error) {
	if err := t.fence.Err(); err != nil {
		return nil, err
	}
	return t.root.OpenFile(name, os.O_RDWR, 0)
}

func (t *tree) remove(name string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	err := t.root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// replace renames within the tree, over what has the new name.
func (t *tree) replace(from, to string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	return t.root.Rename(from, to)
}

// mkdir makes a directory with mode 0755. That it is there already is no error, unless it is not a
// directory.
func (t *tree) mkdir(name string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	err := t.root.Mkdir(name, 0o755)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	fi, statErr := t.root.Lstat(name)
	if statErr != nil {
		return statErr
	}
	if !fi.IsDir() {
		return err
	}
	return nil
}

// names lists a directory through a descriptor opened for it. A directory that is gone has none.
func (t *tree) names(dir string) ([]string, error) {
	f, err := openDir(t.root, dir)
	if err == nil {
		defer f.Close()
		var names []string
		if names, err = f.Readdirnames(-1); err == nil {
			return names, nil
		}
	}
	if t.gone(dir) {
		return nil, nil
	}
	return nil, err
}

// openDir opens a directory and nothing else: the opening of a FIFO that somebody put in its place
// would wait for a writer.
func openDir(root *os.Root, dir string) (*os.File, error) {
	return root.OpenFile(dir, os.O_RDONLY|onlyDirectory, 0)
}

// gone says that dir is not, or no longer, a directory of this tree: it could not be made, or
// somebody has removed it or put something else in its place, such as a link that leads out.
func (t *tree) gone(dir string) bool {
	for i := range len(dir) + 1 {
		if i < len(dir) && dir[i] != '/' {
			continue
		}
		fi, err := t.root.Lstat(dir[:i])
		if errors.Is(err, fs.ErrNotExist) || err == nil && !fi.IsDir() {
			return true
		}
		if err != nil {
			return false
		}
	}
	return false
}

// deliver gives a part its name and replaces nothing: fs.ErrExist says that the name is taken. A
// part that is not there was delivered before, and that is no error.
func (t *tree) deliver(part, name string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	err := renameNoReplace(t.root, part, name)
	if errors.Is(err, fs.ErrNotExist) {
		if _, partErr := t.root.Lstat(part); errors.Is(partErr, fs.ErrNotExist) {
			return nil
		}
	}
	return err
}

// checkedRename is renameNoReplace where the system call is missing. A file that somebody else creates
// under that name between the two calls is replaced. A hard link would not be: but then the consumer
// could take the file between link and unlink, and a restart would deliver it again.
func checkedRename(root *os.Root, part, name string) error {
	_, err := root.Lstat(name)
	if err == nil {
		return &fs.PathError{Op: "rename", Path: name, Err: fs.ErrExist}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return root.Rename(part, name)
}

const tempSuffix = ".tmp"

// write makes a file durable under name by way of a temporary one, whose name carries the epoch:
// written, synced, renamed, directory synced. Each step asks the fence.
func (t *tree) write(name string, content func(w io.Writer) error) error {
	temp := fmt.Sprintf("%s.%d%s", name, t.fence.Epoch(), tempSuffix)
	if err := t.remove(temp); err != nil {
		return err
	}
	f, err := t.create(temp)
	if err != nil {
		return err
	}
	err = content(f)
	if err == nil {
		err = t.sync(f)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = t.replace(temp, name)
	}
	if err == nil {
		err = t.syncDir(path.Dir(name))
	}
	return err
}

func (t *tree) sync(f *os.File) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	return f.Sync()
}
