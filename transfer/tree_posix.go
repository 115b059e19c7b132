//go:build unix

package transfer

import "golang.org/x/sys/unix"

// openNonblock keeps the opening of a file that became a FIFO meanwhile from waiting for a writer.
const openNonblock = unix.O_NONBLOCK

// onlyDirectory refuses to open what is not a directory.
const onlyDirectory = unix.O_DIRECTORY

// syncDir makes the names in dir durable.
func (t *tree) syncDir(dir string) error {
	if err := t.fence.Err(); err != nil {
		return err
	}
	f, err := openDir(t.root, dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
