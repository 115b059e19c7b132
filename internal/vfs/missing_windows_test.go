package vfs

import (
	"io/fs"
	"testing"

	"golang.org/x/sys/windows"
)

// TestServerThatIsAwayIsNoMissingFile: a part that is missing counts as delivered, and a source as deleted.
func TestServerThatIsAwayIsNoMissingFile(t *testing.T) {
	for err, want := range map[error]bool{
		windows.ERROR_FILE_NOT_FOUND: true, windows.ERROR_PATH_NOT_FOUND: true,
		windows.ERROR_BAD_NETPATH: false, windows.ERROR_BAD_NET_NAME: false, windows.ERROR_NETNAME_DELETED: false, windows.ERROR_ACCESS_DENIED: false,
	} {
		if got := Missing(&fs.PathError{Op: "GetFileAttributesEx", Path: "x", Err: err}); got != want {
			t.Errorf("%v: missing %v, want %v", err, got, want)
		}
	}
}
