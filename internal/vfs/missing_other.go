//go:build !windows

package vfs

import (
	"errors"
	"io/fs"
)

// Missing says that there is no such file.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
