package mqtest

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// ErrStopped is returned by Serve when the queue manager has been closed or killed.
var ErrStopped = errors.New("mqtest: the queue manager has stopped")

// A server accepts connections on one listener.
type server struct {
	qm       *QueueManager
	listener net.Listener
	links    sync.WaitGroup

	mu     sync.Mutex
	open   map[*link]bool
	deaf   bool // refuse has closed the listener
	closed bool
}

// Serve accepts connections over TCP on l until Close or Kill, of clients and of channels; it returns at once.
// The listener belongs to the queue manager from then on. The first call starts the services that start
// with the queue manager: whatever they are, they can connect to it.
func (q *QueueManager) Serve(l net.Listener) error {
	first, err := q.serve(l)
	if first {
		q.startServices()
	}
	return err
}

func (q *QueueManager) serve(l net.Listener) (first bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return false, ErrStopped
	}
	s := &server{qm: q, listener: l, open: make(map[*link]bool)}
	q.servers = append(q.servers, s)
	s.links.Add(1)
	go s.accept(l)
	return len(q.servers) == 1, nil
}

// refuse stops listening until listenAgain.
func (s *server) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = true
	_ = s.listener.Close()
}

// listenAgain listens on the old address, if refuse has stopped that.
func (s *server) listenAgain() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrStopped
	case !s.deaf:
		return nil
	}
	address := s.listener.Addr()
	l, err := net.Listen(address.Network(), address.String())
	if err != nil {
		return err
	}
	s.listener, s.deaf = l, false
	s.links.Add(1)
	go s.accept(l)
	return nil
}

func (s *server) accept(listener net.Listener) {
	defer s.links.Done()
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, for example: those who are connected go on
			select {
			case <-time.After(10 * time.Millisecond):
				continue
			case <-s.qm.ended:
				return
			}
		}
		s.start(conn)
	}
}

func (s *server) start(conn net.Conn) {
	l := newLink(s.qm, conn)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = conn.Close()
		return
	}
	s.open[l] = true
	s.links.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.links.Done()
		l.run()
		s.mu.Lock()
		delete(s.open, l)
		s.mu.Unlock()
	}()
}

// stop closes the listener, ends every connection, and waits for their goroutines.
func (s *server) stop() {
	s.mu.Lock()
	_ = s.listener.Close()
	s.closed = true
	for l := range s.open {
		l.hangUp(s.qm.stops())
	}
	s.mu.Unlock()
	s.links.Wait()
}

// A link is one connection of a client. Two goroutines serve it, of which one reads: when a get
// has to wait, the other takes over reading, so that the end of the connection is seen at once and
// ends the wait. A get that finds its message changes no goroutine.
type link struct {
	qm      *QueueManager
	conn    net.Conn
	reader  *bufio.Reader
	session *session
	silence time.Duration // after which the client counts as gone; zero: never
	leaving atomic.Bool   // in MQDISC, which is still to be answered
	orderly atomic.Bool   // the queue manager has hung up in order

	reading chan struct{} // capacity 1: the right to read
}

// socketBuffer lets a whole message of the usual size pass without a change of process.
const socketBuffer = 1 << 20

func newLink(qm *QueueManager, conn net.Conn) *link {
	enlarge(conn)
	return &link{
		qm: qm, conn: conn, reader: bufio.NewReaderSize(conn, 4<<10),
		reading: make(chan struct{}, 1),
	}
}

func enlarge(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(socketBuffer) // a wish; the system's own size works too
		_ = tcp.SetWriteBuffer(socketBuffer)
	}
}

// lastWords is how long a client may take to read its last answer when the queue manager stops.
const lastWords = time.Second

// hangUp makes both goroutines end. While the queue manager stops in order a get that waits still
// answers 2162, so that only reading ends then.
func (l *link) hangUp(orderly bool) {
	if l.leaving.Load() {
		return
	}
	if !orderly {
		_ = l.conn.Close()
		return
	}
	l.orderly.Store(true)
	_ = l.conn.SetReadDeadline(time.Unix(1, 0))
	_ = l.conn.SetWriteDeadline(time.Now().Add(lastWords))
}

// run serves the connection until it ends.
func (l *link) run() {
	defer l.conn.Close()
	if !l.connect() {
		return
	}
	defer l.session.end()
	var second sync.WaitGroup
	second.Add(1)
	l.reading <- struct{}{}
	go func() {
		defer second.Done()
		l.serve()
	}()
	l.serve()
	second.Wait()
}

// connectTime bounds how long a new connection may take to say MQCONNX.
const connectTime = 10 * time.Second

func (l *link) connect() bool {
	_ = l.conn.SetReadDeadline(time.Now().Add(connectTime))
	h, err := readHeader(l.reader)
	var unknown *frameError
	if errors.As(err, &unknown) && h.version != protocolVersion {
		l.refuse(h, mqrc.ChannelConfigError)
		return false
	}
	if err == nil && h.verb == wireChannelOpen {
		l.receiveChannel(h)
		return false
	}
	if err != nil || h.verb != wireConnect || h.rest() != connectLength {
		return false
	}
	b := make([]byte, connectLength)
	if _, err := readInto(l.reader, h.rest(), b); err != nil {
		return false
	}
	next := queueNameLength + cnoLength
	take := func(length int) string {
		next += length
		return getText(b, next-length, length)
	}
	channel, user, password := take(channelNameLength), take(userLength), take(userLength)
	cipher, label := take(cipherLength), take(labelLength)
	s, r := l.qm.connect(connectRequest{
		queueManager: getText(b, 0, queueNameLength),
		application:  getText(b, queueNameLength+cnoApplName, applNameLength),
		channel:      channel,
		user:         user,
		password:     password,
		cipher:       cipher,
		label:        label,
		longest:      int(getLong(b, next)),
		hangUp:       l.hangUp,
		gone:         func() bool { return hungUp(l.conn) },
		library:      libraryOf(h.object),
		host:         hostOf(l.conn.RemoteAddr()),
	})
	if r == mqrc.ConnectionBroken {
		return false
	}
	if r != mqrc.None {
		l.refuse(h, r)
		return false
	}
	l.session = s
	heartbeat := l.qm.heartbeat(channel)
	l.silence = 2 * time.Duration(heartbeat) * time.Second
	answer := make([]byte, headerLength+connectAnswerLength)
	putText(answer, headerLength, queueNameLength, l.qm.name)
	putLong(answer, headerLength+queueNameLength, int32(s.maxLength))
	putLong(answer, headerLength+queueNameLength+4, int32(heartbeat))
	return l.answer(h, mqrc.None, answer, nil) == nil
}

func (l *link) refuse(h header, r mqrc.Reason) {
	_ = l.answer(h, r, make([]byte, headerLength), nil)
}

// serve takes turns in reading until the connection ends.
func (l *link) serve() {
	c := &callBuffer{link: l}
	for {
		if !c.mayRead {
			<-l.reading
			c.mayRead = true
		}
		if err := c.next(); err != nil {
			l.qm.awaitThaw(nil)
			l.session.end()
			if c.mayRead {
				l.reading <- struct{}{} // the other one finds the end for itself
			}
			return
		}
	}
}

// answer writes one frame; frame has room for the header in front.
func (l *link) answer(h header, r mqrc.Reason, frame, body []byte) error {
	h.length = uint32(len(frame) + len(body))
	h.version, h.reason, h.completion = protocolVersion, r, completion(r)
	if l.session != nil {
		h.connection = l.session.number
	}
	h.append(frame[:0])
	if l.silence > 0 && !l.orderly.Load() {
		_ = l.conn.SetWriteDeadline(time.Now().Add(l.silence))
	}
	return writeFrame(l.conn, frame, body)
}

// writeFrame makes one write or one writev of a frame, which the net package keeps apart from every
// other: an answer and a refusal, or a call and a heartbeat, need no lock of ours.
func writeFrame(conn net.Conn, frame, body []byte) error {
	if len(body) == 0 {
		_, err := conn.Write(frame)
		return err
	}
	buffers := net.Buffers{frame, body}
	_, err := buffers.WriteTo(conn)
	return err
}
