package transfer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// crashFiles is a small directory with all that makes a difference: empty files, less than a frame, whole
// frames, several checkpoints, a big file in the middle, subdirectories.
type crashFiles struct {
	dir    string
	want   map[string]crashdisk.Found
	bytes  int64 // of the files and of the list of them, which travels as a file
	layout *layout
}

func newCrashFiles(t testing.TB) *crashFiles {
	t.Helper()
	s := &crashFiles{dir: t.TempDir(), want: map[string]crashdisk.Found{}}
	for i, f := range []struct {
		name string
		size int
	}{
		{"a/empty", 0}, {"a/one", 1}, {"a/frame", 4 << 10}, {"b/frames", 12 << 10}, {"b/c/odd", 5001},
		{"big", 150_000}, {"last", 700}, {"z", 0},
	} {
		data := make([]byte, f.size)
		for j := range data {
			data[j] = byte(j*7 + j>>8*13 + i)
		}
		p := filepath.Join(s.dir, filepath.FromSlash(f.name))
		mode, modified := fs.FileMode(0o600|i<<3), time.Unix(1_700_000_000+int64(i), 123456000)
		if err := errors.Join(
			os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, data, 0o600), os.Chmod(p, mode), os.Chtimes(p, modified, modified),
		); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(p) // as this system keeps it
		if err != nil {
			t.Fatal(err)
		}
		s.want[f.name] = crashdisk.Found{Data: data, Mode: fi.Mode().Perm(), Modified: fi.ModTime()}
		s.bytes += int64(f.size)
	}
	l, err := scan(t.Context(), []string{s.dir}, []Item{{Source: s.dir, Destination: "."}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.manifest.encode()
	if err != nil {
		t.Fatal(err)
	}
	s.bytes += int64(len(m))
	s.layout = newLayout(&l.manifest)
	return s
}
