package transfer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
)

// readJournal replays a journal up to the first entry that is not whole. What was not synced when the
// power went may have any of its pages, so whole entries may follow; nobody was told of them.
//
// The format is that of its head, or a later one that a record needs: releases between two formats wrote what began
// with the second into journals of the first.
func readJournal(dir *tree, n journalName) (s *state, format int, err error) {
	whole, err := dir.ReadFile(n.String())
	if err != nil {
		return nil, 0, err
	}
	path := dir.Name() + string(os.PathSeparator) + n.String()
	damaged := func(format string, args ...any) (*state, int, error) {
		return nil, 0, &JournalError{Path: path, Reason: fmt.Sprintf(format, args...)}
	}
	synced, ok := readMarks(whole)
	if !ok {
		return damaged("it does not begin with a mark")
	}
	var head journalHead
	body, rest := cutEntry(whole[marksBytes:])
	if body == nil || json.Unmarshal(body, &head) != nil {
		return damaged("it has no head")
	}
	if format = head.Format; format < firstFormat {
		return damaged("its head names format %d", format)
	}
	if format > NewestFormat {
		return nil, 0, &JournalError{Path: path, Format: format,
			Reason: fmt.Sprintf("it has format %d, this release knows formats up to %d", format, NewestFormat)}
	}
	s = newState()
	for i := 0; ; i++ {
		if body, rest = cutEntry(rest); body == nil {
			break
		}
		var rec record
		if err := json.Unmarshal(body, &rec); err != nil {
			return damaged("record %d is not understood: %v", i, err)
		}
		format = max(format, rec.format())
		s.apply(rec)
	}
	if at := int64(len(whole) - len(rest)); at < synced {
		return damaged("it is whole up to byte %d of %d, and was durable up to %d", at, len(whole), synced)
	}
	return s, format, nil
}

const prefixBytes = 8

// cutEntry takes the first entry off b; nil: there is no whole one.
func cutEntry(b []byte) (body, rest []byte) {
	if len(b) < prefixBytes {
		return nil, b
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n == 0 || n > maxRecordBytes || prefixBytes+n > int64(len(b)) {
		return nil, b
	}
	body = b[prefixBytes : prefixBytes+n]
	if binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(body, castagnoli) {
		return nil, b
	}
	return body, b[prefixBytes+n:]
}

// readMarks gives the higher of two marks; false: there is none.
func readMarks(b []byte) (synced int64, ok bool) {
	le := binary.LittleEndian
	if len(b) < marksBytes {
		return 0, false
	}
	for at := 0; at < marksBytes; at += markBytes {
		m := b[at : at+markBytes]
		if string(m[:4]) == "MQHA" && le.Uint32(m[4:]) == crc32.Checksum(m[8:], castagnoli) {
			synced, ok = max(synced, int64(le.Uint64(m[8:]))), true
		}
	}
	return synced, ok
}
