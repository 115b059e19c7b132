//go:build unix

package resource

import (
	"errors"
	"io/fs"
)

// missing says that there is no such file.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
