//go:build lab && linux

package transfer_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// sickDisk is a disk that fails as it is told: a FUSE file system over a directory. Its program is a module of its own.
type sickDisk struct {
	t       *testing.T
	program string
	below   string // the directory, without the disk
	place   string // where it is mounted
	cmd     *exec.Cmd

	mu  sync.Mutex // one line and its answer at a time: what is mended may still be answering
	in  io.WriteCloser
	out *bufio.Reader
}

// buildSickDisk gives the program.
func buildSickDisk(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("no FUSE here: %v", err)
	}
	program := filepath.Join(t.TempDir(), "sickdisk")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = filepath.Join("testdata", "sickdisk")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %s", out)
	}
	return program
}

func (d *sickDisk) mount() {
	d.t.Helper()
	d.cmd = exec.Command(d.program, d.below, d.place)
	d.cmd.Stderr = os.Stderr
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		d.t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.out = bufio.NewReader(out)
	d.hear("ready")
}

func newSickDisk(t *testing.T, program string) *sickDisk {
	t.Helper()
	d := &sickDisk{t: t, program: program, below: t.TempDir(), place: t.TempDir()}
	d.mount()
	t.Cleanup(d.pull)
	return d
}

func (d *sickDisk) hear(want string) {
	if line, err := d.out.ReadString('\n'); strings.TrimSpace(line) != want {
		d.t.Errorf("the disk said %q, %v; want %q", line, err, want)
	}
}

func (d *sickDisk) say(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := fmt.Fprintln(d.in, line); err != nil {
		d.t.Error(err)
	}
	d.hear("ok")
}

// counts gives how many operations failed, and how many syncs were tried on a file whose sync had failed.
func (d *sickDisk) counts() (failed, retried int) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := fmt.Fprintln(d.in, "count"); err != nil {
		d.t.Fatal(err)
	}
	line, err := d.out.ReadString('\n')
	if err == nil {
		_, err = fmt.Sscan(line, &failed, &retried)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return failed, retried
}

// kill is kill -9 of the disk's process: the disk is pulled.
func (d *sickDisk) kill() {
	if err := d.cmd.Process.Kill(); err != nil {
		d.t.Error(err)
	}
	_ = d.cmd.Wait() // its error is that it was killed
}

// pull kills it and takes the mount away, also from those who still use it.
func (d *sickDisk) pull() {
	if d.cmd.ProcessState == nil {
		d.kill()
	}
	if err := unix.Unmount(d.place, unix.MNT_DETACH); err != nil {
		d.t.Errorf("umount: %v", err)
	}
}
