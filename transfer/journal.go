package transfer

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mqha/mqha/internal/vfs"
)

// A journal is a file journal.<epoch>.<sequence>: two marks, a head, a snapshot of the state, and then what
// happened since. Each entry is its length and CRC32C (both 4 bytes, little endian) and JSON.
//
// A mark says how much of the file was durable once; the two are written in turn, so that a torn one
// leaves the other. What lies behind may be torn, and nobody was told of it. But a file that is damaged or
// ends before its mark has lost what somebody relies on.
//
// The file is filled with zeros ahead of the entries. To sync one is then to overwrite what is there: the file
// system has no new size and no new blocks to make durable with it. Zeros are no entry, so they end a replay.
//
// An epoch begins a file of its own, so that a late write of an earlier holder goes to a file that
// nobody reads any more.

const (
	maxRecordBytes = 64 << 20
	// zerosAhead is how far the file reaches at least when an entry had to lengthen it.
	zerosAhead = 256 << 10
	// rotateBytes is how long a journal grows before it is written anew.
	rotateBytes = 64 << 20
)

type journalHead struct {
	Format int    `json:"mqha"`
	Epoch  uint64 `json:"epoch"`
}

type journalName struct{ epoch, sequence uint64 }

func (n journalName) String() string { return fmt.Sprintf("journal.%d.%d", n.epoch, n.sequence) }

// tail is the name of the tail log of an engine that began with this journal.
func (n journalName) tail() string { return fmt.Sprintf("tail.%d.%d", n.epoch, n.sequence) }

func (n journalName) compare(o journalName) int {
	return cmp.Or(cmp.Compare(n.epoch, o.epoch), cmp.Compare(n.sequence, o.sequence))
}

func parseJournalName(s string) (journalName, bool) { return parseNumbered("journal.", s) }

func parseTailName(s string) (journalName, bool) { return parseNumbered("tail.", s) }

func parseNumbered(prefix, s string) (journalName, bool) {
	rest, ok := strings.CutPrefix(s, prefix)
	e, q, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return journalName{}, false
	}
	epoch, err := strconv.ParseUint(e, 10, 64)
	if err != nil {
		return journalName{}, false
	}
	sequence, err := strconv.ParseUint(q, 10, 64)
	return journalName{epoch, sequence}, err == nil
}

// HighestEpoch is the highest epoch of a journal in the state directory dir, 0 when there is none.
// An elector takes it as a floor, so that a lost lock file never lets an epoch repeat.
func HighestEpoch(dir string) (uint64, error) {
	entries, err := os.ReadDir(dir)
	if vfs.Missing(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var highest uint64
	for _, e := range entries {
		if n, ok := parseJournalName(e.Name()); ok {
			highest = max(highest, n.epoch)
		}
	}
	return highest, nil
}

// journal is the open journal of this epoch. After openJournal only the journal lane uses it.
type journal struct {
	dir    *tree
	name   journalName
	format int
	file   vfs.File
	size   int64 // of marks and entries
	filled int64 // of the file
	synced int64 // so much of it is durable
	marked int64 // the last mark says so
	marks  int   // written
	buf    []byte
	start  int64 // size of marks, head and snapshot
	tried  int64 // size when there was no room to write it anew
	failed error // of the first write or sync: what came of it nobody knows, and no later one tells
}

// openJournal reads the newest journal, writes its state in the same format under this epoch, and removes the older
// ones. An unreadable journal is never passed over for an older one, which would deliver files
// again. Where there is none, it begins in the format first. Of the outgoing transfers that are over it keeps the last.
func openJournal(dir *tree, epoch uint64, first, keep int) (*journal, *state, error) {
	names, err := journalNames(dir)
	if err != nil {
		return nil, nil, err
	}
	s, next, format := newState(), journalName{epoch: epoch, sequence: 1}, first
	if len(names) > 0 {
		newest := names[len(names)-1]
		if newest.epoch > epoch {
			return nil, nil, fmt.Errorf("%w: %s in %s, this engine has epoch %d", ErrStale, newest, dir.Name(), epoch)
		}
		unlock, err := lockOwn(dir, newest, epoch)
		if err != nil {
			return nil, nil, err
		}
		defer unlock()
		if s, format, err = readJournal(dir, newest); err != nil {
			return nil, nil, err
		}
		if newest.epoch == epoch {
			next.sequence = newest.sequence + 1
		}
	}
	s.retain(s.over(), keep)
	j := &journal{dir: dir, name: next, format: format}
	entries, err := appendEntries(s.snapshot())
	if err == nil {
		err = j.begin(entries)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, n := range names {
		if err := dir.remove(n.String()); err != nil {
			j.file.Close()
			return nil, nil, err
		}
	}
	return j, s, nil
}

func journalNames(dir *tree) ([]journalName, error) {
	all, err := dir.names(".")
	if err != nil {
		return nil, err
	}
	var names []journalName
	for _, s := range all {
		if n, ok := parseJournalName(s); ok {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, journalName.compare)
	return names, nil
}

// lockOwn refuses a journal of the same epoch that another engine has open. A lock on the journal
// of a lower epoch means nothing: a stopped holder must not stop its successor.
func lockOwn(dir *tree, n journalName, epoch uint64) (unlock func(), err error) {
	if n.epoch != epoch {
		return func() {}, nil
	}
	f, err := dir.reopen(n.String())
	if err != nil {
		return nil, err
	}
	ok, err := f.Lock()
	if err == nil && !ok {
		err = ErrInUse
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// begin writes a new journal with a snapshot, opens and locks it.
func (j *journal) begin(snapshot []byte) error {
	name := j.name.String()
	entry, err := appendEntry(nil, journalHead{Format: j.format, Epoch: j.name.epoch})
	if err != nil {
		return err
	}
	size := int64(marksBytes + len(entry) + len(snapshot))
	head := append(appendMark(appendMark(nil, size), size), entry...)
	err = j.dir.write(name, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		_, err := w.Write(snapshot)
		return err
	})
	if err != nil {
		return err
	}
	f, err := j.dir.reopen(name)
	if err != nil {
		return err
	}
	ok, err := f.Lock()
	if err == nil && !ok {
		err = ErrInUse
	}
	if err != nil {
		f.Close()
		return err
	}
	j.file, j.size, j.filled, j.synced, j.marked, j.start, j.tried = f, size, size, size, size, size, 0
	return nil
}

// A mark is "MQHA", the CRC32C of the rest, and a length.
const (
	markBytes  = 16
	marksBytes = 2 * markBytes
)

func appendMark(buf []byte, synced int64) []byte {
	le := binary.LittleEndian
	at := len(buf)
	buf = append(buf, "MQHA\x00\x00\x00\x00"...)
	buf = le.AppendUint64(buf, uint64(synced))
	le.PutUint32(buf[at+4:], crc32.Checksum(buf[at+8:], castagnoli))
	return buf
}

func appendEntry(buf []byte, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return appendBody(buf, body), nil
}

func appendBody(buf, body []byte) []byte {
	buf = binary.LittleEndian.AppendUint32(slices.Grow(buf, prefixBytes+len(body)), uint32(len(body)))
	buf = binary.LittleEndian.AppendUint32(buf, crc32.Checksum(body, castagnoli))
	return append(buf, body...)
}

func appendEntries(records []record) ([]byte, error) {
	var buf []byte
	for i := range records {
		var err error
		if buf, err = appendEntry(buf, &records[i]); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

// append writes an entry; it is durable after sync.
func (j *journal) append(entry []byte) error {
	if len(entry) > prefixBytes+maxRecordBytes {
		return fmt.Errorf("a record of %d bytes, at most %d can be read again", len(entry), maxRecordBytes)
	}
	if j.failed != nil {
		return j.failed
	}
	if err := j.dir.fence.Err(); err != nil {
		return err
	}
	whole := len(entry)
	if j.size+int64(whole) > j.filled {
		entry = append(entry, make([]byte, zerosAhead)...)
	}
	n, err := j.file.WriteAt(entry, j.size)
	j.filled = max(j.filled, j.size+int64(n))
	if n >= whole { // room for zeros that is missing is no fault of the entry
		err = nil
	}
	j.size += int64(min(n, whole))
	j.failed = err
	return err
}

// sync makes all entries durable, and with them the mark of what was durable before.
func (j *journal) sync() error {
	if j.failed == nil {
		j.failed = j.mark()
	}
	if j.failed == nil {
		j.failed = j.dir.syncData(j.file)
	}
	if j.failed == nil {
		j.synced = j.size
	}
	return j.failed
}

func (j *journal) mark() error {
	if j.marked == j.synced {
		return nil
	}
	if err := j.dir.fence.Err(); err != nil {
		return err
	}
	j.buf = appendMark(j.buf[:0], j.synced)
	if _, err := j.file.WriteAt(j.buf, int64(j.marks%2*markBytes)); err != nil {
		return err
	}
	j.marks++
	j.marked = j.synced
	return nil
}

// seal leaves a journal whose mark covers all of it. Without it the last entries are not covered.
func (j *journal) seal() error {
	if err := j.sync(); err != nil {
		return err
	}
	return j.sync()
}

// full says that the journal has grown enough to be written anew.
func (j *journal) full() bool {
	return j.size-max(j.start, j.tried) > rotateBytes && j.size > 4*j.start
}

// rotate goes on in a new file that begins with a snapshot.
func (j *journal) rotate(snapshot []byte) error {
	old, oldName := j.file, j.name
	j.name.sequence++
	if err := j.begin(snapshot); err != nil {
		return err
	}
	old.Close()
	return j.dir.remove(oldName.String())
}

func (j *journal) close() error { return j.file.Close() }
