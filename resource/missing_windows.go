package resource

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
)

// missing says that there is no such file. fs.ErrNotExist also stands for ERROR_BAD_NETPATH here (syscall.Errno.Is), with
// which a server that is away answers: nothing is known then of what it has.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) && !errors.Is(err, windows.ERROR_BAD_NETPATH)
}
