package ref

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate keeps the size: with fallocate(2) alone a part would look complete from the beginning.
func allocate(f *os.File, size int64) error {
	if size == 0 {
		return nil // EINVAL
	}
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

func dataSync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
