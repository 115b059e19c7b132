//go:build !windows

package lockfile

import (
	"errors"
	"slices"
	"syscall"
)

// passing says whether trouble may go away by itself: a network file system whose server is away for a moment, or has lost its
// locks or file handles in a restart (ESTALE, ENOLCK), a FUSE process that is started again (ENOTCONN), a path to a disk,
// or descriptors. A full or read-only disk does not count: that is for somebody to mend.
func passing(err error) bool {
	var no syscall.Errno
	return errors.As(err, &no) && slices.Contains([]syscall.Errno{
		syscall.EIO, syscall.ESTALE, syscall.ENOLCK, syscall.ENOTCONN, syscall.ETIMEDOUT, syscall.EHOSTDOWN, syscall.EHOSTUNREACH,
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED,
		syscall.EMFILE, syscall.ENFILE,
	}, no)
}
