package transfer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/mqha/mqha/internal/vfs"
)

// tree is a directory whose every system call that changes something asks the fence before; no method
// makes two of them under one answer unless it says so.
type tree struct {
	vfs.Dir
	fence Fence
}

func openTree(mount vfs.Mount, dir string, f Fence) (*tree, error) {
	d, err := mount(dir)
	if err != nil {
		return nil, err
	}
	return &tree{d, f}, nil
}

// create makes a new file for reading and writing.
func (t *tree) create(name string) (vfs.File, error) {
	if err := t.fence.Err(); err != nil {
		return nil, err
	}
	return t.Create(name)
}

// createPart makes a file whose name nobody else uses. That it is there already is no error: a network file
// system that lost the answer and repeated the call says so.
func (t *tree) createPart(name string) (vfs.File, error) {
	f, err := t.create(name)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	if err := t.remove(name); err != nil {
		return nil, err
	}
	return t.create(name)
}

// reopen opens a file to go on writing it.
func (t *tree) reopen(name string) (vfs.File, error) {
	if err := t.fence.Err(); err != nil {
		return nil, err
	}
	return t.Reopen(name)
}

// unlink is remove, and tells when there was nothing.
func (t *tree) unlink(name string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	return t.Remove(name)
}

func (t *tree) remove(name string) error {
	err := t.unlink(name)
	if vfs.Missing(err) {
		return nil
	}
	return err
}

// errTakenAway is why a file fails whose part is not where it was made. A program that clears away what it does not
// know must leave files alone whose names begin with a dot and end with .part.
var errTakenAway = errors.New("somebody has removed or renamed it before it was complete")

// holds says whether an open part still has its name. Bytes that have none are lost with the descriptor, and after
// COMMIT a part that is not there counts as delivered.
func (t *tree) holds(p *part) error {
	open, err := p.file.Stat()
	if err != nil {
		return err
	}
	named, err := t.Lstat(p.name)
	switch {
	case err == nil && vfs.Same(open, named):
		return nil
	case err == nil, vfs.Missing(err):
		return errTakenAway
	}
	return err
}

// replace renames within the tree, over what has the new name.
func (t *tree) replace(from, to string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	return t.Rename(from, to)
}

// setAside renames and replaces nothing.
func (t *tree) setAside(from, to string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	return t.RenameNoReplace(from, to)
}

// putBack renames and replaces nothing. Where it takes two calls, the second undoes nothing that another
// instance does: it unlinks a name that only this epoch uses.
func (t *tree) putBack(from, to string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	return t.PutBack(from, to)
}

// mkdir makes a directory with mode 0755. What counts is that it is there: it may have been before, or a
// network file system made it and lost the answer.
func (t *tree) mkdir(name string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	err := t.Mkdir(name)
	if err == nil {
		return nil
	}
	if fi, statErr := t.Lstat(name); statErr == nil && fi.IsDir() {
		return nil
	}
	return err
}

// names lists a directory. One that is gone has none.
func (t *tree) names(dir string) ([]string, error) {
	names, err := t.Names(dir)
	if err != nil && t.gone(dir) {
		return nil, nil
	}
	return names, err
}

// gone says that dir is not, or no longer, a directory of this tree: it could not be made, or
// somebody has removed it or put something else in its place, such as a link that leads out.
func (t *tree) gone(dir string) bool {
	for i := range len(dir) + 1 {
		if i < len(dir) && dir[i] != '/' {
			continue
		}
		fi, err := t.Lstat(dir[:i])
		if vfs.Missing(err) || err == nil && !fi.IsDir() {
			return true
		}
		if err != nil {
			return false
		}
	}
	return false
}

// deliver gives a part its name and replaces nothing: fs.ErrExist says that the name is taken. A part that
// is not there was delivered, before or by this call, whatever a network file system answers that lost its
// answer and repeated the call: the name is then taken, or the part not found.
func (t *tree) deliver(part, name string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	err := t.RenameNoReplace(part, name)
	if err == nil {
		return nil
	}
	switch _, partErr := t.Lstat(part); {
	case vfs.Missing(partErr):
		return nil
	case partErr != nil:
		return fmt.Errorf("%w: %w", errUnknown, errors.Join(err, partErr))
	}
	return err
}

// errUnknown says that nobody knows whether a file was delivered. Only the next instance can look.
var errUnknown = errors.New("it is not known whether the file has its name")

const tempSuffix = ".tmp"

// write makes a file durable under name by way of a temporary one, whose name carries the epoch:
// written, synced, renamed, directory synced. Each step asks the fence.
func (t *tree) write(name string, content func(w io.Writer) error) error {
	temp := fmt.Sprintf("%s.%d%s", name, t.fence.Epoch(), tempSuffix)
	f, err := t.createPart(temp)
	if err != nil {
		return err
	}
	err = content(&fencedWriter{io.NewOffsetWriter(f, 0), t.fence})
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
	if err != nil { // of a full disk it would take the room that the journal needs
		_ = t.remove(temp)
	}
	return err
}

// fencedWriter asks the fence before each write.
type fencedWriter struct {
	to    io.Writer
	fence Fence
}

func (w *fencedWriter) Write(p []byte) (int, error) {
	if err := w.fence.Err(); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}

// syncDir makes the names in dir durable.
func (t *tree) syncDir(dir string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	return t.SyncDir(dir)
}

// syncData makes bytes durable, and not what setMeta sets.
func (t *tree) syncData(f vfs.File) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	return f.SyncData()
}

func (t *tree) sync(f vfs.File) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	return f.Sync()
}
