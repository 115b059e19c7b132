package transfer

import (
	"errors"
	"fmt"
)

// The errors of this package.
var (
	// ErrOptions: Options cannot be used as they stand; the text says why.
	ErrOptions = errors.New("transfer: unusable options")
	// ErrUnknown: the engine has no transfer of that ID, or none any more: of those that it sent it remembers
	// Options.KeepEnded after their end, those that it received until their sender has confirmed the end.
	ErrUnknown = errors.New("transfer: unknown transfer")
	// ErrEnded: the transfer has ended already, and cannot be cancelled.
	ErrEnded = errors.New("transfer: the transfer has ended")
	// ErrRequest: a Request cannot be carried out as it stands; the text says why. Matched by
	// *RequestError.
	ErrRequest = errors.New("transfer: bad request")
	// ErrInUse: another engine of the same epoch has the state directory open: two agents were
	// given the same directory and different locks.
	ErrInUse = errors.New("transfer: state directory is in use by another engine of the same epoch")
	// ErrStale: the journal belongs to a higher epoch. This instance is no longer the active one.
	ErrStale = errors.New("transfer: state directory belongs to a higher epoch")
	// ErrJournal: no journal in the state directory can be read. Matched by *JournalError.
	ErrJournal = errors.New("transfer: unreadable journal")
	// ErrFormat: a Request needs a later format than the journal is written in, so that an earlier release can
	// take over. Matched by *FormatError.
	ErrFormat = errors.New("transfer: the journal has no place for this before it is finalised")
	// ErrRoot: Options.WriteRoot is not the directory that unfinished transfers are delivered to; its
	// disk may not be mounted. An engine cannot tell that from a directory that was removed and made anew, and to go on
	// in a mount point without its disk would hide what is delivered, so somebody has to decide. If the directory is gone
	// for good, move the state directory away: its transfers begin anew at their senders, also those whose end these
	// had not heard of; what this agent was sending is cancelled.
	ErrRoot = errors.New("transfer: another WriteRoot")
	// ErrFenced: the lease is lost, so the engine has stopped writing.
	ErrFenced = errors.New("transfer: the lease is lost")
	// ErrClosed: the engine was closed.
	ErrClosed = errors.New("transfer: engine closed")
	// ErrDurability: the disk under the state directory or a delivered directory did not make
	// something durable. The engine has stopped; what it had acknowledged is safe.
	ErrDurability = errors.New("transfer: not durable")
	// ErrPeer is for Links: there is no way to that agent. It concerns one peer, not the Link.
	ErrPeer = errors.New("transfer: no way to that agent")
)

// RequestError says what is wrong with a Request.
type RequestError struct{ Reason string }

func (e *RequestError) Error() string { return "transfer: bad request: " + e.Reason }

// Is matches ErrRequest.
func (e *RequestError) Is(target error) bool { return target == ErrRequest }

func badRequest(format string, args ...any) error {
	return &RequestError{Reason: fmt.Sprintf(format, args...)}
}

// JournalError says which journal cannot be read and why.
type JournalError struct {
	Path   string
	Format int // of the journal, if it is a later one than NewestFormat; else 0
	Reason string
}

func (e *JournalError) Error() string {
	if e.Format != 0 {
		return fmt.Sprintf("transfer: journal %s cannot be read: %s; start the release that wrote it, or a later one", e.Path, e.Reason)
	}
	return fmt.Sprintf("transfer: journal %s cannot be read: %s; restore it from a copy, or move the state directory away to start without its unfinished transfers", e.Path, e.Reason)
}

// Is matches ErrJournal.
func (e *JournalError) Is(target error) bool { return target == ErrJournal }

// FormatError refuses what the journal has no place for in the format that it is written in.
type FormatError struct {
	What            string
	Needed, Written int // formats
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("transfer: %s needs a journal of format %d; it is written in format %d, so that an earlier release can take over: "+
		"finalise the upgrade when none is left (Engine.Finalise), and submit it again", e.What, e.Needed, e.Written)
}

// Is matches ErrFormat.
func (e *FormatError) Is(target error) bool { return target == ErrFormat }
