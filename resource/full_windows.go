package resource

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isFull: package syscall has an ENOSPC on Windows, too, but no call of Windows returns it.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}
