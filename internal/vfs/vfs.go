// Package vfs is the file system as package transfer uses it, so that the same code runs on a real
// disk and, in tests, on one that loses power after any operation (package crashdisk).
//
// A Dir is a directory that nothing leaves: every path goes through os.Root, so that neither ".." nor
// a symbolic link planted meanwhile leads out of it. Paths are slash-separated and relative to it.
package vfs

import (
	"io"
	"io/fs"
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
	Open(name string) (File, error)
	ReadFile(name string) ([]byte, error)

	Remove(name string) error
	// Rename replaces what has the new name.
	Rename(from, to string) error
	// RenameNoReplace renames within one directory and answers fs.ErrExist when the new name is
	// taken. Only Linux has a system call for it (renameat2(2), not on NFS); elsewhere it looks first,
	// and a file that somebody else creates between the two calls is replaced.
	RenameNoReplace(from, to string) error
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
	// Chmod and SetTime act on the descriptor, never by the name, where the system can.
	Chmod(mode fs.FileMode) error
	SetTime(modified time.Time) error
	// Lock locks the file for this open file; false: another has it.
	Lock() (bool, error)
}

// Mount opens a directory. OpenRoot is the one for real disks.
type Mount func(dir string) (Dir, error)
