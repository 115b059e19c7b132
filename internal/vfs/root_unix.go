//go:build unix

package vfs

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const onlyDirectory = unix.O_DIRECTORY

// openNonblock keeps the opening of a file that became a FIFO meanwhile from waiting for a writer.
const openNonblock = unix.O_NONBLOCK

// Inode is the file's number on its file system, 0 where FileInfo does not carry it.
func Inode(fi fs.FileInfo) uint64 {
	switch s := fi.Sys().(type) {
	case *syscall.Stat_t:
		return s.Ino
	case Number:
		return uint64(s)
	}
	return 0
}

func syncDir(r *os.Root, dir string) error {
	f, err := openDir(r, dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
