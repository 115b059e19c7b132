package transfer

import (
	"errors"
	"slices"

	"golang.org/x/sys/windows"
)

// isBrokenHere knows what leaves no doubt. ERROR_CRC, a bad block, is not among it.
func isBrokenHere(err error) bool {
	return slices.ContainsFunc([]error{
		windows.ERROR_WRITE_PROTECT, windows.ERROR_NOT_READY, windows.ERROR_BAD_NETPATH, windows.ERROR_NETNAME_DELETED,
		windows.ERROR_IO_DEVICE, windows.ERROR_DEVICE_NOT_CONNECTED, windows.ERROR_DEVICE_REMOVED,
	}, func(known error) bool { return errors.Is(err, known) })
}
