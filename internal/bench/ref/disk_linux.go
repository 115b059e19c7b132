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

func beginWriteBack(f *os.File, offset, length int64) error {
	return unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE)
}

func dataSync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
