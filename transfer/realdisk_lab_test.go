//go:build lab && linux

package transfer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// labDisk is a file system of its own in a file.
type labDisk struct {
	t        *testing.T
	image    string
	dir      string
	options  string
	attached bool
}

// newDisk makes a disk of that kind and mounts it.
func newDisk(t *testing.T, size int64, options string, mkfs ...string) *labDisk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
	if _, err := exec.LookPath(mkfs[0]); err != nil {
		t.Skipf("%s is not installed", mkfs[0])
	}
	d := &labDisk{t: t, image: filepath.Join(t.TempDir(), "image"), dir: t.TempDir(), options: options}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, size); err != nil { // sparse
		t.Fatal(err)
	}
	mustRun(t, mkfs[0], append(mkfs[1:], d.image)...)
	d.mount()
	t.Cleanup(func() {
		if d.attached {
			d.unmount()
		}
	})
	return d
}

func (d *labDisk) mount() {
	d.t.Helper()
	mustRun(d.t, "mount", "-o", d.options, d.image, d.dir)
	d.attached = true
}

func (d *labDisk) unmount() {
	d.t.Helper()
	d.attached = false
	mustRun(d.t, "umount", d.dir)
}

// pull ends all I/O without a last flush of the log: FS_IOC_SHUTDOWN with FS_SHUTDOWN_FLAGS_NOLOGFLUSH, in
// linux/fs.h. After the next mount only what was synced is there.
func (d *labDisk) pull() {
	const shutdown, noLogFlush = 0x8004587d, 2
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Error(err)
		return
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush); err != nil {
		d.t.Errorf("FS_IOC_SHUTDOWN: %v", err)
	}
}
