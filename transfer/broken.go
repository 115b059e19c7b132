package transfer

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
)

// A disk that is broken is no fault of a file, and not mended by waiting: where it was pulled or has become
// read-only every file would fail, one after the other, and be reported so for ever. The engine stops, and the
// next instance, perhaps on another node, goes on at the last checkpoint. One bad block fails one file.

// brokenDisk says whether err, of an operation on a file below WriteRoot, is trouble of the disk, and stops the
// engine if it is. It runs in a lane, before the core hears of the failure.
func (e *Engine) brokenDisk(err error) bool {
	if err == nil || !isBroken(err) || e.fence.Err() != nil {
		return false
	}
	if mayBeOfOneFile(err) && !isBroken(e.probe()) {
		return false
	}
	e.fail(fmt.Errorf("%w: Options.WriteRoot: %w", ErrDurability, err))
	return true
}

// probe makes a file durable below WriteRoot and removes it. To sync the directory did not do: while an ext4 became
// read-only a file was once reported as failed for ever, presumably because that sync was answered with success.
// Its name is always the same, so that what a killed process left is removed here; several lanes may ask.
func (e *Engine) probe() error {
	e.probing <- struct{}{}
	defer func() { <-e.probing }()
	name := "." + ID(e.incarnation).String() + ".probe"
	f, err := e.files.createPart(name)
	if err != nil {
		return err
	}
	if err = e.fence.Err(); err == nil {
		_, err = f.WriteAt([]byte{0}, 0)
	}
	if err == nil {
		err = e.files.sync(f)
	}
	f.Close()
	return errors.Join(err, e.files.remove(name))
}

// mayBeOfOneFile says that err, which is known to isBroken, is also what a bad block gives, or a file that was removed at
// the server (ESTALE). A network that is down is no fault of a file, though it may be up again when somebody looks.
func mayBeOfOneFile(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ESTALE)
}

// isBroken knows what a disk answers that was pulled (EIO), is read-only (EROFS), lies behind a network that is
// down, or behind a FUSE process that has ended (ECONNABORTED, then ENOTCONN).
func isBroken(err error) bool {
	return isBrokenHere(err) || slices.ContainsFunc([]error{
		syscall.EIO, syscall.EROFS, syscall.ENODEV, syscall.ENXIO, syscall.ESTALE,
		syscall.ENOTCONN, syscall.ECONNABORTED, syscall.EHOSTDOWN, syscall.ETIMEDOUT,
	}, func(known error) bool { return errors.Is(err, known) })
}
