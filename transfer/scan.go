package transfer

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mqha/mqha/internal/vfs"
)

// source is where one file of the manifest comes from, and what proves that it is still the same.
type source struct {
	Root  string `json:"root"`  // of Options.ReadRoots
	Index int    `json:"index"` // of Root there, for a node that has the disk elsewhere
	Path  string `json:"path"`  // slash-separated, below the root
	// RootID is that of Root when it was listed; 0: it cannot be told, or an earlier release listed it.
	RootID uint64 `json:"rootid,omitempty"`
	Inode  uint64 `json:"inode,omitempty"`
	Born   int64  `json:"born,omitempty"`  // vfs.Identity; only of a file that is to be deleted
	Stays  bool   `json:"stays,omitempty"` // another Item lists it, too, and it cannot be sent as that
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

// scanner makes a listing.
type scanner struct {
	listing
	ctx   context.Context
	roots []string
	moves bool
	dirs  map[string]bool // of the manifest
	// unsent are the sources, with all below them, that cannot be sent under the name that one of the items gives
	// them: only Root and Path are set.
	unsent map[source]bool

	// of the item that is being listed
	root   vfs.Dir
	rootID uint64
	index  int // of root
}

// scan lists what a request names, once: files that appear later are not sent, files that vanish or
// change fail.
func scan(ctx context.Context, mount vfs.Mount, roots []string, r *Request) (*listing, error) {
	s := &scanner{ctx: ctx, roots: roots, moves: r.moves(), dirs: map[string]bool{}, unsent: map[source]bool{}}
	for _, it := range r.Items {
		if err := s.item(mount, it); err != nil {
			return nil, err
		}
	}
	s.keepUnsent()
	for d := range s.dirs {
		s.manifest.Dirs = append(s.manifest.Dirs, d)
	}
	slices.Sort(s.manifest.Dirs) // a parent sorts before what is in it
	return &s.listing, s.manifest.check()
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

func (s *scanner) item(mount vfs.Mount, it Item) error {
	i, rel, ok := below(s.roots, it.Source)
	if !ok {
		return badRequest("Source %q is not below a directory that this agent may read (Options.ReadRoots)", it.Source)
	}
	root, err := mount(s.roots[i])
	if err != nil {
		return badRequest("Source %q: %v", it.Source, err)
	}
	defer root.Close()
	s.root, s.index = root, i
	if s.rootID, err = root.ID(); err != nil {
		return badRequest("Source %q: %v", it.Source, err)
	}
	fi, err := root.Lstat(rel)
	if err != nil {
		return badRequest("Source %q: %v", it.Source, err)
	}
	if !fi.IsDir() {
		if it.Destination == "." {
			return badRequest("Source %q is a file: Destination must be a name, not %q", it.Source, ".")
		}
		addParents(s.dirs, path.Dir(it.Destination))
		s.add(rel, it.Destination, fi)
		return nil
	}
	addParents(s.dirs, it.Destination)
	return s.directory(rel, it.Destination)
}

// directory lists what is in a directory. What cannot be read is reported by name and does not stop the rest.
func (s *scanner) directory(dir, destination string) error {
	names, err := s.root.Names(dir)
	if isShort(err) {
		return badRequest("%q cannot be listed now: %v", dir, err)
	}
	if err != nil {
		s.skip(dir, destination, err.Error())
	}
	slices.Sort(names)
	for _, n := range names {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if isAside(n) {
			continue // sources that have been sent and are being deleted
		}
		p, name := path.Join(dir, n), path.Join(destination, n)
		fi, err := s.root.Lstat(p)
		switch {
		case err != nil:
			s.skip(p, name, err.Error())
		case !fi.IsDir():
			s.add(p, name, fi)
		case checkName(name) != nil:
			s.skip(p, name, checkName(name).Error())
		default:
			addParents(s.dirs, name)
			if err := s.directory(p, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scanner) add(p, name string, fi fs.FileInfo) {
	switch {
	case fi.Mode()&fs.ModeSymlink != 0:
		s.skip(p, name, "a symbolic link: links are not transferred")
		return
	case !fi.Mode().IsRegular():
		s.skip(p, name, "not a regular file: "+fi.Mode().String())
		return
	}
	if err := checkName(name); err != nil {
		s.skip(p, name, err.Error())
		return
	}
	if t := fi.ModTime(); !time.Unix(0, t.UnixNano()).Equal(t) { // such as one after 2262
		s.skip(p, name, "its modification time cannot be carried: "+t.UTC().String())
		return
	}
	src := source{Root: s.roots[s.index], Index: s.index, RootID: s.rootID, Path: p, Inode: vfs.Inode(fi)}
	file := manifestFile{Name: name, Size: fi.Size(), Mode: uint32(fi.Mode().Perm()), MTime: fi.ModTime().UnixNano()}
	if s.moves {
		id, err := s.root.Identify(p)
		if err == nil && (id.Mode.Type() != fi.Mode().Type() || id.Inode != src.Inode) {
			err = errChanged
		}
		if err != nil {
			s.skip(p, name, plainError(err).Error())
			return
		}
		src.Born, file.Size, file.MTime = id.Born, id.Size, id.Modified
	}
	s.manifest.Files = append(s.manifest.Files, file)
	s.sources = append(s.sources, src)
}

// skip tells that what lies at p is not sent as name.
func (s *scanner) skip(p, name, reason string) {
	s.failures = append(s.failures, FileFailure{Name: strings.ToValidUTF8(name, "\ufffd"), Reason: reason})
	s.unsent[source{Root: s.roots[s.index], Path: p}] = true
}

// keepUnsent marks the sources that one item sends and another cannot: the receiver's last word will not name them.
func (s *scanner) keepUnsent() {
	if len(s.unsent) == 0 {
		return
	}
	for i := range s.sources {
		src := &s.sources[i]
		for p := src.Path; p != "." && !src.Stays; p = path.Dir(p) {
			src.Stays = s.unsent[source{Root: src.Root, Path: p}]
		}
		src.Stays = src.Stays || s.unsent[source{Root: src.Root, Path: "."}]
	}
}

func addParents(dirs map[string]bool, name string) {
	for ; name != "."; name = path.Dir(name) {
		dirs[name] = true
	}
}

// errNoRoot is why a source is neither read nor deleted.
var errNoRoot = errors.New("the sending agent may not read there any more")

// errElsewhere is why a source is not deleted that may be there.
var errElsewhere = errors.New("the directory that it was below is not the one that was read")

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

// is says whether a file is what the scan saw, and not another one that was made since and happens to have its
// size, time and inode number.
func (s *source) is(id vfs.Identity, want *manifestFile) bool {
	return id.Mode.IsRegular() && id.Size == want.Size && id.Modified == want.MTime && id.Inode == s.Inode && id.Born == s.Born
}
