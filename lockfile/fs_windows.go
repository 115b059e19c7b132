package lockfile

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/windows"
)

// fileSystem tells whether f is on a disk of this machine; GetDriveType.
func fileSystem(f *os.File) (local bool, lockLease time.Duration, err error) {
	if isNetwork(finalPath(f), fileSystemName(f)) {
		return false, 0, nil
	}
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(f.Name()) + `\`)
	if err != nil {
		return false, 0, &os.PathError{Op: "GetDriveType", Path: f.Name(), Err: err}
	}
	kind := windows.GetDriveType(root)
	return kind == windows.DRIVE_FIXED || kind == windows.DRIVE_RAMDISK, 0, nil
}

// isNetwork finds what the drive does not tell: a directory on it that is a link to a share, and a cluster shared volume,
// which is a directory on the disk of the system and may be on another node's.
func isNetwork(finalPath, fileSystem string) bool {
	return strings.HasPrefix(finalPath, `\\?\UNC\`) || strings.EqualFold(fileSystem, "CSVFS")
}

// finalPath is where all links lead to; empty if f cannot be asked. GetFinalPathNameByHandleW.
func finalPath(f *os.File) string {
	path := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetFinalPathNameByHandle(windows.Handle(f.Fd()), &path[0], uint32(len(path)), 0)
	if err != nil || int(n) > len(path) {
		return ""
	}
	return windows.UTF16ToString(path[:n])
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
