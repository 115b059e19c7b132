//go:build unix

package resource_test

import "syscall"

// diskErrors are what a disk says, and whether it means that there is no room.
func diskErrors() map[error]bool {
	return map[error]bool{syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EIO: false, syscall.EROFS: false}
}
