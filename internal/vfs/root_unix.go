//go:build unix

package vfs

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const onlyDirectory = unix.O_DIRECTORY

// Inode is the file's number on its file system, 0 where FileInfo does not carry it.
func Inode(fi fs.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Ino
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
