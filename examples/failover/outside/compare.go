package outside

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
)

// Source is a file or directory that was to be sent, and the name that it should have got.
type Source struct {
	Path string
	Name string // slash-separated
}

// Comparison says what to compare.
type Comparison struct {
	Sources []Source
	Taken   string // Consumer.To
	Left    string // Consumer.From: only directories should be left there
	Log     string // Consumer.Log
}

// Result is what Compare found.
type Result struct {
	Files       int
	Bytes       int64
	Links       []string // symbolic links and other special files: not sent, not compared
	Differences []string // nothing: identical
}

func (r *Result) differ(format string, args ...any) {
	r.Differences = append(r.Differences, fmt.Sprintf(format, args...))
}

// Compare reads the sources and what was taken: names, sizes, SHA-256 of the content, permissions
// and modification times to the nanosecond of every file, one line in the log for each, permissions
// 0755 of every directory, and nothing else anywhere. The error is for what could not be read, and for the end of ctx.
func Compare(ctx context.Context, c Comparison) (Result, error) {
	var r Result
	want, err := listSources(ctx, c.Sources)
	if err != nil {
		return r, err
	}
	got, err := list(ctx, c.Taken, ".")
	if err != nil {
		return r, err
	}
	left, err := list(ctx, c.Left, ".")
	if err != nil {
		return r, err
	}
	count, err := deliveries(c.Log)
	if err != nil {
		return r, err
	}
	r.Links = want.special
	r.compareNames(want, got, left, count)
	r.compareDirs(want, left)
	if err := r.compareFiles(ctx, want, got); err != nil {
		return r, err
	}
	slices.Sort(r.Differences)
	return r, nil
}

// tree is what is in a directory, by slash-separated name.
type tree struct {
	files   map[string]string // and where
	dirs    map[string]string
	special []string
}

func listSources(ctx context.Context, sources []Source) (tree, error) {
	all := tree{files: map[string]string{}, dirs: map[string]string{}}
	for _, s := range sources {
		if err := all.add(ctx, s.Path, s.Name); err != nil {
			return all, err
		}
	}
	return all, nil
}

func list(ctx context.Context, dir, name string) (tree, error) {
	t := tree{files: map[string]string{}, dirs: map[string]string{}}
	return t, t.add(ctx, dir, name)
}

func (t *tree) add(ctx context.Context, root, name string) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		n := path.Join(name, filepath.ToSlash(rel))
		switch {
		case d.IsDir():
			t.dirs[n] = p
		case d.Type().IsRegular():
			t.files[n] = p
		default:
			t.special = append(t.special, n)
		}
		return nil
	})
}

func (r *Result) compareNames(want, got, left tree, count map[string]int) {
	for name := range want.files {
		if n := count[name]; n != 1 {
			r.differ("%s: delivered %d times", name, n)
		}
		if got.files[name] == "" {
			r.differ("%s: missing", name)
		}
	}
	for name := range got.files {
		if want.files[name] == "" {
			r.differ("%s: was not sent", name)
		}
	}
	for name := range count {
		if want.files[name] == "" {
			r.differ("%s: delivered, but was not sent", name)
		}
	}
	for name := range left.files {
		if isPart(name) {
			r.differ("%s: a part that was left behind", name)
		} else {
			r.differ("%s: was not taken", name)
		}
	}
	for _, name := range append(got.special, left.special...) {
		r.differ("%s: not a regular file", name)
	}
}

// compareDirs looks for the directories where they were delivered: a Consumer takes files only.
func (r *Result) compareDirs(want, left tree) {
	for name := range want.dirs {
		if left.dirs[name] == "" {
			r.differ("%s: missing directory", name)
		}
	}
	for name, p := range left.dirs {
		if name == "." {
			continue
		}
		if want.dirs[name] == "" {
			r.differ("%s: directory was not sent", name)
		}
		info, err := os.Lstat(p)
		if err != nil {
			r.differ("%s: %v", name, err)
		} else if perm := info.Mode().Perm(); perm != 0o755 && runtime.GOOS != "windows" {
			r.differ("%s: directory has permissions %o", name, perm)
		}
	}
}

// compareFiles reads every file of both sides, on all processors.
func (r *Result) compareFiles(ctx context.Context, want, got tree) error {
	var (
		mu    sync.Mutex
		first error
		wg    sync.WaitGroup
	)
	names := make(chan string)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			buffer := make([]byte, 1<<20)
			for name := range names {
				size, difference, err := compareFile(ctx, want.files[name], got.files[name], buffer)
				mu.Lock()
				r.Files++
				r.Bytes += size
				if difference != "" {
					r.differ("%s: %s", name, difference)
				}
				if err != nil && first == nil {
					first = err
				}
				mu.Unlock()
			}
		})
	}
	for name := range want.files {
		if got.files[name] != "" {
			names <- name
		}
	}
	close(names)
	wg.Wait()
	return first
}

func compareFile(ctx context.Context, source, result string, buffer []byte) (size int64, difference string, err error) {
	want, err := read(ctx, source, buffer)
	if err != nil {
		return 0, "", err
	}
	got, err := read(ctx, result, buffer)
	if err != nil {
		return 0, "", err
	}
	switch {
	case got.size != want.size:
		difference = fmt.Sprintf("%d bytes, the source has %d", got.size, want.size)
	case got.sum != want.sum:
		difference = fmt.Sprintf("SHA-256 %x, the source has %x", got.sum, want.sum)
	case got.perm != want.perm:
		difference = fmt.Sprintf("permissions %o, the source has %o", got.perm, want.perm)
	case got.modified != want.modified:
		difference = fmt.Sprintf("modified at %d ns, the source at %d ns", got.modified, want.modified)
	}
	return want.size, difference, nil
}

// untilDone reads until ctx ends.
type untilDone struct {
	ctx  context.Context
	from io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.from.Read(p)
}

type content struct {
	size     int64
	sum      [sha256.Size]byte
	perm     fs.FileMode
	modified int64
}

func read(ctx context.Context, name string, buffer []byte) (content, error) {
	f, err := os.Open(name)
	if err != nil {
		return content{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return content{}, err
	}
	h := sha256.New()
	// io.Copy would let the file choose its own, smaller buffer.
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, untilDone{ctx, f}, buffer)
	c := content{size: n, perm: info.Mode().Perm(), modified: info.ModTime().UnixNano()}
	h.Sum(c.sum[:0])
	return c, err
}
