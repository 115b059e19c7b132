package mqtest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"time"
)

// The file begins with logMagic. A record is the length and the CRC32C of its contents, 32 bits each, little-endian, and
// its contents: operations, one after the other.
const (
	logMagic     = "MQTLOG3\n"
	recordHeader = 8
	putHeader    = 1 + 8 + 8 + 8 + queueNameLength + mdLength + 4 + 4
)

const (
	opPut     = 1 // number, sequence, expiry, queue, MQMD, length of properties, length, properties, body
	opGet     = 2 // number
	opBackout = 3 // number
	opSync    = 4 // length, syncState as JSON
)

// castagnoli has hardware support on the machines that this runs on.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// A record under construction; the zero value is ready.
type record struct{ data []byte }

func (r *record) begin(extra int) {
	if r.data == nil {
		r.data = make([]byte, recordHeader, recordHeader+extra)
	}
}

func (r *record) put(m *message) {
	r.begin(putHeader + len(m.body.properties) + len(m.body.data))
	b := append(r.data, opPut)
	b = binary.LittleEndian.AppendUint64(b, m.logged)
	b = binary.LittleEndian.AppendUint64(b, m.sequence)
	var expires int64
	if !m.expires.IsZero() {
		expires = m.expires.UnixNano()
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(expires))
	var name [queueNameLength]byte
	putText(name[:], 0, queueNameLength, m.queue.name)
	b = append(b, name[:]...)
	b = append(b, m.md[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.body.properties)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.body.data)))
	b = append(b, m.body.properties...)
	r.data = append(b, m.body.data...)
}

func (m *message) logLength() int64 {
	return int64(recordHeader + putHeader + len(m.body.properties) + len(m.body.data))
}

func (r *record) get(number uint64)     { r.number(opGet, number) }
func (r *record) backout(number uint64) { r.number(opBackout, number) }

// sync writes where one end of a channel is.
func (r *record) sync(s syncState) {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // numbers and texts can always be written
	}
	r.number(opSync, uint64(len(text)))
	r.data = append(r.data, text...)
}

func (r *record) number(op byte, number uint64) {
	r.begin(9)
	r.data = binary.LittleEndian.AppendUint64(append(r.data, op), number)
}

func (r *record) seal() []byte {
	contents := r.data[recordHeader:]
	binary.LittleEndian.PutUint32(r.data, uint32(len(contents)))
	binary.LittleEndian.PutUint32(r.data[4:], crc32.Checksum(contents, castagnoli()))
	return r.data
}

// recovered is a message as the log gives it back.
type recovered struct {
	*message
	queueName string
}

var errNotALog = errors.New("mqtest: " + logName + " is not a log of this version")

// recovery is what a log holds at its end.
type recovery struct {
	live map[uint64]recovered
	ends map[syncKey]syncState
}

// replay reads a log up to its end or to the first record that is torn: behind the last fdatasync a crash may
// leave any part of any record, and nobody was told that those were durable.
func replay(r io.Reader) (found recovery, err error) {
	found = recovery{make(map[uint64]recovered), make(map[syncKey]syncState)}
	magic := make([]byte, len(logMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != logMagic {
		return found, errNotALog
	}
	var head [recordHeader]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return found, readError(err)
		}
		contents, err := io.ReadAll(io.LimitReader(r, int64(binary.LittleEndian.Uint32(head[:]))))
		if err != nil {
			return found, err
		}
		if crc32.Checksum(contents, castagnoli()) != binary.LittleEndian.Uint32(head[4:]) || len(contents) == 0 {
			return found, nil
		}
		if err := found.apply(contents); err != nil {
			return found, err
		}
	}
}

// readError is nil for the end of the file, in the middle of a record too.
func readError(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

var errRecord = errors.New("mqtest: a record of " + logName + " is whole but makes no sense")

func (f *recovery) apply(b []byte) error {
	for len(b) > 0 {
		if len(b) < 9 {
			return errRecord
		}
		number := binary.LittleEndian.Uint64(b[1:])
		switch b[0] {
		case opPut:
			if len(b) < putHeader {
				return errRecord
			}
			m, body, n := decodePut(number, b)
			if n > len(b) {
				return errRecord
			}
			m.body = newBody(slices.Clone(b[body:n]))
			m.body.properties = slices.Clone(b[putHeader:body])
			f.live[number] = m
			b = b[n:]
			continue
		case opGet:
			delete(f.live, number)
		case opBackout:
			if m, ok := f.live[number]; ok {
				putLong(m.md[:], mdBackoutCount, getLong(m.md[:], mdBackoutCount)+1)
			}
		case opSync:
			var s syncState
			if number > uint64(len(b)-9) || json.Unmarshal(b[9:9+number], &s) != nil {
				return errRecord
			}
			f.ends[s.key()] = s
			b = b[number:]
		default:
			return errRecord
		}
		b = b[9:]
	}
	return nil
}

// decodePut reads everything but properties and body, and says where the body begins and ends.
func decodePut(number uint64, b []byte) (m recovered, body, end int) {
	m.message = &message{logged: number, persistent: true, sequence: binary.LittleEndian.Uint64(b[9:])}
	if expires := int64(binary.LittleEndian.Uint64(b[17:])); expires != 0 {
		m.expires = time.Unix(0, expires)
	}
	copy(m.md[:], b[25+queueNameLength:])
	m.queueName = getText(b, 25, queueNameLength)
	body = putHeader + int(binary.LittleEndian.Uint32(b[putHeader-8:]))
	return m, body, body + int(binary.LittleEndian.Uint32(b[putHeader-4:]))
}
