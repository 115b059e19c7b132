package transfer

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/stream"
	"github.com/mqha/mqha/internal/vfs"
)

// The tail log, tail.<epoch>.<sequence> in the state directory, says which frames were about to be written
// into parts. It is never synced: it is for a process that is killed, whose writes are still in the page
// cache. The next one then need not ask for them again, although no checkpoint speaks of them (recheck.go).
//
// It promises nothing. An entry is written before its frame, so that one write serves all frames that have
// gathered, and so may be there without it; after a loss of power any entry may be, or none. What counts is
// only whether the bytes in the part have the checksum that the sender gave them.
//
// It is a ring: what is overwritten is asked for again.

const (
	tailMagic      = "MQT1"
	tailEntryBytes = 128 // divides a sector, so that no entry is torn
	// tailEntries is how many frames the ring holds: those of all transfers since their last checkpoints, 85 a
	// transfer when a hundred transfers share it.
	tailEntries = 8192
)

// tailEntry is one frame that was about to be written.
type tailEntry struct {
	number   uint64 // from 1, in the order of writing
	transfer ID
	epoch    uint64
	pos      stream.Pos
	length   uint32
	crc      uint32 // CRC32C of the bytes
	fin      bool
	digest   [32]byte // fin: of the file
}

func appendTailEntry(buf []byte, n *tailEntry) []byte {
	le := binary.LittleEndian
	at := len(buf)
	buf = append(buf, tailMagic+"\x00\x00\x00\x00"...)
	buf = le.AppendUint64(buf, n.number)
	buf = append(buf, n.transfer[:]...)
	buf = le.AppendUint64(buf, n.epoch)
	buf = le.AppendUint64(buf, uint64(n.pos.Offset))
	buf = le.AppendUint32(buf, n.pos.File)
	buf = le.AppendUint32(buf, n.length)
	buf = le.AppendUint32(buf, n.crc)
	fin := uint32(0)
	if n.fin {
		fin = 1
	}
	buf = le.AppendUint32(buf, fin)
	buf = append(buf, n.digest[:]...)
	buf = append(buf, make([]byte, at+tailEntryBytes-len(buf))...)
	le.PutUint32(buf[at+4:], crc32.Checksum(buf[at+8:], castagnoli))
	return buf
}

// parseTailEntry reads one entry; false: there is none, or it is torn.
func parseTailEntry(b []byte) (n tailEntry, ok bool) {
	le := binary.LittleEndian
	if len(b) < tailEntryBytes || string(b[:4]) != tailMagic {
		return n, false
	}
	if b = b[:tailEntryBytes]; le.Uint32(b[4:]) != crc32.Checksum(b[8:], castagnoli) {
		return n, false
	}
	n.number = le.Uint64(b[8:])
	n.transfer = ID(b[16:32])
	n.epoch = le.Uint64(b[32:])
	n.pos = stream.Pos{File: le.Uint32(b[48:]), Offset: int64(le.Uint64(b[40:]))}
	n.length, n.crc = le.Uint32(b[52:]), le.Uint32(b[56:])
	n.fin = le.Uint32(b[60:]) == 1
	n.digest = [32]byte(b[64:96])
	return n, n.number > 0 && n.pos.File > 0 && n.pos.Offset >= 0
}

// readTail gives the entries of a log that bear its epoch, in the order of the file.
func readTail(b []byte, epoch uint64) []tailEntry {
	var all []tailEntry
	for ; len(b) >= tailEntryBytes; b = b[tailEntryBytes:] {
		if n, ok := parseTailEntry(b); ok && n.epoch == epoch {
			all = append(all, n)
		}
	}
	return all
}

// tailLog is the log of this engine. After Open only the write lane uses it.
type tailLog struct {
	dir     *tree
	name    string
	epoch   uint64
	file    vfs.File // nil: nothing was noted yet
	number  uint64   // of the last entry
	buf     []byte
	trouble error // it cannot be written, and is left alone from then on
	told    bool
}

// begin is a new log. Its file is made when there is something to note.
func beginTail(dir *tree, n journalName) tailLog {
	return tailLog{dir: dir, name: n.tail(), epoch: n.epoch}
}

func (t *tailLog) add(n tailEntry) {
	t.number++
	n.number, n.epoch = t.number, t.epoch
	t.buf = appendTailEntry(t.buf, &n)
}

// flush writes what was added, in one piece but where the ring ends.
func (t *tailLog) flush() {
	first := t.number - uint64(len(t.buf)/tailEntryBytes)
	for b := t.buf; len(b) > 0 && t.trouble == nil; {
		at := int64(first%tailEntries) * tailEntryBytes
		n := min(int64(len(b)), tailEntries*tailEntryBytes-at)
		t.trouble = t.write(b[:n], at)
		b, first = b[n:], first+uint64(n/tailEntryBytes)
	}
	t.buf = t.buf[:0]
}

func (t *tailLog) write(b []byte, at int64) (err error) {
	if t.file == nil {
		if t.file, err = t.dir.createPart(t.name); err != nil {
			return err
		}
	}
	if err := t.dir.fence.Err(); err != nil {
		return err
	}
	_, err = t.file.WriteAt(b, at)
	return err
}

func (t *tailLog) close() {
	if t.file != nil {
		t.file.Close()
	}
}

// noteFrames writes down which frames are about to be written.
func (e *Engine) noteFrames(ops []writeOp) {
	t := &e.tail
	if e.failure() != nil || t.told {
		return
	}
	for i := range ops {
		op := &ops[i]
		if op.act.Kind != receive.Write || op.act.Pos.File == 0 {
			continue // a manifest that is not whole is received anew
		}
		h := &op.frame.head
		n := tailEntry{transfer: op.in.rec.ID, pos: op.act.Pos, length: uint32(len(op.frame.payload)), crc: h.CRC}
		if n.fin = h.Flags&flagFin != 0; n.fin {
			n.digest = h.Digest
		}
		t.add(n)
	}
	t.flush()
	if t.trouble != nil && e.fence.Err() == nil {
		t.told = true
		e.tell(Event{Kind: EventDegraded, Reason: "the tail log in the state directory cannot be used: " + plainError(t.trouble).Error() +
			"; files arrive all the same, but if this process is killed, what came after the last checkpoint is sent again"})
	}
}
