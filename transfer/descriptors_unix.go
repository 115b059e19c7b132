//go:build unix

package transfer

import "golang.org/x/sys/unix"

// descriptors is how many files this process may have open (RLIMIT_NOFILE, of which Go raises the soft limit to the
// hard one when a process begins).
func descriptors() uint64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 1024
	}
	return uint64(r.Cur)
}
