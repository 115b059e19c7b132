package transfer

import (
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/vfs"
	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// crashFiles is a small directory with all that makes a difference: empty files, less than a frame, whole
// frames, several checkpoints, a big file in the middle, subdirectories.
type crashFiles struct {
	want   map[string]crashdisk.Found
	bytes  int64 // of the files and of the list of them, which travels as a file
	layout *layout
	sizes  Options // of frames, credit and checkpoints
}

func newCrashFiles(t testing.TB) *crashFiles {
	t.Helper()
	return newCrashFilesOf(t, Options{FrameBytes: crashFrame, CreditBytes: 64 << 10, CheckpointBytes: 32 << 10}, []crashFile{
		{"a/empty", 0}, {"a/one", 1}, {"a/frame", 4 << 10}, {"b/frames", 12 << 10}, {"b/c/odd", 5001},
		{"big", 150_000}, {"last", 700}, {"z", 0},
	})
}

type crashFile struct {
	name string
	size int
}

func newCrashFilesOf(t testing.TB, sizes Options, files []crashFile) *crashFiles {
	t.Helper()
	s := &crashFiles{want: map[string]crashdisk.Found{}, sizes: sizes}
	for i, f := range files {
		data := make([]byte, f.size)
		for j := range data {
			data[j] = byte(j*7 + j>>8*13 + i)
		}
		s.want[f.name] = crashdisk.Found{Data: data, Mode: fs.FileMode(0o600 | i<<3), Modified: time.Unix(1_700_000_000+int64(i), 123456000)}
		s.bytes += int64(f.size)
	}
	d := crashdisk.New()
	s.put(d)
	l, err := scan(t.Context(), crashMount(crashdisk.NewMachine(nil), d), []string{crashOut}, crashRequest(LeaveSource))
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

// put writes the files to the disk of their sender.
func (s *crashFiles) put(d *crashdisk.Disk) {
	for _, dir := range []string{"", "/a", "/b", "/b/c"} {
		d.Mkdir("/out" + dir)
	}
	for name, f := range s.want {
		d.Put(path.Join("/out", name), f.Data, f.Mode, f.Modified)
	}
}

var crashOut = crashPath("/out")

func crashRequest(d Disposition) *Request {
	return &Request{ID: ID{15: 1}, To: "B", Items: []Item{{Source: crashOut, Destination: "."}}, SourceDisposition: d}
}

func crashMount(m *crashdisk.Machine, d *crashdisk.Disk) vfs.Mount {
	return func(dir string) (vfs.Dir, error) {
		return m.Mount(d)(strings.TrimPrefix(filepath.ToSlash(dir), filepath.VolumeName(dir)))
	}
}
