//go:build ibmmq && cgo

package jms20

import (
	"errors"
	"fmt"
	"time"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"
	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

func (t *transport) Get(queue string, m *mqconn.Message, o mqconn.GetOptions) error {
	return t.growing(queue, func() (int, error) {
		length, err := t.get(queue, m, o)
		o.Wait = 0 // for a second time: the message is there, or was
		return length, err
	})
}

// get opens another handle for a message chosen by identifier: the library ties the choice to the
// consumer. The length is that of a message that did not fit (2080).
func (t *transport) get(queue string, m *mqconn.Message, o mqconn.GetOptions) (int, error) {
	selector, known := "", o.CorrelationID
	switch none := (mqconn.ID{}); {
	case o.ID != none && o.CorrelationID != none:
		return 0, refuse(mqconn.VerbGet, queue, mqrc.MatchOptionsError,
			errors.New("mq-golang-jms20 gets by message or by correlation identifier, not by both"))
	case o.ID != none:
		selector = fmt.Sprintf("JMSMessageID = '%x'", o.ID[:])
	case o.CorrelationID != none:
		selector = fmt.Sprintf("JMSCorrelationID = '%x'", o.CorrelationID[:])
	}
	if selector == "" {
		c, err := t.consumer(queue)
		if err != nil {
			return 0, err
		}
		length, err := t.receive(c, queue, m, o.Wait, known)
		if reason(err) == mqrc.QDeleted && !t.held[queue] { // to open a held one here would share it
			forget(t.consumers, queue)
		}
		return length, err
	}
	c, err := t.open(queue, selector)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return t.receive(c, queue, m, o.Wait, known)
}

func (t *transport) receive(c jms20subset.JMSConsumer, queue string, m *mqconn.Message, wait time.Duration, known mqconn.ID) (int, error) {
	got, length, err := t.receiveMessage(c, queue, wait)
	if err != nil {
		return length, err
	}
	return 0, t.fill(m, got, queue, known)
}

func (t *transport) receiveMessage(c jms20subset.JMSConsumer, queue string, wait time.Duration) (got jms20subset.Message, length int, err error) {
	at := mqconn.Fault{Verb: mqconn.VerbGet, Queue: queue, Syncpoint: t.dialed.Transacted}
	if err := t.gone(at); err != nil {
		return nil, 0, err
	}
	var ex jms20subset.JMSException
	if wait > 0 {
		// Rounded up: Receive takes 0 for "without end".
		got, ex = c.Receive(int32((min(wait, mqconn.MaxSlice) + time.Millisecond - 1) / time.Millisecond))
	} else {
		got, ex = c.ReceiveNoWait()
	}
	if ex == nil && got != nil {
		t.unit = t.dialed.Transacted
	}
	length, err = t.judge(got, ex, at)
	return got, length, err
}

// fill copies into the caller's message. The library has kinds of messages that it may add to.
func (t *transport) fill(m *mqconn.Message, got jms20subset.Message, queue string, known mqconn.ID) error {
	if err := fill(m, got, known); err != nil {
		return refuse(mqconn.VerbGet, queue, mqrc.UnexpectedError, err)
	}
	return nil
}

// judge says what a get or a browse gave. The length is that of a message that did not fit (2080).
func (t *transport) judge(got jms20subset.Message, ex jms20subset.JMSException, at mqconn.Fault) (length int, err error) {
	err = t.fault(ex, at)
	switch {
	case err == nil && got == nil:
		return 0, mqconn.ErrNoMessage
	case err == nil:
		return 0, nil
	case reason(err) == mqrc.TruncatedMsgFailed:
		if l, ok := ex.(interface{ GetMessageLength() int }); ok {
			return l.GetMessageLength(), err
		}
		return 0, err
	case warning(err) && t.dialed.Transacted:
		// The queue manager gave the message with a warning, and the library drops it then.
		// The end of the Session backs it out.
		at.CompletionCode, at.Reason, at.Err = mqi.MQCC_WARNING, reason(err), mqconn.ErrReopen
		t.unit = true
		return 0, &at
	}
	return 0, err
}

// Browse begins anew, for the first message, with another browser: the library's goes forward only.
func (t *transport) Browse(queue string, m *mqconn.Message, next bool) error {
	if b := t.browsers[queue]; b != nil && !next {
		b.Close()
		delete(t.browsers, queue)
	}
	return t.growing(queue, func() (int, error) { return t.browse(queue, m) })
}

// errBrowse is why the library cannot browse on a transacted connection.
var errBrowse = errors.New("mq-golang-jms20 browses in syncpoint on a transacted connection, which IBM MQ refuses: browse on one that is not")

func (t *transport) browse(queue string, m *mqconn.Message) (int, error) {
	if t.dialed.Transacted && t.broken == mqrc.None {
		return 0, refuse(mqconn.VerbGet, queue, mqrc.OptionsError, errBrowse)
	}
	b := t.browsers[queue]
	if b == nil {
		var err error
		if b, err = t.openBrowser(queue); err != nil {
			return 0, err
		}
		t.browsers[queue] = b
	}
	got, length, err := t.nextMessage(b, queue)
	if reason(err) == mqrc.QDeleted {
		forget(t.browsers, queue)
	}
	if err != nil {
		return length, err
	}
	return 0, t.fill(m, got, queue, mqconn.ID{})
}

// forget gives up the handle of a dynamic queue that was deleted: it would answer 2052 for ever, although a queue of that
// name may be there again.
func forget[H interface{ Close() }](open map[string]H, queue string) {
	open[queue].Close()
	delete(open, queue)
}

func (t *transport) openBrowser(queue string) (jms20subset.QueueBrowser, error) {
	at := mqconn.Fault{Verb: mqconn.VerbOpen, Queue: queue}
	if err := t.gone(at); err != nil {
		return nil, err
	}
	b, ex := t.context.CreateBrowser(newQueue(queue))
	return b, t.fault(ex, at)
}

func (t *transport) nextMessage(b jms20subset.QueueBrowser, queue string) (got jms20subset.Message, length int, err error) {
	at := mqconn.Fault{Verb: mqconn.VerbGet, Queue: queue}
	if err := t.gone(at); err != nil {
		return nil, 0, err
	}
	all, ex := b.GetEnumeration()
	if ex != nil {
		return nil, 0, t.fault(ex, at)
	}
	got, ex = all.GetNext()
	length, err = t.judge(got, ex, at)
	return got, length, err
}

// growing makes a call whose message may not fit the receive buffer, whose size the library fixes
// with the connection. Then the buffer of the Dialer's next connections becomes large enough, and
// this connection is made again, if it holds nothing that would be lost by that: no unit of work, no
// queue, no place in a queue that is browsed, nothing that Context gave away. If it does, ErrReopen lets the Session do it.
func (t *transport) growing(queue string, call func() (length int, err error)) error {
	for {
		length, err := call()
		if reason(err) != mqrc.TruncatedMsgFailed || length <= t.buffer {
			return err
		}
		at := mqconn.Fault{Verb: mqconn.VerbGet, CompletionCode: mqi.MQCC_FAILED, Reason: mqrc.TruncatedMsgFailed, Queue: queue,
			Bindings: t.info.Bindings, Syncpoint: t.dialed.Transacted}
		if length > t.info.MaxMessage {
			at.Err = fmt.Errorf("the message has %d bytes, Options.MaxMessage is %d", length, t.info.MaxMessage)
			return &at
		}
		t.dialer.grow(length)
		if t.unit || t.lent || len(t.held) > 0 || len(t.browsers) > 0 {
			at.Err = fmt.Errorf("the message has %d bytes, for which the receive buffer will be large enough: %w", length, mqconn.ErrReopen)
			return &at
		}
		if err := t.connectAgain(); err != nil {
			return err
		}
	}
}

// connectAgain gives the connection up for a new one. The old context is forgotten first, so that it
// is not closed a second time.
func (t *transport) connectAgain() error {
	old := t.context
	t.context = nil
	old.Close()
	err := t.connect()
	if err != nil {
		t.broken = mqrc.HConnError
	}
	return err
}
