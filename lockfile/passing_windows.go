package lockfile

import (
	"errors"
	"slices"
	"syscall"

	"golang.org/x/sys/windows"
)

// passing says whether trouble may go away by itself: the server is away for a moment, its share, the way to it, or the disk.
func passing(err error) bool {
	var no syscall.Errno
	return errors.As(err, &no) && slices.Contains([]syscall.Errno{
		windows.ERROR_NOT_READY, windows.ERROR_IO_DEVICE, windows.ERROR_SEM_TIMEOUT, windows.ERROR_SHARING_VIOLATION,
		windows.ERROR_TOO_MANY_OPEN_FILES, windows.ERROR_REM_NOT_LIST, windows.ERROR_BAD_NETPATH, windows.ERROR_NETWORK_BUSY,
		windows.ERROR_DEV_NOT_EXIST, windows.ERROR_UNEXP_NET_ERR, windows.ERROR_NETNAME_DELETED,
		windows.ERROR_NETWORK_UNREACHABLE, windows.ERROR_HOST_UNREACHABLE, windows.ERROR_CONNECTION_ABORTED,
		windows.ERROR_BAD_NET_NAME, windows.ERROR_BAD_NET_RESP, windows.ERROR_VC_DISCONNECTED, windows.ERROR_CONNECTION_UNAVAIL,
		windows.ERROR_NO_NET_OR_BAD_PATH, windows.ERROR_NO_NETWORK, windows.ERROR_CONNECTION_REFUSED,
		windows.ERROR_GRACEFUL_DISCONNECT, windows.ERROR_CONNECTION_INVALID, windows.ERROR_NOT_CONNECTED,
	}, no)
}
