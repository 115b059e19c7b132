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
	// A disk that still makes something durable has a bad block.
	if !errors.Is(err, syscall.EROFS) && !isBrokenHere(err) && e.files.syncDir(".") == nil {
		return false
	}
	e.fail(fmt.Errorf("%w: Options.WriteRoot: %w", ErrDurability, err))
	return true
}

// isBroken knows what a disk answers that was pulled (EIO), is read-only (EROFS), lies behind a network that is
// down, or behind a FUSE process that has ended (ECONNABORTED, then ENOTCONN).
func isBroken(err error) bool {
	return isBrokenHere(err) || slices.ContainsFunc([]error{
		syscall.EIO, syscall.EROFS, syscall.ENODEV, syscall.ENXIO, syscall.ESTALE,
		syscall.ENOTCONN, syscall.ECONNABORTED, syscall.EHOSTDOWN, syscall.ETIMEDOUT,
	}, func(known error) bool { return errors.Is(err, known) })
}
