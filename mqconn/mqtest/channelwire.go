package mqtest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// Two queue managers speak in frames like those of clients, on the same port. The sender begins with
//
//	OPEN       channel [20], sender [48], receiver's sequence number is to become: 0 or 1 and [4], batch size,
//	           fast non-persistent messages: 0 or 1, longest message, last sequence number committed
//	           answer: receiver [48], batch size, fast, longest message, sequence number, last batch [24]
//	MESSAGE    MQXQH, body; the call number in the header is the sequence number, zero for a fast message
//	CONFIRM    batch [24]                 answer: nothing; the batch is committed
//	HEARTBEAT  nothing                    answer: nothing
//	ERROR      nothing                    from the receiver: the reason in the header has ended the channel
//
// Properties stand before the body as in MQPUT. Only OPEN, CONFIRM and HEARTBEAT are answered; a receiver that
// pauses sends heartbeats of its own.
const (
	wireChannelOpen wireVerb = iota + 32
	wireChannelMessage
	wireChannelConfirm
	wireChannelError
)

const (
	channelOpenLength   = channelNameLength + queueNameLength + 4*6
	channelAnswerLength = queueNameLength + 4*4 + idLength
	idLength            = 24 // MQ_MSG_ID_LENGTH
)

// ErrChannel matches every *ChannelError.
var ErrChannel = errors.New("mqtest: channel")

// ChannelError says why a channel has ended or does not start.
type ChannelError struct {
	Channel string
	Reason  mqrc.Reason // none where no reason code says it
	Text    string
	Err     error // or nil
}

func (e *ChannelError) Error() string {
	text := fmt.Sprintf("mqtest: channel %s: %s", e.Channel, e.Text)
	if e.Reason != mqrc.None {
		text += ": " + e.Reason.String()
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is matches ErrChannel.
func (e *ChannelError) Is(target error) bool { return target == ErrChannel }

// Unwrap gives the cause.
func (e *ChannelError) Unwrap() error { return e.Err }

// channelOpen is what a sender says of itself.
type channelOpen struct {
	channel, queueManager string
	reset                 bool // the receiver takes over sequence
	batchSize             int
	fast                  bool
	maxLength             int
	sequence              int
}

func (o channelOpen) append(b []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, channelOpenLength)...)
	putText(b, at, channelNameLength, o.channel)
	putText(b, at+channelNameLength, queueNameLength, o.queueManager)
	at += channelNameLength + queueNameLength
	for i, v := range []int32{boolLong(o.reset), int32(o.batchSize), boolLong(o.fast), int32(o.maxLength), int32(o.sequence)} {
		putLong(b, at+4*i, v)
	}
	return b
}

func (o *channelOpen) read(b []byte) {
	o.channel = getText(b, 0, channelNameLength)
	o.queueManager = getText(b, channelNameLength, queueNameLength)
	b = b[channelNameLength+queueNameLength:]
	o.reset, o.batchSize, o.fast = getLong(b, 0) != 0, int(getLong(b, 4)), getLong(b, 8) != 0
	o.maxLength, o.sequence = int(getLong(b, 12)), int(getLong(b, 16))
}

// channelAnswer is what a receiver answers, and what both act on from then on.
type channelAnswer struct {
	queueManager string
	batchSize    int
	fast         bool
	maxLength    int
	sequence     int
	batch        mqconn.ID
}

func (a channelAnswer) append(b []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, channelAnswerLength)...)
	putText(b, at, queueNameLength, a.queueManager)
	at += queueNameLength
	for i, v := range []int32{int32(a.batchSize), boolLong(a.fast), int32(a.maxLength), int32(a.sequence)} {
		putLong(b, at+4*i, v)
	}
	copy(b[at+16:], a.batch[:])
	return b
}

func (a *channelAnswer) read(b []byte) {
	a.queueManager = getText(b, 0, queueNameLength)
	b = b[queueNameLength:]
	a.batchSize, a.fast = int(getLong(b, 0)), getLong(b, 4) != 0
	a.maxLength, a.sequence = int(getLong(b, 8)), int(getLong(b, 12))
	copy(a.batch[:], b[16:])
}

// A channelLink is the sender's side of a connection. A goroutine of its own reads, so that the end of the
// connection is seen while there is nothing to send.
type channelLink struct {
	conn    net.Conn
	answers chan channelFrame
	beats   chan struct{} // capacity 1: a heartbeat has come
	broken  chan struct{} // closed when nothing comes any more
	err     error         // valid then
	reading sync.WaitGroup
}

type channelFrame struct {
	header
	body []byte
}

func newChannelLink(conn net.Conn) *channelLink {
	l := &channelLink{conn: conn, answers: make(chan channelFrame, 4), beats: make(chan struct{}, 1), broken: make(chan struct{})}
	l.reading.Add(1)
	go l.read()
	return l
}

func (l *channelLink) read() {
	defer l.reading.Done()
	defer close(l.broken)
	r := bufio.NewReaderSize(l.conn, 4<<10)
	for {
		h, err := readHeader(r)
		if err == nil && h.rest() > channelAnswerLength {
			err = &frameError{"an answer of a channel is too long"}
		}
		if err != nil {
			l.err = err
			return
		}
		body := make([]byte, h.rest())
		if _, l.err = readInto(r, h.rest(), body); l.err != nil {
			return
		}
		if h.verb == wireHeartbeat {
			select {
			case l.beats <- struct{}{}:
			default:
			}
			continue
		}
		select {
		case l.answers <- channelFrame{h, body}:
		default: // nobody has asked for so many
			l.err = &frameError{"answers to no question"}
			return
		}
	}
}

func (l *channelLink) close() {
	_ = l.conn.Close()
	l.reading.Wait()
}

// send writes one frame; body may be nil.
func (l *channelLink) send(h header, silence time.Duration, frame, body []byte) error {
	h.length, h.version = uint32(headerLength+len(frame)+len(body)), protocolVersion
	if silence > 0 {
		_ = l.conn.SetWriteDeadline(time.Now().Add(silence))
	}
	return writeFrame(l.conn, append(h.append(make([]byte, 0, headerLength+len(frame))), frame...), body)
}

var errSilent = errors.New("the other queue manager is silent")

// await gives the answer to verb, or the error that has ended the channel. Heartbeats in between keep the wait
// going: the other side is alive.
func (l *channelLink) await(verb wireVerb, silence time.Duration) (channelFrame, error) {
	for {
		f, err := l.next(silence)
		if err != nil || f.verb == verb || f.verb == wireChannelError {
			return f, err
		}
	}
}

func (l *channelLink) next(silence time.Duration) (channelFrame, error) {
	late, stop := optionalTimer(silence)
	defer stop()
	select {
	case f := <-l.answers:
		return f, nil
	case <-l.beats:
		return channelFrame{header: header{verb: wireHeartbeat}}, nil
	case <-late:
		return channelFrame{}, errSilent
	case <-l.broken:
	}
	select { // what came before the end
	case f := <-l.answers:
		return f, nil
	default:
		return channelFrame{}, l.err
	}
}

// leastSilence is how long the other side may be silent at the least: with HBINT(5) and Options.Second of
// a millisecond the processor alone would be enough to break a channel.
const leastSilence = 3 * time.Second

// silence is how long the other side may be silent: twice HBINT. Zero: for ever.
func (q *QueueManager) silence(heartbeat int) time.Duration {
	if heartbeat == 0 {
		return 0
	}
	return max(2*q.seconds(heartbeat), leastSilence)
}
