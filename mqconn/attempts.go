package mqconn

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"sync"
)

// attempts counts how often each message was got and not committed, for transports that do not tell it (mq-golang-jms20
// has no JMSXDeliveryCount). A message is counted before the program gets it, in a file, so that one that ends the
// process is counted, too.
//
// The file is a row of records of 32 bytes: message identifier, count, checksum; the last one of a message counts, and
// a count of zero says that it is gone. It is not synced: what was written survives the process. A loss of power costs a few
// counts, or all of them, where the file system puts the new name of a file that was written anew on disk before its
// content. A message is then tried as often again as the Threshold says.
type attempts struct {
	file string // empty: in memory only

	writing chan struct{} // capacity 1: the right to write; never taken while mu is held
	out     *os.File
	size    int64

	mu      sync.Mutex // never held during I/O: the end of a connection takes it, and a disk may hang
	counts  map[ID]uint32
	taken   map[*Conn][]attempt // in open units of work
	pending []byte              // records not written yet
}

// attempt is one message of a unit of work.
type attempt struct {
	id      ID
	counted bool // not at the threshold: a loss then has nothing to take back
}

const (
	recordLength = 32

	// compactAt is the size from which on a file is written anew with what still counts.
	compactAt = 1 << 20

	// mostCounted bounds the messages that are counted: one that failed, and then expired or was taken by somebody else,
	// is not heard of again.
	mostCounted = 1 << 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendRecord(b []byte, id ID, count uint32) []byte {
	begin := len(b)
	b = append(b, id[:]...)
	b = binary.LittleEndian.AppendUint32(b, count)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[begin:], castagnoli))
}

func openAttempts(file string) (*attempts, error) {
	a := &attempts{file: file, writing: make(chan struct{}, 1), counts: make(map[ID]uint32), taken: make(map[*Conn][]attempt)}
	if file == "" {
		return a, nil
	}
	if err := a.read(); err != nil {
		return nil, err
	}
	if err := a.rewrite(); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// read takes what is whole. A record that is torn or damaged is passed over: it was the last one, or there was a fault of
// the disk, and either costs counts only.
func (a *attempts) read() error {
	f, err := os.Open(a.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var record [recordLength]byte
	for in := bufio.NewReader(f); ; {
		if _, err := io.ReadFull(in, record[:]); err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		} else if err != nil {
			return err
		}
		if crc32.Checksum(record[:recordLength-4], castagnoli) != binary.LittleEndian.Uint32(record[recordLength-4:]) {
			continue
		}
		id, count := ID(record[:24]), binary.LittleEndian.Uint32(record[24:])
		if count == 0 {
			delete(a.counts, id)
		} else {
			a.counts[id] = count
		}
	}
}

// begin counts one more attempt at a message that conn has in its unit of work, and says how many there were before.
// At the threshold it counts none: the message is about to be moved.
func (a *attempts) begin(conn *Conn, id ID, threshold int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.counts[id]
	counted := int(before) < threshold
	a.taken[conn] = append(a.taken[conn], attempt{id, counted})
	if counted {
		a.forget(id)
		a.counts[id] = before + 1
		a.pending = appendRecord(a.pending, id, before+1)
	}
	return int(before)
}

// forget makes room for id where there is none: a quarter of the messages goes, whichever they are. One of them that comes
// again all the same is tried as often again as the Threshold says.
func (a *attempts) forget(id ID) {
	if _, known := a.counts[id]; known || len(a.counts) < mostCounted {
		return
	}
	for id := range a.counts {
		delete(a.counts, id)
		if len(a.counts) <= mostCounted*3/4 {
			return
		}
	}
}

// fate is what has become of a unit of work.
type fate int

const (
	committed fate = iota
	backedOut
	lostWith // its connection, which is not the fault of the messages in it
)

// ended is called when a unit of work of conn has ended. It does no I/O.
func (a *attempts) ended(conn *Conn, f fate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, tried := range a.taken[conn] {
		id := tried.id
		count, known := a.counts[id]
		switch {
		case !known || f == backedOut || f == lostWith && !tried.counted:
			continue
		case f == committed:
			count = 0
		case count > 0:
			count--
		}
		if count == 0 {
			delete(a.counts, id)
		} else {
			a.counts[id] = count
		}
		a.pending = appendRecord(a.pending, id, count)
	}
	delete(a.taken, conn)
}

// flush writes what is pending. After an error the counts are right in memory, and the file is written anew at the next
// call.
func (a *attempts) flush() error {
	if a.file == "" {
		a.mu.Lock()
		a.pending = a.pending[:0]
		a.mu.Unlock()
		return nil
	}
	a.writing <- struct{}{}
	defer func() { <-a.writing }()
	if a.out == nil || a.size > compactAt {
		return a.rewrite()
	}
	a.mu.Lock()
	records := a.pending
	a.pending = nil
	a.mu.Unlock()
	n, err := a.out.Write(records)
	a.size += int64(n)
	if err != nil {
		return errors.Join(err, a.close())
	}
	return nil
}

// rewrite replaces the file by one with the live counts, by way of a temporary name, so that a crash leaves one of them
// whole. Windows replaces no file that is open.
func (a *attempts) rewrite() error {
	if err := a.close(); err != nil {
		return err
	}
	a.mu.Lock()
	var records []byte
	for id, count := range a.counts {
		records = appendRecord(records, id, count)
	}
	a.pending = nil
	a.mu.Unlock()
	temporary := a.file + ".new"
	if err := os.WriteFile(temporary, records, 0o600); err != nil {
		return err
	}
	if err := os.Rename(temporary, a.file); err != nil {
		return err
	}
	out, err := os.OpenFile(a.file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	a.out, a.size = out, int64(len(records))
	// With very many live messages the next rewrite is far enough away, too.
	if a.size > compactAt/2 {
		a.size = 0
	}
	return nil
}

func (a *attempts) close() error {
	if a.out == nil {
		return nil
	}
	out := a.out
	a.out = nil
	return out.Close()
}
