package lockfile

import (
	"errors"
	"os"
	"testing"

	"github.com/mqha/mqha/internal/core/lease"
	"golang.org/x/sys/windows"
)

// TestNetworkThatIsAwayIsNotAMissingFile: a server that did not answer for a moment ended the lease, as if somebody had
// deleted the lock file, because os.ErrNotExist also stands for ERROR_BAD_NETPATH.
func TestNetworkThatIsAwayIsNotAMissingFile(t *testing.T) {
	for _, no := range []error{
		windows.ERROR_BAD_NETPATH, windows.ERROR_BAD_NET_NAME, windows.ERROR_NETNAME_DELETED, windows.ERROR_REM_NOT_LIST,
		windows.ERROR_NO_NET_OR_BAD_PATH, windows.ERROR_NO_NETWORK, windows.ERROR_UNEXP_NET_ERR, windows.ERROR_NETWORK_UNREACHABLE,
		windows.ERROR_HOST_UNREACHABLE, windows.ERROR_CONNECTION_REFUSED, windows.ERROR_VC_DISCONNECTED,
	} {
		err := &os.PathError{Op: "open", Path: `\\server\share\agent.lck`, Err: no}
		if ignoreMissing(err) == nil { // a standby on a share that is away would pass for one that is gone
			t.Errorf("%v is ignored", err)
		}
		if o := unopened(err); missing(err) || !passing(err) || o.event.Result == lease.Missing || !errors.Is(o.event.Err, no) {
			t.Errorf("%v: missing %v, passing %v, the look says %+v", err, missing(err), passing(err), o.event)
		}
	}
	for _, no := range []error{windows.ERROR_FILE_NOT_FOUND, windows.ERROR_PATH_NOT_FOUND} {
		err := &os.PathError{Op: "open", Path: "agent.lck", Err: no}
		if o := unopened(err); !missing(err) || passing(err) || o.event.Result != lease.Missing {
			t.Errorf("%v: missing %v, passing %v, the look says %+v", err, missing(err), passing(err), o.event)
		}
	}
}
