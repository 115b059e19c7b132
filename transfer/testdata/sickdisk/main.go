// Command sickdisk mounts a directory over FUSE and answers with errors when it is told so, line by line on its
// standard input:
//
//	fail fsync,write EIO   these operations fail from now on: read, write, fsync, fsyncdir, names (creating, renaming, ...)
//	well                   they succeed again
//	count                  answers with how many failed since the start, and how many syncs were tried on a file
//	                       whose sync had failed before
//
// Each line is answered by one. A sync that fails loses what was written since the last good one, as a disk does.
// The program is a module of its own, so that users of mqha do not inherit its dependency.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

var errnos = map[string]syscall.Errno{"EIO": syscall.EIO, "EROFS": syscall.EROFS, "ENOSPC": syscall.ENOSPC}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "sickdisk:", err)
		os.Exit(1)
	}
}

func run(below, mountPoint string) error {
	var st syscall.Stat_t
	if err := syscall.Stat(below, &st); err != nil {
		return err
	}
	d := &disk{}
	root := &fs.LoopbackRoot{Path: below, Dev: st.Dev}
	root.NewNode = func(*fs.LoopbackRoot, *fs.Inode, string, *syscall.Stat_t) fs.InodeEmbedder {
		return &node{LoopbackNode: fs.LoopbackNode{RootData: root}, disk: d}
	}
	root.RootNode = root.NewNode(root, nil, "", &st)
	// No fusermount: it is run by root. Nothing is kept by the kernel that the disk may answer otherwise now.
	o := &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "sickdisk"}}
	server, err := fs.Mount(mountPoint, root.RootNode, o)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(d.obey(lines.Text()))
	}
	return server.Unmount()
}

type disk struct {
	mu      sync.Mutex
	fails   map[string]bool
	errno   syscall.Errno
	failed  int
	retried int
}

func (d *disk) obey(line string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "fail":
		operations, errno, _ := strings.Cut(rest, " ")
		d.fails = map[string]bool{}
		for _, op := range strings.Split(operations, ",") {
			d.fails[op] = true
		}
		d.errno = errnos[errno]
	case "well":
		d.fails = nil
	case "count":
		return fmt.Sprint(d.failed, " ", d.retried)
	}
	return "ok"
}

func (d *disk) answer(operation string) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.fails[operation] {
		return 0
	}
	d.failed++
	return d.errno
}

type extent struct{ offset, length int64 }

type node struct {
	fs.LoopbackNode
	disk *disk

	mu       sync.Mutex
	dirty    []extent // since the last good sync
	poisoned bool     // a sync has failed
}

func (n *node) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if errno := n.disk.answer("read"); errno != 0 {
		return nil, errno
	}
	return f.(fs.FileReader).Read(ctx, dest, off)
}

func (n *node) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := n.disk.answer("write"); errno != 0 {
		return 0, errno
	}
	n.mu.Lock()
	n.dirty = append(n.dirty, extent{off, int64(len(data))})
	n.mu.Unlock()
	return f.(fs.FileWriter).Write(ctx, data, off)
}

func (n *node) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	errno := n.disk.answer("fsync")
	opened := f.(*file)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.poisoned {
		n.disk.mu.Lock()
		n.disk.retried++
		n.disk.mu.Unlock()
	}
	lost := n.dirty
	n.dirty = nil
	if errno == 0 {
		return opened.Fsync(ctx, flags)
	}
	n.poisoned = true
	for _, e := range lost {
		if _, errno := opened.Write(ctx, make([]byte, e.length), e.offset); errno != 0 {
			return errno
		}
	}
	return errno
}

// file hides that the loopback has a descriptor: the kernel would read and write through it and never ask here.
type file struct {
	fs.FileReader
	fs.FileWriter
	fs.FileFsyncer
	fs.FileFlusher
	fs.FileReleaser
	fs.FileGetattrer
	fs.FileSetattrer
	fs.FileAllocater
}

func hide(h fs.FileHandle) fs.FileHandle {
	return &file{h.(fs.FileReader), h.(fs.FileWriter), h.(fs.FileFsyncer), h.(fs.FileFlusher), h.(fs.FileReleaser),
		h.(fs.FileGetattrer), h.(fs.FileSetattrer), h.(fs.FileAllocater)}
}

// dir is an open directory.
type dir struct {
	fs.FileReaddirenter
	fs.FileReleasedirer
	fs.FileSeekdirer
	fs.FileFsyncdirer
	disk *disk
}

func (d *dir) Fsyncdir(ctx context.Context, flags uint32) syscall.Errno {
	if errno := d.disk.answer("fsyncdir"); errno != 0 {
		return errno
	}
	return d.FileFsyncdirer.Fsyncdir(ctx, flags)
}

func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, fuseFlags, errno := n.LoopbackNode.OpendirHandle(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	return &dir{h.(fs.FileReaddirenter), h.(fs.FileReleasedirer), h.(fs.FileSeekdirer), h.(fs.FileFsyncdirer), n.disk}, fuseFlags, 0
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, fuseFlags, errno := n.LoopbackNode.Open(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	return hide(h), fuseFlags, 0
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.disk.answer("names"); errno != 0 {
		return nil, nil, 0, errno
	}
	inode, h, fuseFlags, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	return inode, hide(h), fuseFlags, 0
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.disk.answer("names"); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Mkdir(ctx, name, mode, out)
}

func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	if errno := n.disk.answer("names"); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Unlink(ctx, name)
}

func (n *node) Rename(ctx context.Context, name string, parent fs.InodeEmbedder, to string, flags uint32) syscall.Errno {
	if errno := n.disk.answer("names"); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Rename(ctx, name, parent, to, flags)
}
