//go:build unix

package mqtest

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// hungUp looks, without waiting and without reading, whether the other side has closed its end.
// The system knows that as soon as the client's process is dead, while the goroutine that reads
// the socket may not have run yet. RawConn.Control, unlike Read, does not queue behind it.
func hungUp(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		closed = n == 0 && err == nil || err != nil && err != unix.EAGAIN && err != unix.EINTR
	})
	return closed || err != nil
}
