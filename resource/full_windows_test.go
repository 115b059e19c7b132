package resource_test

import "syscall"

// diskErrors are what a disk says, and whether it means that there is no room: the numbers of winerror.h.
func diskErrors() map[error]bool {
	return map[error]bool{
		syscall.Errno(39):   true,  // ERROR_HANDLE_DISK_FULL
		syscall.Errno(112):  true,  // ERROR_DISK_FULL
		syscall.Errno(1295): true,  // ERROR_DISK_QUOTA_EXCEEDED
		syscall.Errno(23):   false, // ERROR_CRC
		syscall.Errno(19):   false, // ERROR_WRITE_PROTECT
	}
}
