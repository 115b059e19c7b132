package mqtest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// The protocol between a client library and the queue manager carries the MQI's own calls. A frame
// is a header of eight little-endian 32-bit words and the arguments of the call:
//
//	MQCONNX  name of the queue manager [48], MQCNO, channel [20], user [64], password [64], cipher
//	         [32], certificate label [64], longest message (0: as the channel)
//	         answer: name [48], longest message, heartbeat interval in seconds. The object in the header
//	         says which client library calls: 1 the one of this package, 2 the C library, 0 another
//	MQOPEN   MQOD, options                       answer: MQOD; the handle is in the header
//	MQCLOSE  options
//	MQPUT    MQMD, MQPMO, body                   answer: MQMD, MQPMO
//	MQPUT1   MQOD, MQMD, MQPMO, body             answer: MQMD, MQPMO
//	MQGET    MQMD, MQGMO, length of the buffer   answer: MQMD, MQGMO, length of the message, body
//	MQINQ    selectors                           answer: values, then texts, blank-padded
//	MQSET    selectors, as many values
//	MQSTAT   nothing                             answer: MQSTS
//	MQCMIT, MQBACK, MQDISC   nothing
//
// A failed call answers the header alone, with completion code and reason; MQGET answers its
// arguments also with 2079 and 2080. A put with MQPMO_ASYNC_RESPONSE has no answer: MQSTAT tells what
// became of it. A client sends a heartbeat, which has no answer either, while it is silent.
//
// The properties of a message are a block that only clients look into. With flagProperties the
// length of the block and the block stand before the body. A get with that flag asks for them.
const (
	protocolVersion = 1
	headerLength    = 32
	longestFrame    = 100<<20 + 4<<10 // the longest message of IBM MQ and its descriptors
	userLength      = 64
	cipherLength    = 32 // MQ_SSL_CIPHER_SPEC_LENGTH
	labelLength     = 64 // MQ_CERT_LABEL_LENGTH

	flagProperties = 1

	connectLength       = queueNameLength + cnoLength + channelNameLength + 2*userLength + cipherLength + labelLength + 4
	connectAnswerLength = queueNameLength + 8
	putLength           = mdLength + pmoLength
	put1Length          = odLength + putLength
	getLength           = mdLength + gmoLength + 4
	mostSelectors       = 64
)

type wireVerb uint32

const (
	wireConnect wireVerb = iota + 1
	wireDisconnect
	wireOpen
	wireClose
	wirePut
	wirePut1
	wireGet
	wireCommit
	wireBackout
	wireInquire
	wireHeartbeat
	wireSet
	wireStatus
)

// header begins each frame.
type header struct {
	length     uint32 // of the whole frame
	verb       wireVerb
	call       uint32 // number of the call, repeated in its answer
	connection int32
	object     int32
	completion int32
	reason     mqrc.Reason
	version    uint16 // the last word: version and, in its upper half, flags
	flags      uint16
}

func (h header) append(b []byte) []byte {
	for _, v := range [...]uint32{
		h.length, uint32(h.verb), h.call, uint32(h.connection), uint32(h.object),
		uint32(h.completion), uint32(h.reason), uint32(h.version) | uint32(h.flags)<<16,
	} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// frameError says why a frame cannot be understood. The connection ends with it.
type frameError struct{ text string }

func (e *frameError) Error() string { return "mqtest: " + e.text }

// readHeader reads and checks a header. For an unknown version the header is returned as well, so
// that the answer can say so in that frame's own call.
func readHeader(r *bufio.Reader) (header, error) {
	b, err := r.Peek(headerLength)
	if err != nil {
		return header{}, err
	}
	long := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
	h := header{
		length: long(0), verb: wireVerb(long(1)), call: long(2), connection: int32(long(3)), object: int32(long(4)),
		completion: int32(long(5)), reason: mqrc.Reason(long(6)), version: uint16(long(7)), flags: uint16(long(7) >> 16),
	}
	_, _ = r.Discard(headerLength) // what was peeked at can be discarded
	switch {
	case h.version != protocolVersion:
		return h, &frameError{fmt.Sprintf("protocol version %d is not spoken here, only %d", h.version, protocolVersion)}
	case h.flags&^flagProperties != 0:
		return h, &frameError{fmt.Sprintf("flags %#x are not defined", h.flags)}
	case h.length < headerLength || h.length > longestFrame:
		return h, &frameError{fmt.Sprintf("a frame cannot be %d bytes long", h.length)}
	}
	return h, nil
}

// rest is how much follows the header.
func (h header) rest() int { return int(h.length) - headerLength }

// readInto reads arguments of fixed length, one after the other, and says how much of the frame is left.
func readInto(r io.Reader, left int, parts ...[]byte) (int, error) {
	for _, p := range parts {
		if left < len(p) {
			return 0, &frameError{"a frame is too short for its call"}
		}
		if _, err := io.ReadFull(r, p); err != nil {
			return 0, err
		}
		left -= len(p)
	}
	return left, nil
}
