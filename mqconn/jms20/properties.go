//go:build ibmmq && cgo

package jms20

import (
	"slices"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"
	"github.com/ibm-messaging/mq-golang-jms20/mqjms"

	"github.com/mqha/mqha/mqconn"
)

// verbProperty stands for MQSETMP, MQINQMP and MQDLTMP.
const verbProperty mqconn.Verb = "MQINQMP"

// message is what text and bytes messages have in common. One that the program makes has no handle: it
// is a record of what was set, from which the library's message is made when it is sent or asked for a
// property. So a garbage collection has nothing to delete, and the connection may be another by then.
type message struct {
	jms20subset.Message // the body, and what is known of the descriptor; the library's own once sent or received
	face                *face
	received            bool
	changes             []change
}

// change is something that the program set, to be set again on another message.
type change struct {
	property bool
	apply    func(jms20subset.Message) jms20subset.JMSException
}

func (m *message) own() *message { return m }

type textMessage struct{ *message }

type bytesMessage struct{ *message }

func newText(f *face) textMessage {
	return textMessage{&message{Message: &mqjms.TextMessageImpl{}, face: f}}
}

func newBytes(f *face) bytesMessage {
	return bytesMessage{&message{Message: &mqjms.BytesMessageImpl{}, face: f}}
}

func (f *face) receivedMessage(got jms20subset.Message) jms20subset.Message {
	m := &message{Message: got, face: f, received: true}
	if _, text := got.(jms20subset.TextMessage); text {
		return textMessage{m}
	}
	return bytesMessage{m}
}

func (m textMessage) GetText() *string     { return m.Message.(jms20subset.TextMessage).GetText() }
func (m textMessage) SetText(text string)  { m.Message.(jms20subset.TextMessage).SetText(text) }
func (m bytesMessage) ReadBytes() *[]byte  { return m.Message.(jms20subset.BytesMessage).ReadBytes() }
func (m bytesMessage) WriteBytes(b []byte) { m.Message.(jms20subset.BytesMessage).WriteBytes(b) }
func (m bytesMessage) GetBodyLength() int {
	return m.Message.(jms20subset.BytesMessage).GetBodyLength()
}

// made makes the library's message, on the goroutine of the connection.
func (m *message) made(t *transport) (made jms20subset.Message, ex jms20subset.JMSException) {
	switch from := m.Message.(type) {
	case jms20subset.TextMessage:
		text := t.context.CreateTextMessage()
		if body := from.GetText(); body != nil {
			text.SetText(*body)
		}
		made = text
	case jms20subset.BytesMessage:
		made = t.context.CreateBytesMessageWithBytes(*from.ReadBytes())
	}
	for _, c := range m.changes {
		if ex = c.apply(made); ex != nil {
			return nil, ex
		}
	}
	return made, nil
}

// SetJMSCorrelationID and SetJMSReplyTo need no connection.
func (m *message) SetJMSCorrelationID(id string) jms20subset.JMSException {
	set := func(to jms20subset.Message) jms20subset.JMSException { return to.SetJMSCorrelationID(id) }
	m.changes = append(m.changes, change{apply: set})
	return set(m.Message)
}

// SetJMSReplyTo takes any destination for its name: the library ends the process for one that it does not know.
func (m *message) SetJMSReplyTo(to jms20subset.Destination) jms20subset.JMSException {
	queue := newQueue(to.GetDestinationName())
	set := func(to jms20subset.Message) jms20subset.JMSException { return to.SetJMSReplyTo(queue) }
	m.changes = append(m.changes, change{apply: set})
	return set(m.Message)
}

// ask makes one call that needs the message's handle. The message of the library that is asked is a new
// one unless it was received. A failure concerns the property; only a broken connection ends the Session.
func ask[T any](m *message, question func(jms20subset.Message) (T, jms20subset.JMSException)) (T, jms20subset.JMSException) {
	var result struct {
		value T
		ex    jms20subset.JMSException
	}
	err := m.face.call(verbProperty, "", func(t *transport) error {
		at := mqconn.Fault{Verb: verbProperty}
		if err := t.gone(at); err != nil {
			return err
		}
		for try := 1; ; try++ {
			asked := m.Message
			if result.ex = nil; !m.received {
				asked, result.ex = m.made(t)
			}
			if result.ex == nil {
				result.value, result.ex = question(asked)
			}
			if result.ex == nil {
				return nil
			}
			err := t.fault(result.ex, at)
			if handleDeleted(err) && try < sendTries && !m.received {
				continue
			}
			return t.gone(at)
		}
	})
	if err != nil {
		var none T
		return none, exceptionOf(err)
	}
	return result.value, result.ex
}

// set tries a property on the message of the library, and remembers it if that can be.
func (m *message) set(apply func(jms20subset.Message) jms20subset.JMSException) jms20subset.JMSException {
	_, ex := ask(m, func(to jms20subset.Message) (struct{}, jms20subset.JMSException) { return struct{}{}, apply(to) })
	if ex == nil {
		m.changes = append(m.changes, change{property: true, apply: apply})
	}
	return ex
}

func (m *message) SetStringProperty(name string, value *string) jms20subset.JMSException {
	if value != nil {
		copied := *value // the program may go on using its own
		value = &copied
	}
	return m.set(func(to jms20subset.Message) jms20subset.JMSException { return to.SetStringProperty(name, value) })
}

func (m *message) SetIntProperty(name string, value int) jms20subset.JMSException {
	return m.set(func(to jms20subset.Message) jms20subset.JMSException { return to.SetIntProperty(name, value) })
}

func (m *message) SetDoubleProperty(name string, value float64) jms20subset.JMSException {
	return m.set(func(to jms20subset.Message) jms20subset.JMSException { return to.SetDoubleProperty(name, value) })
}

func (m *message) SetBooleanProperty(name string, value bool) jms20subset.JMSException {
	return m.set(func(to jms20subset.Message) jms20subset.JMSException { return to.SetBooleanProperty(name, value) })
}

func (m *message) GetStringProperty(name string) (*string, jms20subset.JMSException) {
	return ask(m, func(of jms20subset.Message) (*string, jms20subset.JMSException) { return of.GetStringProperty(name) })
}

func (m *message) GetIntProperty(name string) (int, jms20subset.JMSException) {
	return ask(m, func(of jms20subset.Message) (int, jms20subset.JMSException) { return of.GetIntProperty(name) })
}

func (m *message) GetDoubleProperty(name string) (float64, jms20subset.JMSException) {
	return ask(m, func(of jms20subset.Message) (float64, jms20subset.JMSException) { return of.GetDoubleProperty(name) })
}

func (m *message) GetBooleanProperty(name string) (bool, jms20subset.JMSException) {
	return ask(m, func(of jms20subset.Message) (bool, jms20subset.JMSException) { return of.GetBooleanProperty(name) })
}

func (m *message) PropertyExists(name string) (bool, jms20subset.JMSException) {
	return ask(m, func(of jms20subset.Message) (bool, jms20subset.JMSException) { return of.PropertyExists(name) })
}

func (m *message) GetPropertyNames() ([]string, jms20subset.JMSException) {
	return ask(m, func(of jms20subset.Message) ([]string, jms20subset.JMSException) { return of.GetPropertyNames() })
}

// ClearProperties leaves the body, the correlation identifier and the reply-to queue.
func (m *message) ClearProperties() jms20subset.JMSException {
	if m.received {
		_, ex := ask(m, func(of jms20subset.Message) (struct{}, jms20subset.JMSException) {
			return struct{}{}, of.ClearProperties()
		})
		return ex
	}
	m.changes = slices.DeleteFunc(m.changes, func(c change) bool { return c.property })
	return nil
}
