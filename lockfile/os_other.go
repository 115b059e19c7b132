//go:build !linux && !windows && !darwin && !dragonfly && !freebsd && !illumos && !netbsd && !openbsd

package lockfile

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

const primitive = "none"

// tryLock: what is left here are traditional fcntl locks, which any close of the file drops.
func tryLock(*os.File) (bool, error) {
	return false, fmt.Errorf("no usable lock on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func unlock(*os.File) error { return nil }

func bootID() string { return "" }
