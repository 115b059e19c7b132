package transfer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mqha/mqha/internal/vfs"
)

// source is where one file of the manifest comes from, and what proves that it is still the same.
type source struct {
	Root  string `json:"root"`  // of Options.ReadRoots
	Index int    `json:"index"` // of Root there, for a node that has the disk elsewhere
	Path  string `json:"path"`  // slash-separated, below the root
	Inode uint64 `json:"inode,omitempty"`
}

// rootOf finds the source's root among those of this node.
func (s *source) rootOf(roots []string) (string, bool) {
	if slices.Contains(roots, s.Root) {
		return s.Root, true
	}
	if s.Index < len(roots) {
		return roots[s.Index], true
	}
	return "", false
}

// listing is what a scan found: the manifest for the receiver, and for each of its files the source.
type listing struct {
	manifest manifest
	sources  []source
	failures []FileFailure
}

// scan lists what a request names, once: files that appear later are not sent, files that vanish or
// change fail.
func scan(ctx context.Context, roots []string, items []Item) (*listing, error) {
	l := &listing{}
	dirs := make(map[string]bool)
	for _, it := range items {
		if err := l.item(ctx, roots, it, dirs); err != nil {
			return nil, err
		}
	}
	for d := range dirs {
		l.manifest.Dirs = append(l.manifest.Dirs, d)
	}
	slices.Sort(l.manifest.Dirs) // a parent sorts before what is in it
	return l, l.manifest.check()
}

// below finds the root that p lies in.
func below(roots []string, p string) (int, string, bool) {
	for i, r := range roots {
		rel, err := filepath.Rel(r, p)
		if err == nil && filepath.IsLocal(rel) {
			return i, filepath.ToSlash(rel), true
		}
	}
	return 0, "", false
}

func (l *listing) item(ctx context.Context, roots []string, it Item, dirs map[string]bool) error {
	i, rel, ok := below(roots, it.Source)
	if !ok {
		return badRequest("Source %q is not below a directory that this agent may read (Options.ReadRoots)", it.Source)
	}
	root, err := os.OpenRoot(roots[i])
	if err != nil {
		return badRequest("Source %q: %v", it.Source, err)
	}
	defer root.Close()
	fi, err := root.Lstat(filepath.FromSlash(rel))
	if err != nil {
		return badRequest("Source %q: %v", it.Source, err)
	}
	if !fi.IsDir() {
		if it.Destination == "." {
			return badRequest("Source %q is a file: Destination must be a name, not %q", it.Source, ".")
		}
		addParents(dirs, path.Dir(it.Destination))
		l.add(roots, i, rel, it.Destination, fi)
		return nil
	}
	addParents(dirs, it.Destination)
	return fs.WalkDir(root.FS(), rel, func(p string, d fs.DirEntry, err error) error {
		if ctxErr := ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		name := path.Join(it.Destination, strings.TrimPrefix(strings.TrimPrefix(p, rel), "/"))
		if rel == "." {
			name = path.Join(it.Destination, p)
		}
		return l.entry(roots, i, p, name, d, err, dirs)
	})
}

// entry takes one name of a directory walk. What cannot be read is reported by name and does not
// stop the rest.
func (l *listing) entry(roots []string, root int, p, name string, d fs.DirEntry, err error, dirs map[string]bool) error {
	if err != nil {
		l.fail(name, err.Error())
		if d != nil && d.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	if d.IsDir() {
		if err := checkName(name); name != "." && err != nil {
			l.fail(name, err.Error())
			return fs.SkipDir
		}
		addParents(dirs, name)
		return nil
	}
	fi, err := d.Info()
	if err != nil {
		l.fail(name, err.Error())
		return nil
	}
	l.add(roots, root, p, name, fi)
	return nil
}

func (l *listing) add(roots []string, root int, p, name string, fi fs.FileInfo) {
	switch {
	case fi.Mode()&fs.ModeSymlink != 0:
		l.fail(name, "a symbolic link: links are not transferred")
		return
	case !fi.Mode().IsRegular():
		l.fail(name, "not a regular file: "+fi.Mode().String())
		return
	}
	if err := checkName(name); err != nil {
		l.fail(name, err.Error())
		return
	}
	l.manifest.Files = append(l.manifest.Files, manifestFile{
		Name: name, Size: fi.Size(), Mode: uint32(fi.Mode().Perm()), MTime: fi.ModTime().UnixNano(),
	})
	l.sources = append(l.sources, source{Root: roots[root], Index: root, Path: p, Inode: vfs.Inode(fi)})
}

func (l *listing) fail(name, reason string) {
	l.failures = append(l.failures, FileFailure{Name: strings.ToValidUTF8(name, "\ufffd"), Reason: reason})
}

func addParents(dirs map[string]bool, name string) {
	for ; name != "."; name = path.Dir(name) {
		dirs[name] = true
	}
}

// errChanged says that a source is not what was listed. What was sent of it is discarded by the
// receiver: a part only ever receives bytes of one version.
var errChanged = errors.New("the file changed after the transfer was submitted")

// unchanged compares a file with what the scan saw: size, modification time and inode. The device
// number is no part of it, because it differs between the nodes of a cluster.
func unchanged(fi fs.FileInfo, want *manifestFile, src *source) error {
	if !fi.Mode().IsRegular() || fi.Size() != want.Size || fi.ModTime().UnixNano() != want.MTime || vfs.Inode(fi) != src.Inode {
		return errChanged
	}
	return nil
}
