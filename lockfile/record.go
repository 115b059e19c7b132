package lockfile

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// Record is what the holder says of itself in the lock file. It informs people and lets the holder
// notice a successor; nobody decides from it whether the lock is free.
type Record struct {
	Instance  string    `json:"instance"`
	Host      string    `json:"host"`
	BootID    string    `json:"bootId,omitempty"` // of the holder's operating system, new at each boot; empty where there is none
	PID       int       `json:"pid"`
	Epoch     uint64    `json:"epoch"`
	Beat      uint64    `json:"beat"`  // counts heartbeats
	Since     time.Time `json:"since"` // when the lock was taken, by the holder's clock
	Primitive string    `json:"primitive"`
}

// The file begins with two lines of lineSize bytes; heartbeats alternate between them, so that a write that
// was cut off leaves the other one. 512 bytes are what a disk writes in one piece. Each line is one
// JSON object, padded with blanks, so that cat shows it and head -n 2 FILE | jq reads it:
//
//	{"crc32c":"1b2c3d4e","instance":"a","host":"node1",...}            <newline>
//
// The checksum covers everything after its own closing quote, to the end of the line.
//
// Shorter lines of the same kind follow, the claims, which are written when an epoch is taken and not by heartbeats.
// Epoch n has place n modulo claimPlaces, so that a late claim does not fall on another one's; places that were never
// used are zeros. All of it is 4096 bytes, one block of most file systems: a new claim needs no room on a full disk.
const (
	lineSize    = 512
	lineStart   = `{"crc32c":"`
	crcDigits   = 8
	crcCovers   = len(lineStart) + crcDigits + len(`"`)
	recordSize  = 2 * lineSize
	claimSize   = 64
	claimPlaces = 48
	fileSize    = recordSize + claimPlaces*claimSize
)

type recordLine struct {
	CRC string `json:"crc32c"`
	Record
}

type claimLine struct {
	CRC   string `json:"crc32c"`
	Epoch uint64 `json:"epoch"`
}

// line encodes r for the file.
func (r Record) line() ([]byte, error) {
	text, err := json.Marshal(recordLine{CRC: "00000000", Record: r})
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if len(text) >= lineSize {
		return nil, fmt.Errorf("record of %d bytes does not fit into %d: shorten Instance", len(text), lineSize-1)
	}
	return padded(text, lineSize), nil
}

// claim encodes that epoch is taken, and its place in the file.
func claim(epoch uint64) (line []byte, at int64, err error) {
	text, err := json.Marshal(claimLine{CRC: "00000000", Epoch: epoch})
	return padded(text, claimSize), recordSize + int64(epoch%claimPlaces)*claimSize, err
}

// padded makes a line of text, which is shorter, and puts the checksum into it.
func padded(text []byte, size int) []byte {
	line := bytes.Repeat([]byte{' '}, size)
	line[size-1] = '\n'
	copy(line, text)
	copy(line[len(lineStart):], checksum(line))
	return line
}

// fits says before anything is touched whether the record has room, with the longest numbers: characters that JSON
// escapes take up to six bytes.
func (r Record) fits() error {
	r.Epoch, r.Beat, r.Since = math.MaxUint64, math.MaxUint64, time.Date(2006, 1, 2, 3, 4, 5, 999999999, time.UTC)
	_, err := r.line()
	return err
}

func checksum(line []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(line[crcCovers:], crc32.MakeTable(crc32.Castagnoli)))
}

// parseLine reads line into fields if its checksum is right.
func parseLine(line []byte, fields any) bool {
	if !bytes.HasPrefix(line, []byte(lineStart)) || len(line) < crcCovers {
		return false
	}
	digits := line[len(lineStart) : len(lineStart)+crcDigits]
	if _, err := hex.DecodeString(string(digits)); err != nil || string(digits) != checksum(line) {
		return false
	}
	return json.Unmarshal(line, fields) == nil
}

// parseClaims returns the epochs that are claimed in the file, each if it stands in its own place.
func parseClaims(content []byte) []uint64 {
	var epochs []uint64
	for place := range uint64(claimPlaces) {
		start := recordSize + int(place)*claimSize
		if start+claimSize > len(content) {
			break
		}
		var c claimLine
		if parseLine(content[start:start+claimSize], &c) && c.Epoch%claimPlaces == place {
			epochs = append(epochs, c.Epoch)
		}
	}
	return epochs
}

// parseRecord returns the newer of the two lines by (epoch, beat), and the other one; each is the zero
// Record if it is not valid. A file that is new, or whose first write was cut off, has neither. Content that
// we cannot have left is ErrForeign, so that a path given by mistake does not cost a file.
func parseRecord(content []byte) (newest, other Record, err error) {
	found := false
	for start := 0; start+lineSize <= min(len(content), recordSize); start += lineSize {
		var r recordLine
		switch {
		case !parseLine(content[start:start+lineSize], &r):
		case !found || r.Epoch > newest.Epoch || r.Epoch == newest.Epoch && r.Beat > newest.Beat:
			newest, other, found = r.Record, newest, true
		default:
			other = r.Record
		}
	}
	if found || len(parseClaims(content)) > 0 {
		return newest, other, nil
	}
	if len(content) > fileSize || !unwritten(content) && !bytes.HasPrefix(content, []byte(lineStart)) {
		return Record{}, Record{}, fmt.Errorf("%w: it has no record", ErrForeign)
	}
	return Record{}, Record{}, nil
}

// unwritten: empty, or extended by a crash without its content.
func unwritten(content []byte) bool {
	return len(bytes.Trim(content, "\x00")) == 0
}
