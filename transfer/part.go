package transfer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mqha/mqha/internal/vfs"
)

// partName is the name of an unfinished file: .<transfer>.<file number>.<epoch>.part
//
// It carries the epoch, so that a call that a stopped holder makes late, after another instance
// took over and renamed the part, finds nothing (ENOENT) or writes the same bytes into a file that
// it has open. It does not carry the file's own name, so that names of any length fit and none
// collide.
type partName struct {
	transfer ID
	file     uint32
	epoch    uint64
}

func (p partName) String() string {
	return fmt.Sprintf(".%s.%d.%d.part", p.transfer, p.file, p.epoch)
}

// parsePart is the inverse of String.
func parsePart(name string) (partName, bool) {
	rest, ok := strings.CutPrefix(name, ".")
	if !ok {
		return partName{}, false
	}
	if rest, ok = strings.CutSuffix(rest, ".part"); !ok {
		return partName{}, false
	}
	fields := strings.Split(rest, ".")
	if len(fields) != 3 || len(fields[0]) != 2*len(ID{}) {
		return partName{}, false
	}
	var p partName
	if _, err := hex.Decode(p.transfer[:], []byte(fields[0])); err != nil {
		return partName{}, false
	}
	file, err := strconv.ParseUint(fields[1], 10, 32)
	if err != nil {
		return partName{}, false
	}
	if p.epoch, err = strconv.ParseUint(fields[2], 10, 64); err != nil {
		return partName{}, false
	}
	p.file = uint32(file)
	return p, p.String() == name
}

// part is a file that is being received. The file belongs to the write lane, and is written there
// while the sync lane syncs it; its hash belongs to the hash lane from the first frame that arrives on.
type part struct {
	file    vfs.File
	name    string
	hash    digest
	begun   int64 // write-back was begun of all before
	problem error // nothing more is written
}

func (in *incoming) setPart(file uint32, p *part) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.parts[file] = p
}

func (in *incoming) part(file uint32) *part {
	in.mu.Lock()
	defer in.mu.Unlock()
	if p := in.parts[file]; p != nil {
		return p
	}
	return &part{problem: errors.New("the part is not open")}
}

// closePart closes a part and forgets it.
func (in *incoming) closePart(file uint32) {
	in.mu.Lock()
	p := in.parts[file]
	delete(in.parts, file)
	in.mu.Unlock()
	if p != nil && p.file != nil {
		p.file.Close()
	}
}

func (in *incoming) closeParts() {
	for file := range in.parts {
		in.closePart(file)
	}
}
