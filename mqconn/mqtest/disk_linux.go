package mqtest

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync leaves out the times of the file, which fsync would write too (fdatasync(2)).
func datasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
