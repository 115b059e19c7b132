package transfer

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mqha/mqha/internal/core/stream"
)

// Limits of what a receiver accepts. A manifest beyond them is refused before a byte is written.
const (
	maxManifestBytes = 1 << 30
	maxFiles         = 8 << 20
	maxNameBytes     = 4096
	maxElementBytes  = 255 // NAME_MAX on the file systems that matter
)

// manifest lists what a transfer delivers. It travels as file 0 of the stream, so that it can be of
// any size and is proven and resumed like a file.
type manifest struct {
	Dirs  []string       `json:"dirs"` // below the receiver's WriteRoot, parents first
	Files []manifestFile `json:"files"`
}

// manifestFile is one file. Index in manifest.Files + 1 is its number in the stream.
type manifestFile struct {
	Name  string `json:"name"` // slash-separated, below the receiver's WriteRoot
	Size  int64  `json:"size"`
	Mode  uint32 `json:"mode"`  // permission bits
	MTime int64  `json:"mtime"` // Unix nanoseconds
}

func (f *manifestFile) modTime() time.Time { return time.Unix(0, f.MTime) }

// bytes is the sum of all sizes.
func (m *manifest) bytes() int64 {
	var n int64
	for i := range m.Files {
		n += m.Files[i].Size
	}
	return n
}

func (m *manifest) encode() ([]byte, error) { return json.Marshal(m) }

// decodeManifest reads a manifest from the network: nothing in it is trusted.
func decodeManifest(b []byte) (*manifest, error) {
	if !utf8.Valid(b) { // package json would put another name in place of one that is not
		return nil, badManifest("it is not UTF-8")
	}
	m := new(manifest)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, badManifest("it is not readable: %v", err)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

func badManifest(format string, args ...any) error {
	return fmt.Errorf("%w: manifest: %s", ErrRequest, fmt.Sprintf(format, args...))
}

// check refuses names that leave the root, that no file system here can carry, or that clash with
// each other or with the part files of this package.
func (m *manifest) check() error {
	if len(m.Files)+len(m.Dirs) > maxFiles {
		return badManifest("%d names, at most %d", len(m.Files)+len(m.Dirs), maxFiles)
	}
	dirs := make(map[string]bool, len(m.Dirs))
	for _, d := range m.Dirs {
		if err := checkName(d); err != nil {
			return err
		}
		if dirs[d] {
			return badManifest("%q is there twice", d)
		}
		if p := parent(d); p != "." && !dirs[p] {
			return badManifest("directory %q comes before its parent", d)
		}
		dirs[d] = true
	}
	files := make(map[string]bool, len(m.Files))
	var total int64
	for i := range m.Files {
		f := &m.Files[i]
		if err := checkName(f.Name); err != nil {
			return err
		}
		if files[f.Name] || dirs[f.Name] {
			return badManifest("%q is there twice", f.Name)
		}
		files[f.Name] = true
		if p := parent(f.Name); p != "." && !dirs[p] {
			return badManifest("%q is in no directory of the manifest", f.Name)
		}
		if f.Size < 0 || total+f.Size < total || f.Mode&^uint32(fs.ModePerm) != 0 {
			return badManifest("%q has size %d and mode %o", f.Name, f.Size, f.Mode)
		}
		total += f.Size
	}
	return nil
}

func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || len(name) > maxNameBytes || strings.IndexByte(name, 0) >= 0 {
		return badManifest("%q is not a path below the root", name)
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return badManifest("%q means something else on this system than a file below the root", name)
	}
	for _, e := range strings.Split(name, "/") {
		if len(e) > maxElementBytes {
			return badManifest("%q: an element of more than %d bytes", name, maxElementBytes)
		}
		if runtime.GOOS == "windows" && !fitsWindows(e) {
			return badManifest("%q is no name of a file on Windows", name)
		}
		if _, ok := parsePart(e); ok {
			return badManifest("%q is the name of a part file", name)
		}
		if isAside(e) {
			return badManifest("%q is a directory of sources that are being deleted", name)
		}
	}
	return nil
}

func parent(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return "."
}

// layout is what the engine computes once from a manifest.
type layout struct {
	manifest *manifest
	dirs     []string // dirs[0] is "."
	fileDir  []uint32 // of file i+1
	before   []int64  // bytes of all files before file i+1; one more for the end
}

func newLayout(m *manifest) *layout {
	l := &layout{manifest: m, dirs: append([]string{"."}, m.Dirs...)}
	number := make(map[string]uint32, len(l.dirs))
	for i, d := range l.dirs {
		number[d] = uint32(i)
	}
	l.fileDir = make([]uint32, len(m.Files))
	l.before = make([]int64, len(m.Files)+1)
	for i := range m.Files {
		l.fileDir[i] = number[parent(m.Files[i].Name)]
		l.before[i+1] = l.before[i] + m.Files[i].Size
	}
	return l
}

// bytesAt is how many bytes of files lie before p.
func (l *layout) bytesAt(p stream.Pos) int64 {
	if l == nil || p.File == 0 {
		return 0
	}
	if int(p.File) > len(l.manifest.Files) {
		return l.before[len(l.before)-1]
	}
	return l.before[p.File-1] + p.Offset
}
