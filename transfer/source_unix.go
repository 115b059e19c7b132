//go:build unix

package transfer

import "golang.org/x/sys/unix"

// openNonblock keeps the opening of a file that became a FIFO meanwhile from waiting for a writer.
const openNonblock = unix.O_NONBLOCK
