package lockfile

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
)

// fileSystem tells whether f is on a disk of this machine; GetDriveType.
func fileSystem(f *os.File) (local bool, lockLease time.Duration, err error) {
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(f.Name()) + `\`)
	if err != nil {
		return false, 0, &os.PathError{Op: "GetDriveType", Path: f.Name(), Err: err}
	}
	kind := windows.GetDriveType(root)
	return kind == windows.DRIVE_FIXED || kind == windows.DRIVE_RAMDISK, 0, nil
}

// fileSystemName is empty if f cannot be asked; GetVolumeInformationByHandleW.
func fileSystemName(f *os.File) string {
	var name [windows.MAX_PATH + 1]uint16
	err := windows.GetVolumeInformationByHandle(windows.Handle(f.Fd()), nil, 0, nil, nil, nil, &name[0], uint32(len(name)))
	if err != nil {
		return ""
	}
	return windows.UTF16ToString(name[:])
}
