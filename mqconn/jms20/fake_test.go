//go:build ibmmq && cgo

package jms20

import (
	"strconv"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"
	"github.com/ibm-messaging/mq-golang-jms20/mqjms"
	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
)

// exception is the library's error for an answer of the MQI.
func exception(cc, rc int32) jms20subset.JMSException {
	return jms20subset.CreateJMSException("", strconv.Itoa(int(rc)), &mqi.MQReturn{MQCC: cc, MQRC: rc})
}

// script is a context of the library whose answers are written down beforehand. What a test does not
// script is nil, and calling it a panic.
type script struct {
	jms20subset.JMSContext
	sends, opens, receives []jms20subset.JMSException // the last one again and again
	sent                   []jms20subset.BytesMessage
	waits                  []int32
	closed                 int
}

func next(answers *[]jms20subset.JMSException) jms20subset.JMSException {
	a := (*answers)[0]
	if len(*answers) > 1 {
		*answers = (*answers)[1:]
	}
	return a
}

func (s *script) CreateProducer() jms20subset.JMSProducer { return &scriptProducer{script: s} }

func (s *script) CreateQueue(name string) jms20subset.Queue {
	return mqjms.ContextImpl{}.CreateQueue(name)
}

func (s *script) CreateBytesMessageWithBytes(b []byte) jms20subset.BytesMessage {
	m := &mqjms.BytesMessageImpl{}
	m.WriteBytes(b)
	return m
}

func (s *script) CreateConsumerWithSelector(jms20subset.Destination, string) (jms20subset.JMSConsumer, jms20subset.JMSException) {
	if ex := next(&s.opens); ex != nil {
		return nil, ex
	}
	return &scriptConsumer{script: s}, nil
}

func (s *script) Rollback() jms20subset.JMSException { return nil }
func (s *script) Close()                             { s.closed++ }

type scriptProducer struct {
	mqjms.ProducerImpl
	script *script
}

func (p *scriptProducer) Send(_ jms20subset.Destination, m jms20subset.Message) jms20subset.JMSException {
	p.script.sent = append(p.script.sent, m.(jms20subset.BytesMessage))
	return next(&p.script.sends)
}

type scriptConsumer struct {
	jms20subset.JMSConsumer
	script *script
}

func (c *scriptConsumer) Receive(wait int32) (jms20subset.Message, jms20subset.JMSException) {
	c.script.waits = append(c.script.waits, wait)
	return nil, next(&c.script.receives)
}

func (c *scriptConsumer) ReceiveNoWait() (jms20subset.Message, jms20subset.JMSException) {
	return c.Receive(0)
}

func (c *scriptConsumer) Close() {}

// scripted is a Dialer whose connections are s, made with ex.
func scripted(s jms20subset.JMSContext, ex jms20subset.JMSException) *dialer {
	d, err := newDialer(Options{QueueManager: "QM1", Channel: "C"}, nil)
	if err != nil {
		panic(err)
	}
	d.create = func(mqjms.ConnectionFactoryImpl, int, jms20subset.MQOptions) (jms20subset.JMSContext, jms20subset.JMSException) {
		return s, ex
	}
	return d
}

var somewhere = mqconn.Address{Queue: "A"}
