//go:build unix

package resource

import (
	"errors"
	"syscall"
)

// isFull: no block or inode is left, to anybody or to this user.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
