package ref

import (
	"io"
	"os"
)

// disk is what the pipeline asks of a file system, so that a test can watch the order.
type disk interface {
	create(name string) (file, error)
	rename(from, to string) error
	remove(name string) error
	syncDir(name string) error
}

type file interface {
	io.WriterAt
	io.Closer
	allocate(size int64) error                 // without changing the size of the file; where the system cannot, nothing
	beginWriteBack(offset, length int64) error // where the system cannot, nothing
	dataSync() error
}

type osDisk struct{}

func (osDisk) create(name string) (file, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) remove(name string) error { return os.Remove(name) }

func (osDisk) syncDir(name string) error { return syncDir(name) }

type osFile struct{ *os.File }

func (f osFile) allocate(size int64) error { return allocate(f.File, size) }

func (f osFile) beginWriteBack(offset, length int64) error {
	return beginWriteBack(f.File, offset, length)
}

func (f osFile) dataSync() error { return dataSync(f.File) }
