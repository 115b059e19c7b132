package transfer

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mqha/mqha/internal/vfs"
)

// A journal is a file journal.<epoch>.<sequence>: a head, a snapshot of the state, and then what
// happened since. Each entry is a prefix and JSON. The prefix, little endian: the length of the JSON (4
// bytes), a CRC32C of what follows (4), and how much of the file was synced when the entry was written (8).
// An epoch begins a file of its own, so that a late write of an earlier holder goes to a file that
// nobody reads any more.

const (
	journalVersion = 1
	maxRecordBytes = 64 << 20
	// rotateBytes is how long a journal grows before it is written anew.
	rotateBytes = 64 << 20
)

type journalHead struct {
	Version int    `json:"mqha"`
	Epoch   uint64 `json:"epoch"`
	Records int    `json:"records"` // of the snapshot
}

type journalName struct{ epoch, sequence uint64 }

func (n journalName) String() string { return fmt.Sprintf("journal.%d.%d", n.epoch, n.sequence) }

func parseJournalName(s string) (journalName, bool) {
	rest, ok := strings.CutPrefix(s, "journal.")
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
	if errors.Is(err, os.ErrNotExist) {
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
	file   vfs.File
	size   int64
	synced int64 // so much of it is durable
	start  int64 // size of head and snapshot
	entry  []byte
}

// openJournal reads the newest journal, writes its state under this epoch, and removes the older
// ones. An unreadable journal is never passed over for an older one, which would deliver files
// again.
func openJournal(dir *tree, epoch uint64) (*journal, *state, error) {
	names, err := journalNames(dir)
	if err != nil {
		return nil, nil, err
	}
	s, next := newState(), journalName{epoch: epoch, sequence: 1}
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
		if s, err = readJournal(dir, newest); err != nil {
			return nil, nil, err
		}
		if newest.epoch == epoch {
			next.sequence = newest.sequence + 1
		}
	}
	j := &journal{dir: dir, name: next}
	records := s.snapshot()
	entries, err := appendRecords(records)
	if err == nil {
		err = j.begin(len(records), entries)
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
	slices.SortFunc(names, func(a, b journalName) int {
		return cmp.Or(cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.sequence, b.sequence))
	})
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

// begin writes a new journal with a snapshot of n records, opens and locks it.
func (j *journal) begin(n int, snapshot []byte) error {
	name := j.name.String()
	head, err := appendRecord(nil, journalHead{Version: journalVersion, Epoch: j.name.epoch, Records: n})
	if err != nil {
		return err
	}
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
	var fi fs.FileInfo
	if err == nil {
		fi, err = f.Stat()
	}
	if err != nil {
		f.Close()
		return err
	}
	j.file, j.size, j.synced, j.start = f, fi.Size(), fi.Size(), fi.Size()
	return nil
}

func appendEntry(buf, body []byte, synced int64) []byte {
	le := binary.LittleEndian
	at := len(buf)
	buf = le.AppendUint32(buf, uint32(len(body)))
	buf = le.AppendUint32(buf, 0)
	buf = le.AppendUint64(buf, uint64(synced))
	buf = append(buf, body...)
	le.PutUint32(buf[at+4:], crc32.Checksum(buf[at+8:], castagnoli))
	return buf
}

// appendRecord is for what becomes durable as a whole, the head and the snapshot.
func appendRecord(buf []byte, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return appendEntry(buf, body, 0), nil
}

func appendRecords(records []record) ([]byte, error) {
	var buf []byte
	for i := range records {
		var err error
		if buf, err = appendRecord(buf, &records[i]); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

// append writes a record, given as JSON; it is durable after sync.
func (j *journal) append(body []byte) error {
	if len(body) > maxRecordBytes {
		return fmt.Errorf("a record of %d bytes, at most %d can be read again", len(body), maxRecordBytes)
	}
	if err := j.dir.fence.Err(); err != nil {
		return err
	}
	j.entry = appendEntry(j.entry[:0], body, j.synced)
	n, err := j.file.WriteAt(j.entry, j.size)
	j.size += int64(n)
	return err
}

func (j *journal) sync() error {
	if err := j.dir.sync(j.file); err != nil {
		return err
	}
	j.synced = j.size
	return nil
}

// full says that the journal has grown enough to be written anew.
func (j *journal) full() bool { return j.size-j.start > rotateBytes && j.size > 4*j.start }

// rotate goes on in a new file that begins with a snapshot of n records.
func (j *journal) rotate(n int, snapshot []byte) error {
	old, oldName := j.file, j.name
	j.name.sequence++
	if err := j.begin(n, snapshot); err != nil {
		return err
	}
	old.Close()
	return j.dir.remove(oldName.String())
}

func (j *journal) close() error { return j.file.Close() }

// readJournal replays a journal up to the first entry that is not whole. What was not synced when the
// power went may have any of its pages, so whole entries may follow; nobody was told of them. But one in
// the head or the snapshot, or before what a later entry says was synced, means that the file is
// damaged: reading it as a shorter one could deliver files twice.
func readJournal(dir *tree, n journalName) (*state, error) {
	whole, err := dir.ReadFile(n.String())
	if err != nil {
		return nil, err
	}
	damaged := func(format string, args ...any) error {
		return &JournalError{Path: dir.Name() + string(os.PathSeparator) + n.String(), Reason: fmt.Sprintf(format, args...)}
	}
	var head journalHead
	body, _, rest := cutEntry(whole)
	if body == nil || json.Unmarshal(body, &head) != nil {
		return nil, damaged("it has no head")
	}
	if head.Version != journalVersion {
		return nil, damaged("it has version %d, this program understands %d", head.Version, journalVersion)
	}
	s := newState()
	for i := 0; ; i++ {
		var body []byte
		if body, _, rest = cutEntry(rest); body != nil {
			var rec record
			if err := json.Unmarshal(body, &rec); err != nil {
				return nil, damaged("record %d is not understood: %v", i, err)
			}
			s.apply(rec)
			continue
		}
		if i < head.Records {
			return nil, damaged("it ends within its snapshot, after %d of %d records", i, head.Records)
		}
		if at := int64(len(whole) - len(rest)); syncedWithin(rest) > at {
			return nil, damaged("record %d is damaged, and was durable once", i)
		}
		return s, nil
	}
}

const prefixBytes = 16

// cutEntry takes the first entry off b; nil: there is no whole one.
func cutEntry(b []byte) (body []byte, synced int64, rest []byte) {
	if len(b) < prefixBytes {
		return nil, 0, b
	}
	le := binary.LittleEndian
	n := int64(le.Uint32(b))
	if n == 0 || n > maxRecordBytes || prefixBytes+n > int64(len(b)) {
		return nil, 0, b
	}
	if le.Uint32(b[4:]) != crc32.Checksum(b[8:prefixBytes+n], castagnoli) {
		return nil, 0, b
	}
	return b[prefixBytes : prefixBytes+n], int64(le.Uint64(b[8:])), b[prefixBytes+n:]
}

// syncedWithin is the most that any whole entry in b says was synced, wherever it begins.
func syncedWithin(b []byte) int64 {
	var most int64
	for i := 1; i+prefixBytes < len(b); i++ {
		if b[i+prefixBytes] != '{' {
			continue
		}
		if body, synced, _ := cutEntry(b[i:]); body != nil {
			most = max(most, synced)
		}
	}
	return most
}
