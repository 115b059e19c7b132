package resource

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/windows"
)

func onDevice(dir, device string) error {
	name, err := volumeName(dir)
	if err != nil {
		return &os.PathError{Op: "volume of", Path: dir, Err: err}
	}
	if !strings.EqualFold(name, device) {
		return fmt.Errorf("%s: on volume %s: %w %s", dir, name, ErrDevice, device)
	}
	return nil
}

// volumeName is the name of a volume that no change of drive letters touches.
func volumeName(dir string) (string, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return "", err
	}
	var mount, name [windows.MAX_LONG_PATH]uint16
	if err := windows.GetVolumePathName(path, &mount[0], uint32(len(mount))); err != nil {
		return "", err
	}
	if err := windows.GetVolumeNameForVolumeMountPoint(&mount[0], &name[0], uint32(len(name))); err != nil {
		return "", err
	}
	return windows.UTF16ToString(name[:]), nil
}
