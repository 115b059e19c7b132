//go:build ibmmq && cgo

package jms20

import (
	"errors"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"
	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/ibmmq"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// transport is mqconn.Transport on one context of the library. The library locks a context during
// each call, a wait included, so that there is one context for each connection and a wait is never
// longer than mqconn.MaxSlice.
type transport struct {
	dialer *dialer
	dialed mqconn.DialOptions
	info   mqconn.Info

	context   jms20subset.JMSContext
	producer  jms20subset.JMSProducer
	consumers map[string]jms20subset.JMSConsumer
	browsers  map[string]jms20subset.QueueBrowser
	held      map[string]bool

	buffer int         // the receive buffer has at least so many bytes
	unit   bool        // something may be in the unit of work
	lent   bool        // Context gave out what hangs on the connection
	broken mqrc.Reason // why the connection is gone

	said jms20subset.JMSException // the library's last, for Context
}

func newTransport(d *dialer, o mqconn.DialOptions) *transport {
	return &transport{
		dialer: d, dialed: o,
		info: mqconn.Info{
			Library: Library, Version: ibmmq.Version(Library),
			QueueManager: d.queueManagerName(), Channel: d.options.Channel, Endpoint: o.Endpoint,
			Bindings: d.options.Bindings, MaxMessage: d.options.MaxMessage, Reports: reports,
		},
	}
}

// connect makes a context, with nothing open.
func (t *transport) connect() error {
	t.buffer = int(t.dialer.buffer.Load())
	connected, err := t.dialer.connect(t.dialed)
	if err != nil {
		return err
	}
	t.context = connected
	t.producer = connected.CreateProducer()
	t.consumers = make(map[string]jms20subset.JMSConsumer)
	t.browsers = make(map[string]jms20subset.QueueBrowser)
	t.held = make(map[string]bool)
	return nil
}

// open creates a consumer, which is an MQOPEN with MQOO_INPUT_AS_Q_DEF.
func (t *transport) open(queue, selector string) (jms20subset.JMSConsumer, error) {
	at := mqconn.Fault{Verb: mqconn.VerbOpen, Queue: queue}
	if err := t.gone(at); err != nil {
		return nil, err
	}
	c, ex := t.context.CreateConsumerWithSelector(t.context.CreateQueue(queue), selector)
	return c, t.fault(ex, at)
}

// consumer gives the open consumer of a queue or opens one, and keeps it.
func (t *transport) consumer(queue string) (jms20subset.JMSConsumer, error) {
	if c := t.consumers[queue]; c != nil {
		return c, nil
	}
	if len(t.consumers)-len(t.held) >= maxConsumers {
		t.closeConsumer()
	}
	c, err := t.open(queue, "")
	if err != nil {
		return nil, err
	}
	t.consumers[queue] = c
	return c, nil
}

// maxConsumers bounds the queues that were got from, are not held and are kept open: a queue manager gives a connection 256
// handles (MAXHANDS).
const maxConsumers = 64

// closeConsumer closes any one queue that is not held.
func (t *transport) closeConsumer() {
	for queue := range t.consumers {
		if !t.held[queue] {
			forget(t.consumers, queue)
			return
		}
	}
}

// Hold cannot ask for exclusive input, and whether it got it is not told. A second open tells: where
// the first is exclusive, by DEFSOPT(EXCL) or NOSHARE, the second answers 2042, also to the connection
// that has the first. Where the second succeeds, anybody else's would.
func (t *transport) Hold(queue string) error {
	if c := t.consumers[queue]; c != nil && !t.held[queue] {
		c.Close()
		delete(t.consumers, queue)
	}
	first, err := t.open(queue, "")
	if err != nil {
		return err
	}
	second, err := t.open(queue, "")
	var f *mqconn.Fault
	if errors.As(err, &f) && f.Reason == mqrc.ObjectInUse {
		t.consumers[queue], t.held[queue] = first, true
		return nil
	}
	first.Close()
	if err != nil {
		return err
	}
	second.Close()
	return &mqconn.Fault{Verb: mqconn.VerbOpen, CompletionCode: mqi.MQCC_FAILED, Queue: queue, Err: mqconn.ErrNotExclusive}
}

func (t *transport) Commit() error {
	at := mqconn.Fault{Verb: mqconn.VerbCommit, Syncpoint: t.dialed.Transacted}
	if err := t.gone(at); err != nil {
		return err
	}
	if err := t.fault(t.context.Commit(), at); err != nil {
		return err
	}
	t.unit = false
	return nil
}

func (t *transport) Backout() error {
	at := mqconn.Fault{Verb: mqconn.VerbBackout, Syncpoint: t.dialed.Transacted}
	if err := t.gone(at); err != nil {
		return err
	}
	if err := t.fault(t.context.Rollback(), at); err != nil {
		return err
	}
	t.unit = false
	return nil
}

func (t *transport) Info() mqconn.Info { return t.info }

// Close backs out itself first: the library's Close does too, and disconnects, but tells no error of
// either. Consumers and producers are copies that go on using the number of the old connection, and
// are never used again.
func (t *transport) Close() error {
	at := mqconn.Fault{Verb: mqconn.VerbDisconnect}
	err := t.gone(at)
	if err == nil {
		err = t.fault(t.context.Rollback(), at)
	}
	if t.context != nil {
		t.context.Close()
	}
	t.broken = mqrc.HConnError
	return err
}
