package resource

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func onDevice(dir, device string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if source := unix.ByteSliceToString(st.Mntfromname[:]); source != device {
		return fmt.Errorf("%s: mounted from %s: %w %s", dir, source, ErrDevice, device)
	}
	return nil
}
