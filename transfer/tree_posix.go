//go:build unix

package transfer

import "golang.org/x/sys/unix"

// openNonblock keeps the opening of a file that became a FIFO meanwhile from waiting for a writer.
const openNonblock = unix.O_NONBLOCK

// syncDir makes the names in dir durable.
func (t *tree) syncDir(dir string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	f, err := t.root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
