package resource_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/mqha/mqha/resource"
	"golang.org/x/sys/windows"
)

// TestShareThatIsAwayIsNotAMissingFile: when its server came back between two looks, an operator's wishes on it passed for
// none, and the next one was written over them.
func TestShareThatIsAwayIsNotAMissingFile(t *testing.T) {
	away := &os.PathError{Op: "open", Path: `\\server\share\wanted.json`, Err: windows.ERROR_BAD_NETPATH}
	if !errors.Is(away, fs.ErrNotExist) || resource.Missing(away) {
		t.Error("a server that is away passes for a missing file")
	}
	if gone := (&os.PathError{Op: "open", Path: `wanted.json`, Err: windows.ERROR_FILE_NOT_FOUND}); !resource.Missing(gone) {
		t.Error("a missing file is not missing")
	}
}
