package transfer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/mqha/mqha/internal/core/credit"
	"github.com/mqha/mqha/internal/core/stream"
)

// HeaderBytes is the length of a frame's header; the payload follows it.
const HeaderBytes = 192

// maxControlBytes is the length of a control frame at the most. What it says goes into records of the journal, where JSON
// may make eight times as much of it, and must fit there: an engine that ended for it would leave the frame to the
// next one, which would end for it, too.
const maxControlBytes = 4 << 20

// frameVersion is the version of the frame format. A frame of another version is refused.
const frameVersion = 1

var frameMagic = [4]byte{'M', 'Q', 'H', 'F'}

// castagnoli is CRC32C (RFC 3720, appendix B.4), which processors compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// kind is what a frame is for. S is the sender of the transfer, R its receiver.
type kind uint8

const (
	kindAsk     kind = iota + 1 // S to R: where do I go on? Nonce
	kindOpen                    // S to R, control: a transfer is announced; payload: announcement
	kindData                    // S to R: file bytes at Pos
	kindAnswer                  // R to S: Nonce, Answer, Pos, Durable
	kindNudge                   // R to S: ask me
	kindAck                     // R to S: Nonce, Durable, Frames, Bytes
	kindEnd                     // R to S, control: Answer is the last word; payload: result
	kindConfirm                 // S to R, control: the last word is durable here
	kindCancel                  // S to R, control: give the transfer up
	lastKind    = kindCancel
)

// control says whether a frame of this kind is persistent and has to be settled.
func (k kind) control() bool {
	return k == kindOpen || k == kindEnd || k == kindConfirm || k == kindCancel
}

const (
	flagFin  = 1 << iota // the last frame of a file; Digest is the file's
	flagSkip             // the file cannot be sent; the payload says why
)

// header is what stands before the payload of a frame.
type header struct {
	Kind        kind
	Flags       uint8
	Answer      stream.Answer
	Transfer    ID
	Incarnation [16]byte // of the engine that sent the frame
	Epoch       uint64
	From        string // the agent that sent it
	Nonce       uint64
	Pos         stream.Pos
	Durable     stream.Pos
	Frames      uint64 // kindAsk, kindOpen: the transfer's number in its sender's sequence
	Bytes       int64  // kindAsk, kindOpen: the lowest number that is not yet confirmed
	Digest      [32]byte
	Credit      credit.Limit // kindAnswer, kindAck: may be in flight; kindAsk, kindOpen: will be, at the most; zero in those of older releases
	CRC         uint32       // of the payload; set by decode
}

// encode writes h into the first HeaderBytes of body, whose payload is in place already.
func (h *header) encode(body []byte) {
	h.encodeProven(body, crc32.Checksum(body[HeaderBytes:], castagnoli))
}

// encodeProven is encode when the CRC32C of the payload is known.
func (h *header) encodeProven(body []byte, crc uint32) {
	b := body[:HeaderBytes]
	clear(b)
	copy(b, frameMagic[:])
	le := binary.LittleEndian
	le.PutUint16(b[4:], frameVersion)
	b[6], b[7] = byte(h.Kind), h.Flags
	copy(b[8:24], h.Transfer[:])
	copy(b[24:40], h.Incarnation[:])
	le.PutUint64(b[40:], h.Epoch)
	copy(b[48:76], h.From)
	b[76] = byte(h.Answer)
	le.PutUint32(b[80:], h.Pos.File)
	le.PutUint64(b[84:], uint64(h.Pos.Offset))
	le.PutUint32(b[92:], uint32(len(body)-HeaderBytes))
	le.PutUint32(b[96:], crc)
	le.PutUint64(b[100:], h.Nonce)
	le.PutUint32(b[108:], h.Durable.File)
	le.PutUint64(b[112:], uint64(h.Durable.Offset))
	le.PutUint64(b[120:], h.Frames)
	le.PutUint64(b[128:], uint64(h.Bytes))
	copy(b[136:168], h.Digest[:])
	le.PutUint64(b[168:], uint64(h.Credit.Bytes))
	le.PutUint32(b[176:], uint32(h.Credit.Frames))
	le.PutUint32(b[188:], crc32.Checksum(b[:188], castagnoli))
}

// decode reads the header of body and proves header and payload. From is before, if that is who sent it: most
// frames come from who sent the last one, and a name is an allocation.
func decode(body []byte, before string) (header, []byte, error) {
	var h header
	if len(body) < HeaderBytes {
		return h, nil, &frameError{fmt.Sprintf("%d bytes, a header has %d", len(body), HeaderBytes)}
	}
	b := body[:HeaderBytes]
	le := binary.LittleEndian
	if [4]byte(b[:4]) != frameMagic {
		return h, nil, &frameError{"it does not begin with " + string(frameMagic[:])}
	}
	if v := le.Uint16(b[4:]); v != frameVersion {
		return h, nil, &frameError{fmt.Sprintf("version %d; this program understands version %d: bring both agents to the same release", v, frameVersion)}
	}
	if le.Uint32(b[188:]) != crc32.Checksum(b[:188], castagnoli) {
		return h, nil, &frameError{"the header's checksum is wrong"}
	}
	payload := body[HeaderBytes:]
	if n := le.Uint32(b[92:]); int64(n) != int64(len(payload)) {
		return h, nil, &frameError{fmt.Sprintf("%d bytes of payload, the header says %d", len(payload), n)}
	}
	if h.CRC = le.Uint32(b[96:]); h.CRC != crc32.Checksum(payload, castagnoli) {
		return h, nil, &frameError{"the payload's checksum is wrong"}
	}
	h.Kind, h.Flags = kind(b[6]), b[7]
	if h.Kind.control() && len(body) > maxControlBytes {
		return h, nil, &frameError{fmt.Sprintf("a control frame of %d bytes, at most %d are allowed", len(body), maxControlBytes)}
	}
	h.Transfer, h.Incarnation = ID(b[8:24]), [16]byte(b[24:40])
	h.Epoch = le.Uint64(b[40:])
	if h.From = before; string(trimName(b[48:76])) != before {
		h.From = string(trimName(b[48:76]))
	}
	h.Answer = stream.Answer(b[76])
	h.Pos = stream.Pos{File: le.Uint32(b[80:]), Offset: int64(le.Uint64(b[84:]))}
	h.Nonce = le.Uint64(b[100:])
	h.Durable = stream.Pos{File: le.Uint32(b[108:]), Offset: int64(le.Uint64(b[112:]))}
	h.Frames, h.Bytes = le.Uint64(b[120:]), int64(le.Uint64(b[128:]))
	h.Digest = [32]byte(b[136:168])
	h.Credit = credit.Limit{Bytes: int64(le.Uint64(b[168:])), Frames: int(le.Uint32(b[176:]))}
	return h, payload, h.check()
}

// frameError says why a message is not a frame. It ends in an EventDropped.
type frameError struct{ reason string }

func (e *frameError) Error() string { return "transfer: not a frame: " + e.reason }

// check refuses what no engine sends.
func (h *header) check() error {
	switch {
	case h.Kind < kindAsk || h.Kind > lastKind:
		return &frameError{fmt.Sprintf("unknown kind %d", h.Kind)}
	case !validName(h.From):
		return &frameError{fmt.Sprintf("%q is not an agent name", h.From)}
	case h.Pos.Offset < 0 || h.Durable.Offset < 0 || h.Bytes < 0 || h.Credit.Bytes < 0:
		return &frameError{"a negative offset or count"}
	case h.Answer > stream.Cancelled:
		return &frameError{fmt.Sprintf("unknown answer %d", h.Answer)}
	}
	return nil
}

func trimName(b []byte) []byte { return bytes.TrimRight(b, "\x00") }

// announcement is the payload of kindOpen.
type announcement struct {
	ManifestBytes int64 `json:"manifest"`
	Files         int   `json:"files"`
	Bytes         int64 `json:"bytes"`
	// Digest is empty in what a release without a choice sends.
	Digest Digest `json:"digest,omitempty"`
}

// result is the payload of kindEnd.
type result struct {
	Failed   int           `json:"failed"`
	Failures []FileFailure `json:"failures,omitempty"`
	Reason   string        `json:"reason,omitempty"`
}
