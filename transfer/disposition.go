package transfer

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/mqha/mqha/internal/core/remove"
	"github.com/mqha/mqha/internal/core/stream"
)

// Disposition is what becomes of the source files of a transfer once they have arrived (IBM MQ MFT:
// source disposition).
type Disposition string

// The dispositions.
const (
	LeaveSource  Disposition = "leave"  // the default: nothing
	DeleteSource Disposition = "delete" // they are deleted: the transfer moves them
)

func (d Disposition) check() error {
	switch d {
	case "", LeaveSource, DeleteSource:
		return nil
	}
	return badRequest("SourceDisposition %.20q: %q or %q", d, LeaveSource, DeleteSource)
}

// Sources that are about to be unlinked lie in a directory .<transfer>.deleting in the directory that
// they were in, under the name <file number>.<epoch>. No instance ever renames to the name that
// another one unlinks.
const asideSuffix = ".deleting"

func asideDir(id ID) string { return "." + id.String() + asideSuffix }

// isAside says whether a name is that of such a directory.
func isAside(name string) bool {
	digits, ok := strings.CutSuffix(name, asideSuffix)
	if !ok || !strings.HasPrefix(digits, ".") || len(digits) != 1+2*len(ID{}) {
		return false
	}
	_, err := hex.DecodeString(digits[1:])
	return err == nil
}

// asideName is the name of an entry; epoch is that of this instance, which the core calls 0.
func asideName(n remove.Entry, epoch uint64) string {
	if n.Epoch > 0 {
		epoch = n.Epoch
	}
	return fmt.Sprintf("%d.%d", n.File, epoch)
}

// parseAside is the inverse of asideName.
func parseAside(name string, epoch uint64) (remove.Entry, bool) {
	file, in, ok := strings.Cut(name, ".")
	number, err := strconv.ParseUint(file, 10, 32)
	if !ok || err != nil {
		return remove.Entry{}, false
	}
	e := remove.Entry{File: uint32(number)}
	if e.Epoch, err = strconv.ParseUint(in, 10, 64); err != nil || e.Epoch == 0 {
		return remove.Entry{}, false
	}
	if e.Epoch == epoch {
		e.Epoch = 0
	}
	return e, asideName(e, epoch) == name
}

// deletingRecord says, before the first of them is touched, that the sources First to Last are about to be
// deleted, and what came of those before. What they are compared with is in the lists of the transfer.
type deletingRecord struct {
	ID        ID            `json:"id"`
	First     uint32        `json:"first,omitempty"` // 0: all is done
	Last      uint32        `json:"last,omitempty"`
	Left      int           `json:"left,omitempty"`
	LeftFiles []FileFailure `json:"leftfiles,omitempty"`
}

// moving is what the journal says of the sources of a transfer that is to delete them.
type moving struct {
	First       uint32        `json:"first,omitempty"`
	Last        uint32        `json:"last,omitempty"`
	Over        bool          `json:"over,omitempty"`
	Undelivered []string      `json:"undelivered,omitempty"` // names
	Unlisted    bool          `json:"unlisted,omitempty"`    // and there are more
	Left        int           `json:"left,omitempty"`
	LeftFiles   []FileFailure `json:"leftfiles,omitempty"`
}

func (m *moving) apply(r *deletingRecord) {
	m.First, m.Last, m.Over = r.First, r.Last, r.First == 0
	m.Left += r.Left
	m.LeftFiles = addFailures(m.LeftFiles, r.LeftFiles)
}

// end takes from the receiver's last word what did not arrive.
func (m *moving) end(e *endRecord) {
	m.Unlisted = e.Failed != len(e.Failures)
	for _, f := range e.Failures {
		m.Undelivered = append(m.Undelivered, f.Name)
	}
}

// deletes says that sources are to be deleted, now or after the end of another instance.
func (o *outRecord) deletes() bool {
	return o.Moving != nil && o.Answer == stream.Completed && !o.Moving.Over
}

// staySources adds to stay every file whose source did not arrive under each name that the transfer gives it: it is sent
// as two files and can be deleted only once. One source may be listed by two paths, through two roots or in two
// spellings. A link cannot be told from that, and stays, too.
func staySources(stay map[uint32]bool, sources []source, files []manifestFile) map[uint32]bool {
	type path struct{ root, path string }
	type file struct {
		inode       uint64
		born        int64
		size, mtime int64 // of two file systems that count their inodes alike
	}
	paths, sent := map[path]bool{}, map[file]bool{}
	pathOf := func(i int) path { return path{sources[i].Root, sources[i].Path} }
	fileOf := func(i int) file { return file{sources[i].Inode, sources[i].Born, files[i].Size, files[i].MTime} }
	all := map[uint32]bool{}
	for i := range sources {
		if sources[i].Stays || stay[uint32(i)+1] {
			paths[pathOf(i)], sent[fileOf(i)] = true, sources[i].Inode != 0
		}
	}
	if len(paths) == 0 {
		return nil
	}
	for i := range sources {
		if paths[pathOf(i)] || sent[fileOf(i)] {
			all[uint32(i)+1] = true
		}
	}
	return all
}

// stay gives the numbers of the files that did not arrive. all: it is not known which, so that nothing may
// be deleted.
func (m *moving) stay(files *manifest) (numbers map[uint32]bool, all bool) {
	names := make(map[string]bool, len(m.Undelivered))
	for _, n := range m.Undelivered {
		names[n] = true
	}
	if len(names) == 0 {
		return nil, m.Unlisted
	}
	numbers = map[uint32]bool{}
	for i := range files.Files {
		if names[files.Files[i].Name] {
			numbers[uint32(i)+1] = true
			delete(names, files.Files[i].Name)
		}
	}
	for _, d := range files.Dirs { // one of its own, beside the files that were to be in it
		delete(names, d)
	}
	return numbers, m.Unlisted || len(names) > 0
}
