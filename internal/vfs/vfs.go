// Package vfs is the file system as package transfer uses it, so that the same code runs on a real
// disk and, in tests, on one that loses power after any operation (package crashdisk).
//
// A Dir is a directory that nothing leaves: every path goes through os.Root, so that neither ".." nor
// a symbolic link planted meanwhile leads out of it. Paths are slash-separated and relative to it.
package vfs

import (
	"io"
	"io/fs"
	"os"
	"time"
)

// Dir is a directory tree. Its errors are those of package os.
type Dir interface {
	// Name is the path of the directory, for messages.
	Name() string
	// ID tells this directory from another one mounted in its place; 0 where it cannot be told.
	ID() (uint64, error)

	// Create makes a new file, mode 0600, for reading and writing; it follows no link and opens
	// nothing that is there (O_EXCL).
	Create(name string) (File, error)
	// Reopen opens a file to go on writing it.
	Reopen(name string) (File, error)
	// Open opens a file for reading. It does not wait for the writer of a FIFO.
	Open(name string) (File, error)
	ReadFile(name string) ([]byte, error)

	// Identify opens what has the name, follows no link, and tells what it is. It opens, because
	// only that makes a network file system ask its server.
	Identify(name string) (Identity, error)

	// Remove removes a file or an empty directory; of one that is not empty the error is fs.ErrExist.
	Remove(name string) error
	// Rename replaces what has the new name.
	Rename(from, to string) error
	// RenameNoReplace answers fs.ErrExist when the new name is taken. Only Linux has a system call
	// for it (renameat2(2), not on NFS); elsewhere it looks first, and a file that somebody else
	// creates between the two calls is replaced.
	RenameNoReplace(from, to string) error
	// PutBack gives a file the name that it had before, and never replaces what has it now: the error
	// is then fs.ErrExist. Where no system call does so it links and unlinks, and for a moment the
	// file has both names; where there are no hard links either, it fails.
	PutBack(from, to string) error
	// Mkdir makes a directory with mode 0755.
	Mkdir(name string) error

	Lstat(name string) (fs.FileInfo, error)
	// Names lists a directory through a descriptor opened for it: a listing that a network file
	// system kept could be stale.
	Names(dir string) ([]string, error)
	// SyncDir makes the names in a directory durable. On Windows, which has no way to do so, it does
	// nothing: after a power loss a delivered file can be back under the name of its part.
	SyncDir(dir string) error
	Close() error
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
	// SyncData makes the bytes and the size durable, but not what Chmod and SetTime have set: where the
	// system has it, fdatasync(2), which is cheaper.
	SyncData() error
	// Preallocate takes room for a file of that size and leaves its size as it is, so that a disk
	// that is too small says so at once and the bytes lie together. It does nothing where the file
	// system cannot.
	Preallocate(size int64) error
	// BeginWriteBack has the system begin to bring n bytes from off on to the disk, and does not wait for
	// that. It makes nothing durable; a SyncData that follows takes less long. It does nothing where
	// the system cannot.
	BeginWriteBack(off, n int64) error
	// Chmod and SetTime act on the descriptor, never by the name, where the system can.
	Chmod(mode fs.FileMode) error
	SetTime(modified time.Time) error
	// Lock locks the file for this open file; false: another has it.
	Lock() (bool, error)
}

// Identity is what tells one file from another, and from a later version of itself.
type Identity struct {
	Mode     fs.FileMode
	Size     int64
	Modified int64  // Unix nanoseconds
	Inode    uint64 // 0 where it is not known
	// Born tells a file from an earlier one that had the same inode number: the time of its creation
	// in Unix nanoseconds; 0 where it is not known or of no use.
	Born int64
}

// Number is the inode number of a file on a file system that is not the operating system's; the Sys of
// its fs.FileInfo is one.
type Number uint64

// Same says whether a and b describe one file.
func Same(a, b fs.FileInfo) bool {
	if n, ok := a.Sys().(Number); ok {
		return b.Sys() == n
	}
	return os.SameFile(a, b)
}

// Mount opens a directory. OpenRoot is the one for real disks.
type Mount func(dir string) (Dir, error)
