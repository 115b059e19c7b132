package mqtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// TCP is a Dialer to queue managers served over TCP (by Serve or by the command qmgr).
// DialOptions.Endpoint is host:port or, as in CONNAME, host(port). The queue manager must have the
// channel, as IBM MQ must: none is there by itself, and DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) makes
// the default one.
//
// Dial answers 2538 where nobody listens, 2059 when the connection is closed before it is one, 2058
// for another name, 2540 for a channel that is not defined, 2537 above MAXINST. After it a broken
// connection, or one that has been silent for two heartbeat intervals, answers 2009 to every call.
type TCP struct {
	QueueManager string // name to ask for; empty: whatever answers
	Channel      string // default "MQHA.SVRCONN"
	Bindings     bool   // play local bindings: no channel and its limits, 2059 where nobody listens, faults say so
	AppName      string // default DialOptions.Role
	User         string // default "mqha"; the first 12 characters go with each message
}

// DefaultChannel is the channel that TCP asks for.
const DefaultChannel = "MQHA.SVRCONN"

// Dial connects to o.Endpoint.
func (t TCP) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	r, info, err := t.dial(ctx, o)
	if err != nil {
		return nil, err
	}
	return newTransport(r, info, o.Transacted), nil
}

// Depth asks the queue manager at endpoint for CURDEPTH of a queue.
func (t TCP) Depth(ctx context.Context, endpoint, queue string) (int, error) {
	r, _, err := t.dial(ctx, mqconn.DialOptions{Endpoint: endpoint, Role: "inquire"})
	if err != nil {
		return 0, err
	}
	defer r.disconnect()
	stop := context.AfterFunc(ctx, func() { _ = r.conn.Close() })
	defer stop()
	fail := func(verb mqconn.Verb, reason mqrc.Reason) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return &mqconn.Fault{Verb: verb, CompletionCode: 2, Reason: reason, Queue: queue}
	}
	d := newOD(mqconn.Address{Queue: queue})
	object, reason := r.open(&d, ooInquire|ooFailQuiescing)
	if reason != mqrc.None {
		return 0, fail(mqconn.VerbOpen, reason)
	}
	values, reason := r.inquire(object, []int32{inquireDepth})
	if reason != mqrc.None {
		return 0, fail(mqconn.VerbInquire, reason)
	}
	return int(values[0]), nil
}

func (t TCP) dial(ctx context.Context, o mqconn.DialOptions) (*remote, mqconn.Info, error) {
	var dialer net.Dialer
	address := o.Endpoint
	if strings.HasSuffix(address, ")") && !strings.Contains(address, ",") {
		address = addresses(address)[0]
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		if t.Bindings {
			return nil, mqconn.Info{}, t.refused(ctx, mqrc.QMgrNotAvailable)
		}
		return nil, mqconn.Info{}, t.refused(ctx, mqrc.HostNotAvailable)
	}
	enlarge(conn)
	r := &remote{conn: conn, reader: bufio.NewReaderSize(conn, 4<<10), closed: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	info, reason := r.connect(t.request(o))
	if !stop() || reason != mqrc.None {
		_ = conn.Close()
		return nil, mqconn.Info{}, t.refused(ctx, reason)
	}
	info.Endpoint, info.Bindings = o.Endpoint, t.Bindings
	if r.silence > 0 {
		r.beating.Add(1)
		go r.beat()
	}
	return r, info, nil
}

func (t TCP) refused(ctx context.Context, r mqrc.Reason) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fault := &mqconn.Fault{Verb: mqconn.VerbConnect, CompletionCode: 2, Reason: r, Bindings: t.Bindings}
	if r == mqrc.ChannelConfigError {
		return fmt.Errorf("mqtest: the other side does not speak protocol version %d: %w", protocolVersion, fault)
	}
	return fault
}

func (t TCP) request(o mqconn.DialOptions) []byte {
	channel, application, user := t.Channel, t.AppName, t.User
	switch {
	case t.Bindings:
		channel = ""
	case channel == "":
		channel = DefaultChannel
	}
	if application == "" {
		application = o.Role
	}
	if user == "" {
		user = defaultUser
	}
	b := make([]byte, connectLength)
	putText(b, 0, queueNameLength, t.QueueManager)
	c := newCNO(application)
	copy(b[queueNameLength:], c[:])
	putText(b, queueNameLength+cnoLength, channelNameLength, channel)
	putText(b, queueNameLength+cnoLength+channelNameLength, userLength, user)
	return b
}

// remote makes the MQI's calls over a socket, one at a time.
type remote struct {
	conn      net.Conn
	reader    *bufio.Reader
	broken    bool
	calls     uint32
	maxLength int
	silence   time.Duration // twice the heartbeat interval; zero: no heartbeats
	closed    chan struct{}
	beating   sync.WaitGroup
	frame     [headerLength + odLength + mdLength + gmoLength]byte
}

// exchange sends one call and reads the header of its answer, the rest of which is still to be read.
// The arguments stand in r.frame behind the header's place, n bytes of them.
func (r *remote) exchange(verb wireVerb, object int32, n int, body []byte, wait time.Duration) (header, mqrc.Reason) {
	if r.broken {
		return header{}, mqrc.ConnectionBroken
	}
	r.calls++
	h := header{
		length: uint32(headerLength + n + len(body)), verb: verb, call: r.calls, object: object, version: protocolVersion,
	}
	h.append(r.frame[:0])
	if r.silence > 0 {
		_ = r.conn.SetDeadline(time.Now().Add(wait + r.silence))
	}
	if err := writeFrame(r.conn, r.frame[:headerLength+n], body); err != nil {
		return header{}, r.hangUp()
	}
	answer, err := readHeader(r.reader)
	var unknown *frameError
	if errors.As(err, &unknown) && answer.version != protocolVersion {
		r.hangUp()
		return header{}, mqrc.ChannelConfigError
	}
	if err != nil || answer.call != h.call || answer.verb != verb {
		return header{}, r.hangUp()
	}
	return answer, answer.reason
}

func (r *remote) hangUp() mqrc.Reason {
	if !r.broken {
		r.broken = true
		_ = r.conn.Close()
		close(r.closed)
	}
	return mqrc.ConnectionBroken
}

// beat tells the queue manager in each heartbeat interval that this process runs. A frame of its own
// shifts nothing: a write and a writev of one connection do not mix.
func (r *remote) beat() {
	defer r.beating.Done()
	ticker := time.NewTicker(r.silence / 2)
	defer ticker.Stop()
	frame := header{length: headerLength, verb: wireHeartbeat, version: protocolVersion}.append(nil)
	for {
		select {
		case <-r.closed:
			return
		case <-ticker.C:
			_ = r.conn.SetWriteDeadline(time.Now().Add(r.silence))
			if _, err := r.conn.Write(frame); err != nil {
				return // the next call finds out by itself
			}
		}
	}
}

// arguments reads what a successful answer carries.
func (r *remote) arguments(h header, parts ...[]byte) (left int, reason mqrc.Reason) {
	left, err := readInto(r.reader, h.rest(), parts...)
	if err != nil {
		return 0, r.hangUp()
	}
	return left, mqrc.None
}

func (r *remote) connect(request []byte) (mqconn.Info, mqrc.Reason) {
	n := copy(r.frame[headerLength:], request)
	h, reason := r.exchange(wireConnect, wireLibraryGo, n, nil, 0)
	switch {
	case r.broken && reason == mqrc.ConnectionBroken:
		return mqconn.Info{}, mqrc.QMgrNotAvailable // closed before it was a connection
	case reason != mqrc.None:
		return mqconn.Info{}, reason
	}
	var b [connectAnswerLength]byte
	if _, reason := r.arguments(h, b[:]); reason != mqrc.None {
		return mqconn.Info{}, mqrc.QMgrNotAvailable
	}
	r.maxLength = int(getLong(b[:], queueNameLength))
	r.silence = 2 * time.Duration(getLong(b[:], queueNameLength+4)) * time.Second
	return mqconn.Info{QueueManager: getText(b[:], 0, queueNameLength), MaxMessage: r.maxLength}, mqrc.None
}

// simple makes a call that answers no arguments.
func (r *remote) simple(verb wireVerb, object int32, n int) mqrc.Reason {
	h, reason := r.exchange(verb, object, n, nil, 0)
	if reason == mqrc.None && h.rest() != 0 {
		return r.hangUp()
	}
	return reason
}

func (r *remote) open(d *od, options int32) (int32, mqrc.Reason) {
	n := copy(r.frame[headerLength:], d[:])
	putLong(r.frame[:], headerLength+n, options)
	h, reason := r.exchange(wireOpen, 0, n+4, nil, 0)
	if reason != mqrc.None {
		return 0, reason
	}
	_, reason = r.arguments(h, d[:])
	return h.object, reason
}

func (r *remote) close(object int32) mqrc.Reason {
	putLong(r.frame[:], headerLength, 0)
	return r.simple(wireClose, object, 4)
}

func (r *remote) put(object int32, d *md, o *pmo, body []byte) mqrc.Reason {
	n := copy(r.frame[headerLength:], d[:])
	n += copy(r.frame[headerLength+n:], o[:])
	h, reason := r.exchange(wirePut, object, n, body, 0)
	if reason != mqrc.None {
		return reason
	}
	_, reason = r.arguments(h, d[:], o[:])
	return reason
}

// get reads the body straight into the caller's memory.
func (r *remote) get(object int32, d *md, o *gmo, body []byte) ([]byte, mqrc.Reason) {
	n := copy(r.frame[headerLength:], d[:])
	n += copy(r.frame[headerLength+n:], o[:])
	putLong(r.frame[:], headerLength+n, int32(r.maxLength))
	wait := time.Duration(getLong(o[:], gmoWaitInterval)) * time.Millisecond
	h, reason := r.exchange(wireGet, object, n+4, nil, wait)
	if h.rest() <= 0 {
		return body, reason
	}
	var length [4]byte
	left, failed := r.arguments(h, d[:], o[:], length[:])
	if failed != mqrc.None {
		return body, failed
	}
	body = resize(body, left)
	if _, err := readInto(r.reader, left, body); err != nil {
		return body, r.hangUp()
	}
	return body, reason
}

func (r *remote) inquire(object int32, selectors []int32) ([]int32, mqrc.Reason) {
	for i, s := range selectors {
		putLong(r.frame[:], headerLength+4*i, s)
	}
	h, reason := r.exchange(wireInquire, object, 4*len(selectors), nil, 0)
	if reason != mqrc.None {
		return nil, reason
	}
	b := make([]byte, 4*len(selectors))
	if _, reason = r.arguments(h, b); reason != mqrc.None {
		return nil, reason
	}
	values := make([]int32, len(selectors))
	for i := range values {
		values[i] = getLong(b, 4*i)
	}
	return values, mqrc.None
}

func (r *remote) commit() mqrc.Reason  { return r.simple(wireCommit, 0, 0) }
func (r *remote) backout() mqrc.Reason { return r.simple(wireBackout, 0, 0) }

func (r *remote) disconnect() mqrc.Reason {
	reason := r.simple(wireDisconnect, 0, 0)
	r.hangUp()
	r.beating.Wait()
	return reason
}
