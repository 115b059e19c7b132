package mqtest

import (
	"encoding/binary"
	"errors"
	"net"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// callBuffer is what one of the two goroutines of a link works with.
type callBuffer struct {
	*link
	mayRead bool
	frame   [headerLength + odLength + getLength + mostSelectors*4]byte
	od      od
	md      md
	pmo     pmo
	gmo     gmo
}

// giveUpReading is called when a get is about to wait.
func (c *callBuffer) giveUpReading() {
	c.mayRead = false
	c.reading <- struct{}{}
}

var errDisconnected = errors.New("mqtest: disconnected")

// next reads one call, makes it and answers it.
func (c *callBuffer) next() error {
	if c.silence > 0 {
		_ = c.conn.SetReadDeadline(time.Now().Add(c.silence))
	} else {
		_ = c.conn.SetReadDeadline(time.Time{})
	}
	if c.orderly.Load() {
		return ErrStopped // hangUp may have come before the deadline just set
	}
	h, err := readHeader(c.reader)
	if err != nil {
		return err
	}
	switch h.verb {
	case wirePut, wirePut1:
		return c.put(h)
	case wireGet:
		return c.get(h)
	case wireOpen:
		return c.open(h)
	case wireInquire:
		return c.inquire(h)
	case wireSet:
		return c.set(h)
	case wireClose:
		if _, err := readInto(c.reader, h.rest(), c.frame[:4]); err != nil {
			return err
		}
		return c.finish(h, c.session.close(h.object), 0, nil)
	}
	if h.rest() != 0 {
		return &frameError{"this call has no arguments"}
	}
	switch h.verb {
	case wireHeartbeat:
		return nil
	case wireCommit:
		return c.finish(h, c.session.commit(), 0, nil)
	case wireBackout:
		return c.finish(h, c.session.backout(), 0, nil)
	case wireStatus:
		sts, r := c.session.status()
		copy(c.frame[headerLength:], sts[:])
		return c.finish(h, r, stsLength, nil)
	case wireDisconnect:
		return c.disconnect(h)
	default:
		return &frameError{"unknown verb"}
	}
}

// finish answers with n bytes of arguments, which already stand in the frame behind the header's place.
// A connection that the queue manager itself has broken gets no answer.
func (c *callBuffer) finish(h header, r mqrc.Reason, n int, body []byte) error {
	if r == mqrc.ConnectionBroken {
		return net.ErrClosed
	}
	if completion(r) == 2 && h.verb != wireGet {
		n, body = 0, nil
	}
	c.delay()
	h.flags = 0
	return c.answer(h, r, c.frame[:headerLength+n], body)
}

// delay waits before an answer, as a network would.
func (l *link) delay() {
	if l.qm.latency == 0 {
		return
	}
	timer := time.NewTimer(l.qm.latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.qm.ended:
	}
}

// finishWithProperties answers an MQGET whose message has properties, for a client that asked for them.
func (c *callBuffer) finishWithProperties(h header, r mqrc.Reason, properties, body []byte) error {
	c.delay()
	frame := append([]byte(nil), c.frame[:headerLength+getLength]...)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(properties)))
	return c.answer(h, r, append(frame, properties...), body)
}

// disconnect answers when the handles are released: a client that has disconnected may count on that.
func (c *callBuffer) disconnect(h header) error {
	c.leaving.Store(true)
	if err := c.finish(h, c.session.disconnect(), 0, nil); err != nil {
		return err
	}
	return errDisconnected
}

func (c *callBuffer) open(h header) error {
	var options [4]byte
	if _, err := readInto(c.reader, h.rest(), c.od[:], options[:]); err != nil {
		return err
	}
	object, r := c.session.open(&c.od, getLong(options[:], 0))
	h.object = object
	copy(c.frame[headerLength:], c.od[:])
	return c.finish(h, r, odLength, nil)
}

func (c *callBuffer) put(h header) error {
	parts := [][]byte{c.md[:], c.pmo[:]}
	if h.verb == wirePut1 {
		parts = [][]byte{c.od[:], c.md[:], c.pmo[:]}
	}
	left, err := readInto(c.reader, h.rest(), parts...)
	if err != nil {
		return err
	}
	b, err := c.readBody(h, left)
	if err != nil {
		return err
	}
	var r mqrc.Reason
	if h.verb == wirePut1 {
		r = c.session.put1(&c.od, &c.md, &c.pmo, b)
	} else {
		r = c.session.put(h.object, &c.md, &c.pmo, b)
	}
	if c.pmo.options()&pmoAsyncResponse != 0 && r != mqrc.ConnectionBroken {
		c.session.noteAsync(r, c.putQueue(h), &c.md, &c.pmo)
		return nil
	}
	n := headerLength + copy(c.frame[headerLength:], c.md[:])
	copy(c.frame[n:], c.pmo[:])
	return c.finish(h, r, putLength, nil)
}

// readBody reads the properties and the body of a message.
func (l *link) readBody(h header, left int) (*body, error) {
	var properties []byte
	if h.flags&flagProperties != 0 {
		var length [4]byte
		var err error
		if left, err = readInto(l.reader, left, length[:]); err != nil {
			return nil, err
		}
		n := int(binary.LittleEndian.Uint32(length[:]))
		if n > left {
			return nil, &frameError{"properties longer than their frame"}
		}
		properties = make([]byte, n)
		if left, err = readInto(l.reader, left, properties); err != nil {
			return nil, err
		}
	}
	b := l.qm.bodies.take(left)
	if _, err := readInto(l.reader, left, b.data); err != nil {
		b.release()
		return nil, err
	}
	b.properties = properties
	return b, nil
}

// putQueue names the queue that a put was for.
func (c *callBuffer) putQueue(h header) string {
	if h.verb == wirePut1 {
		return c.od.address().Queue
	}
	if open := c.session.handles[h.object]; open != nil && open.queue != nil {
		return open.queue.name
	}
	return ""
}

func (c *callBuffer) get(h header) error {
	var limit [4]byte
	if _, err := readInto(c.reader, h.rest(), c.md[:], c.gmo[:], limit[:]); err != nil {
		return err
	}
	room := int(getLong(limit[:], 0))
	if room < 0 {
		return c.finish(h, mqrc.BufferLengthError, 0, nil)
	}
	b, r := c.session.get(h.object, &c.md, &c.gmo, room, nil, c.giveUpReading)
	if b == nil {
		return c.finish(h, r, 0, nil)
	}
	defer b.release()
	n := headerLength + copy(c.frame[headerLength:], c.md[:])
	n += copy(c.frame[n:], c.gmo[:])
	putLong(c.frame[:], n, int32(len(b.data)))
	data := b.data[:min(room, len(b.data))]
	if r == mqrc.TruncatedMsgFailed {
		return c.finish(h, r, getLength, nil)
	}
	if h.flags&flagProperties != 0 && len(b.properties) > 0 {
		return c.finishWithProperties(h, r, b.properties, data)
	}
	return c.finish(h, r, getLength, data)
}

// selectors reads the arguments of MQINQ and MQSET.
func (c *callBuffer) selectors(h header) ([]int32, error) {
	if h.rest() > 4*mostSelectors || h.rest()%4 != 0 {
		return nil, &frameError{"selectors out of range"}
	}
	b := c.frame[headerLength : headerLength+h.rest()]
	if _, err := readInto(c.reader, h.rest(), b); err != nil {
		return nil, err
	}
	selectors := make([]int32, len(b)/4)
	for i := range selectors {
		selectors[i] = getLong(b, 4*i)
	}
	return selectors, nil
}

func (c *callBuffer) inquire(h header) error {
	selectors, err := c.selectors(h)
	if err != nil {
		return err
	}
	values, texts, r := c.session.inquire(h.object, selectors)
	for i, v := range values {
		putLong(c.frame[headerLength:], 4*i, v)
	}
	b := make([]byte, len(texts)*queueNameLength)
	for i, text := range texts {
		putText(b, i*queueNameLength, queueNameLength, text)
	}
	return c.finish(h, r, 4*len(values), b)
}

func (c *callBuffer) set(h header) error {
	arguments, err := c.selectors(h)
	if err != nil {
		return err
	}
	half := len(arguments) / 2
	if 2*half != len(arguments) {
		return &frameError{"a value for each selector"}
	}
	return c.finish(h, c.session.set(h.object, arguments[:half], arguments[half:]), 0, nil)
}
