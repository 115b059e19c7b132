//go:build ibmmq && cgo

package jms20

import (
	"errors"
	"fmt"
	"math"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// producer is a jms20subset.JMSProducer of a face. The library prints about settings that cannot be, and
// drops them; here the Send says so.
type producer struct {
	face       *face
	mode       int
	timeToLive int // milliseconds
	priority   int
}

func (p *producer) SetDeliveryMode(mode int) jms20subset.JMSProducer {
	p.mode = mode
	return p
}

func (p *producer) SetTimeToLive(milliseconds int) jms20subset.JMSProducer {
	p.timeToLive = milliseconds
	return p
}

func (p *producer) SetPriority(priority int) jms20subset.JMSProducer {
	p.priority = priority
	return p
}

func (p *producer) GetDeliveryMode() int { return p.mode }
func (p *producer) GetTimeToLive() int   { return p.timeToLive }
func (p *producer) GetPriority() int     { return p.priority }

func (p *producer) SendString(to jms20subset.Destination, body string) jms20subset.JMSException {
	return p.Send(to, p.face.CreateTextMessageWithString(body))
}

func (p *producer) SendBytes(to jms20subset.Destination, body []byte) jms20subset.JMSException {
	return p.Send(to, p.face.CreateBytesMessageWithBytes(body))
}

// Send makes the library's message of one that the program made: as often as its handle is deleted before
// the library is done with it (2460: nothing was put), up to sendTries times.
func (p *producer) Send(to jms20subset.Destination, m jms20subset.Message) jms20subset.JMSException {
	queue := to.GetDestinationName()
	o, ours := m.(interface{ own() *message })
	if !ours {
		return exceptionOf(refuse(mqconn.VerbPut1, queue, mqrc.UnexpectedError,
			fmt.Errorf("a message of type %T, which mq-golang-jms20 cannot send", m)))
	}
	if err := p.acceptable(queue); err != nil {
		return exceptionOf(err)
	}
	var sent jms20subset.Message
	err := p.face.call(mqconn.VerbPut1, queue, func(t *transport) (err error) {
		sent, err = t.send(p, to, o.own())
		return err
	})
	if err == nil {
		o.own().Message = sent // which has the message identifier
	}
	return exceptionOf(err)
}

func (p *producer) acceptable(queue string) error {
	switch {
	case p.mode != jms20subset.DeliveryMode_PERSISTENT && p.mode != jms20subset.DeliveryMode_NON_PERSISTENT:
		return refuse(mqconn.VerbPut1, queue, mqrc.PersistenceError, nil)
	case p.priority < 0:
		return refuse(mqconn.VerbPut1, queue, mqrc.PriorityError, nil)
	case p.timeToLive < 0 || p.timeToLive > math.MaxInt32-tenth:
		return refuse(mqconn.VerbPut1, queue, mqrc.ExpiryError, errors.New("a time to live is between 0 and 24 days"))
	}
	return nil
}

// tenth is the unit of MQMD.Expiry in milliseconds.
const tenth = 100

func (t *transport) send(p *producer, to jms20subset.Destination, m *message) (jms20subset.Message, error) {
	at := mqconn.Fault{Verb: mqconn.VerbPut1, Queue: to.GetDestinationName(), Syncpoint: t.dialed.Transacted}
	t.producer.SetDeliveryMode(p.mode)
	t.producer.SetPriority(p.priority)
	t.producer.SetTimeToLive((p.timeToLive + tenth - 1) / tenth * tenth)
	for try := 1; ; try++ {
		if err := t.gone(at); err != nil {
			return nil, err
		}
		message, ex := m.Message, jms20subset.JMSException(nil)
		if !m.received {
			message, ex = m.made(t)
		}
		if ex == nil {
			ex = t.producer.Send(to, message)
			t.unit = t.dialed.Transacted
		}
		err := t.fault(ex, at)
		if handleDeleted(err) {
			if try < sendTries && !m.received {
				continue
			}
			err = t.probed(err)
		}
		if err != nil && !warning(err) { // a warning says that it was put
			return nil, err
		}
		return message, nil
	}
}
