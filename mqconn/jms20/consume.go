//go:build ibmmq && cgo

package jms20

import (
	"errors"
	"time"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"

	"github.com/mqha/mqha/mqconn"
)

// consumer is a jms20subset.JMSConsumer of a face.
type consumer struct {
	face    *face
	library jms20subset.JMSConsumer
	queue   string
}

func (c *consumer) ReceiveNoWait() (jms20subset.Message, jms20subset.JMSException) {
	return c.receive(0)
}

// Receive waits without end for 0 or less, as the library does, but the end of the Session ends it.
func (c *consumer) Receive(milliseconds int32) (jms20subset.Message, jms20subset.JMSException) {
	begun := time.Now()
	wait := time.Duration(milliseconds) * time.Millisecond
	for {
		slice := mqconn.MaxSlice
		if wait > 0 {
			slice = min(slice, max(0, wait-time.Since(begun)))
		}
		m, ex := c.receive(slice)
		if m != nil || ex != nil || wait > 0 && time.Since(begun) >= wait {
			return m, ex
		}
	}
}

func (c *consumer) receive(slice time.Duration) (jms20subset.Message, jms20subset.JMSException) {
	var got jms20subset.Message
	err := c.face.call(mqconn.VerbGet, c.queue, func(t *transport) error {
		return t.growing(c.queue, func() (length int, err error) {
			got, length, err = t.receiveMessage(c.library, c.queue, slice)
			return length, err
		})
	})
	return c.face.received(&got, err)
}

// received gives the library's nil for no message. After an error a call that was given up may still be
// writing got.
func (f *face) received(got *jms20subset.Message, err error) (jms20subset.Message, jms20subset.JMSException) {
	if errors.Is(err, mqconn.ErrNoMessage) {
		return nil, nil
	}
	if err != nil {
		return nil, exceptionOf(err)
	}
	return f.receivedMessage(*got), nil
}

// The bodies alone: a message of the other kind is an error, and has been received, as in the library.
func (c *consumer) ReceiveStringBodyNoWait() (*string, jms20subset.JMSException) {
	return stringBody(c.ReceiveNoWait())
}

func (c *consumer) ReceiveStringBody(milliseconds int32) (*string, jms20subset.JMSException) {
	return stringBody(c.Receive(milliseconds))
}

func (c *consumer) ReceiveBytesBodyNoWait() (*[]byte, jms20subset.JMSException) {
	return bytesBody(c.ReceiveNoWait())
}

func (c *consumer) ReceiveBytesBody(milliseconds int32) (*[]byte, jms20subset.JMSException) {
	return bytesBody(c.Receive(milliseconds))
}

func stringBody(m jms20subset.Message, ex jms20subset.JMSException) (*string, jms20subset.JMSException) {
	if m == nil || ex != nil {
		return nil, ex
	}
	text, ok := m.(jms20subset.TextMessage)
	if !ok {
		return nil, jms20subset.CreateJMSException("MQJMS_DIR_MIN_NOTTEXT", "MQJMS6068", nil)
	}
	return text.GetText(), nil
}

func bytesBody(m jms20subset.Message, ex jms20subset.JMSException) (*[]byte, jms20subset.JMSException) {
	if m == nil || ex != nil {
		return nil, ex
	}
	bytes, ok := m.(jms20subset.BytesMessage)
	if !ok {
		return nil, jms20subset.CreateJMSException("MQJMS_DIR_MIN_NOTBYTES", "MQJMS6068", nil)
	}
	return bytes.ReadBytes(), nil
}

// Close has no way to tell an error, and after the end of the Session nothing to do.
func (c *consumer) Close() {
	_ = c.face.call(mqconn.VerbClose, c.queue, func(*transport) error {
		c.library.Close()
		return nil
	})
}

// browser is a jms20subset.QueueBrowser of a face, and its one enumeration.
type browser struct {
	face    *face
	library jms20subset.QueueBrowser
	queue   string
}

func (b *browser) GetEnumeration() (jms20subset.MessageIterator, jms20subset.JMSException) {
	return b, nil
}

// GetNext is no get for the unit of work: it takes nothing.
func (b *browser) GetNext() (jms20subset.Message, jms20subset.JMSException) {
	var got jms20subset.Message
	err := b.face.call(mqconn.VerbInquire, b.queue, func(t *transport) error {
		return t.growing(b.queue, func() (length int, err error) {
			got, length, err = t.nextMessage(b.library, b.queue)
			return length, err
		})
	})
	return b.face.received(&got, err)
}

func (b *browser) Close() {
	_ = b.face.call(mqconn.VerbClose, b.queue, func(*transport) error {
		b.library.Close()
		return nil
	})
}
