package transfer

import (
	"io/fs"
	"path/filepath"
)

// Item is a file or a directory with all that is in it.
type Item struct {
	// Source is an absolute path at the sending agent, below one of its ReadRoots.
	Source string `json:"source"`
	// Destination is a slash-separated path below the receiving agent's WriteRoot: the name that
	// Source gets there. For a directory "." means that its contents go into WriteRoot itself.
	Destination string `json:"destination"`
}

// Request asks for one transfer.
type Request struct {
	// ID makes Submit idempotent: a second Submit with the same ID changes nothing, as long as the first is remembered
	// (Options.KeepEnded). Submit draws one for a zero ID.
	ID ID `json:"id"`
	// To is the name of the receiving agent.
	To    string `json:"to"`
	Items []Item `json:"items"`
	// SourceDisposition DeleteSource deletes each source file once the whole transfer has completed and
	// that is durable here. Directories stay, and so do files that did not arrive, under each of the names
	// that Items give them, and whatever is not provably the file that was sent: such as a new one of the
	// same name. Status.LeftFiles tells which.
	// A transfer that is cancelled or refused deletes nothing. Default LeaveSource.
	SourceDisposition Disposition `json:"sourceDisposition,omitempty"`
}

func (r *Request) moves() bool { return r.SourceDisposition == DeleteSource }

func (r *Request) check() error {
	if !validName(r.To) {
		return badRequest("To %q is not an agent name", r.To)
	}
	if len(r.Items) == 0 {
		return badRequest("no Items")
	}
	for _, it := range r.Items {
		if !filepath.IsAbs(it.Source) {
			return badRequest("Source %q is not an absolute path", it.Source)
		}
		if !fs.ValidPath(it.Destination) {
			return badRequest("Destination %q is not a path below the receiver's root, such as in/today", it.Destination)
		}
	}
	return r.SourceDisposition.check()
}
