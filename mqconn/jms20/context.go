//go:build ibmmq && cgo

package jms20

import (
	"context"
	"errors"
	"strconv"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"
	"github.com/ibm-messaging/mq-golang-jms20/mqjms"
	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// errForeign is Context's answer to a connection of another package's Dialer.
var errForeign = errors.New("mqconn/jms20: the connection was not dialled by this package")

// Context gives a connection the face of mq-golang-jms20: the message code of a program that is written
// for that library goes on working, with the context that this returns, inside a Session.
//
// It is the library's context, and each call of it is a call of conn, on conn's own goroutine:
//
//   - One unit of work: what the message code sends and receives is in that of conn, and either may
//     commit or back out.
//   - One error: an exception that is returned wraps the *mqconn.Error, so that errors.As finds the class,
//     and one that ends the Session has ended it. GetErrorCode, GetReason and GetLinkedError are as the
//     library's. The function that Run was given returns the exception, and is called again.
//   - One end: a Receive of any length, also one without end, is made of short waits, and returns an
//     exception within about a second when ctx or the Session ends. Close closes conn.
//
// The limits that the package comment lists are worked round here, too: a message is made anew for each
// Send and has no handle in between that could be deleted, a message that is too long for the receive
// buffer ends the Session and arrives in the next, and nothing is printed and no process ended.
//
// What differs from the library: its concrete types are not to be seen, so that an assertion to
// jms20subset.JMSExceptionImpl fails (GetMessageLength is there, by an interface). Properties of a received
// message can be gone after a garbage collection (2460), as in the library: read them first. A message
// that was received can be sent on by the connection that received it alone.
//
// Nothing that the returned context makes is good for another Session, but for messages that the program
// made itself: these can be sent by any. Context fails if conn is closed or ended or of another package.
func Context(ctx context.Context, conn *mqconn.Conn) (jms20subset.JMSContext, error) {
	foreign := false
	err := conn.Do(ctx, mqconn.VerbConnect, "", func(c mqconn.Transport) error {
		t, ours := c.(*transport)
		if foreign = !ours; ours {
			t.lent = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if foreign {
		return nil, errForeign
	}
	return &face{ctx: ctx, conn: conn}, nil
}

// face is a jms20subset.JMSContext on a Conn.
type face struct {
	ctx  context.Context
	conn *mqconn.Conn
}

// call makes one call of the library's, on the goroutine of the connection. What fn writes may be read
// only after nil or an error that fn returned: a call that was given up may still be writing. What the
// library refuses by itself, without the queue manager, is no fault of the connection.
func (f *face) call(verb mqconn.Verb, queue string, fn func(t *transport) error) error {
	var said jms20subset.JMSException
	var refused error
	err := f.conn.Do(f.ctx, verb, queue, func(c mqconn.Transport) error {
		t := c.(*transport)
		t.said = nil
		err := fn(t)
		said = t.said
		if said != nil && reason(err) == mqrc.UnexpectedError {
			refused = err
			return nil
		}
		return err
	})
	switch {
	case errors.Is(err, mqconn.ErrStuck):
		return err
	case err == nil:
		err = refused
	}
	if err == nil || said == nil {
		return err
	}
	return &failure{said, err}
}

func (f *face) CreateProducer() jms20subset.JMSProducer {
	return &producer{face: f, mode: jms20subset.DeliveryMode_PERSISTENT, priority: jms20subset.Priority_DEFAULT}
}

func (f *face) CreateConsumer(from jms20subset.Destination) (jms20subset.JMSConsumer, jms20subset.JMSException) {
	return f.CreateConsumerWithSelector(from, "")
}

func (f *face) CreateConsumerWithSelector(from jms20subset.Destination, selector string) (jms20subset.JMSConsumer, jms20subset.JMSException) {
	c := &consumer{face: f, queue: from.GetDestinationName()}
	var opened jms20subset.JMSConsumer
	err := f.call(mqconn.VerbOpen, c.queue, func(t *transport) (err error) {
		opened, err = t.open(c.queue, selector)
		return err
	})
	if err != nil {
		return nil, exceptionOf(err)
	}
	c.library = opened
	return c, nil
}

func (f *face) CreateBrowser(of jms20subset.Destination) (jms20subset.QueueBrowser, jms20subset.JMSException) {
	b := &browser{face: f, queue: of.GetDestinationName()}
	var opened jms20subset.QueueBrowser
	err := f.call(mqconn.VerbOpen, b.queue, func(t *transport) (err error) {
		opened, err = t.openBrowser(b.queue)
		return err
	})
	if err != nil {
		return nil, exceptionOf(err)
	}
	b.library = opened
	return b, nil
}

func (f *face) CreateQueue(name string) jms20subset.Queue { return newQueue(name) }

// newQueue asks no connection: the library's queues are names.
func newQueue(name string) jms20subset.Queue { return mqjms.ContextImpl{}.CreateQueue(name) }

func (f *face) CreateTextMessage() jms20subset.TextMessage { return newText(f) }

func (f *face) CreateTextMessageWithString(text string) jms20subset.TextMessage {
	m := newText(f)
	m.SetText(text)
	return m
}

func (f *face) CreateBytesMessage() jms20subset.BytesMessage { return newBytes(f) }

func (f *face) CreateBytesMessageWithBytes(body []byte) jms20subset.BytesMessage {
	m := newBytes(f)
	m.WriteBytes(body)
	return m
}

func (f *face) Commit() jms20subset.JMSException {
	return exceptionOf(f.call(mqconn.VerbCommit, "", (*transport).Commit))
}

func (f *face) Rollback() jms20subset.JMSException {
	return exceptionOf(f.call(mqconn.VerbBackout, "", (*transport).Backout))
}

// Close has no way to tell an error; the Session knows it.
func (f *face) Close() { _ = f.conn.Close() }

// failure is an error of a Conn as mq-golang-jms20 tells errors.
type failure struct {
	jms20subset.JMSException // the library's own, or one like it
	err                      error
}

// exceptionOf gives nil for nil. A call that was not made, because the connection or the context had ended,
// has the code of what ended it, or that of the library after Close.
func exceptionOf(err error) jms20subset.JMSException {
	if err == nil {
		return nil
	}
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	r := mqrc.HConnError
	var f *mqconn.Fault
	if errors.As(err, &f) {
		r = f.Reason
	}
	return &failure{jms20subset.CreateJMSException(mqi.MQItoString("RC", int(r)), strconv.Itoa(int(r)),
		&mqi.MQReturn{MQCC: mqi.MQCC_FAILED, MQRC: int32(r)}), err}
}

// Error says more than the library would: queue, endpoint and what can be done.
func (e *failure) Error() string { return e.err.Error() }

// Unwrap gives the *mqconn.Error.
func (e *failure) Unwrap() error { return e.err }

// GetMessageLength is the length of a message that did not fit (2080), as the library's own exceptions tell it.
func (e *failure) GetMessageLength() int {
	if l, ok := e.JMSException.(interface{ GetMessageLength() int }); ok {
		return l.GetMessageLength()
	}
	return 0
}
