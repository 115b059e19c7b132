//go:build ibmmq && cgo

package jms20

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"
	"github.com/ibm-messaging/mq-golang-jms20/mqjms"
	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/ibmmq"
)

// Library is the module path of the client library.
const Library = "github.com/ibm-messaging/mq-golang-jms20"

const (
	defaultBuffer = 320 << 10
	bufferStep    = 64 << 10
)

// New returns a Dialer of connections through mq-golang-jms20. An error says which option cannot be.
func New(o Options) (mqconn.Dialer, error) { return NewWithMQOptions(o, nil) }

// NewWithMQOptions is New with a last word for the program: change, which may be one of the
// library's own such options, is called with the connection options of each connection, for what
// Options do not have. It may be called by several goroutines at once. Automatic reconnection stays
// off whatever it does.
func NewWithMQOptions(o Options, change jms20subset.MQOptions) (mqconn.Dialer, error) {
	d, err := newDialer(o, change)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func newDialer(o Options, change func(*mqi.MQCNO)) (*dialer, error) {
	if o.QueueManager == "" {
		return nil, errors.New("mqconn/jms20: QueueManager is needed, because the library cannot ask for it")
	}
	client, err := o.client().WithDefaults()
	if err != nil {
		return nil, errors.New(strings.Replace(err.Error(), "mqconn/ibmmq", "mqconn/jms20", 1))
	}
	if o.ReceiveBufferSize == 0 {
		o.ReceiveBufferSize = min(defaultBuffer, client.MaxMessage)
	}
	if o.ReceiveBufferSize < 0 || o.ReceiveBufferSize > client.MaxMessage {
		return nil, errors.New("mqconn/jms20: ReceiveBufferSize is negative or larger than MaxMessage")
	}
	d := &dialer{options: client, change: change, create: create}
	d.buffer.Store(int64(o.ReceiveBufferSize))
	return d, nil
}

func (o Options) client() ibmmq.Options {
	return ibmmq.Options{
		QueueManager: o.QueueManager, Channel: o.Channel, AppName: o.AppName, User: o.User, Password: o.Password,
		CipherSpec: o.CipherSpec, KeyRepository: o.KeyRepository, KeyRepositoryPasswordFile: o.KeyRepositoryPasswordFile,
		CertificateLabel: o.CertificateLabel, PeerName: o.PeerName, CCDTURL: o.CCDTURL, Bindings: o.Bindings,
		MaxMessage: o.MaxMessage,
	}
}

type dialer struct {
	options ibmmq.Options
	change  func(*mqi.MQCNO)
	create  func(cf mqjms.ConnectionFactoryImpl, mode int, o jms20subset.MQOptions) (jms20subset.JMSContext, jms20subset.JMSException)
	buffer  atomic.Int64 // ReceiveBufferSize of the next connection
}

func create(cf mqjms.ConnectionFactoryImpl, mode int, o jms20subset.MQOptions) (jms20subset.JMSContext, jms20subset.JMSException) {
	return cf.CreateContextWithSessionMode(mode, o)
}

// Dial connects. The library's call cannot be interrupted: it returns when it returns, and a
// connection that comes after the end of ctx is given back.
func (d *dialer) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := newTransport(d, o)
	if err := t.connect(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// connect makes the library's context. The factory has fields for a part of the connection options
// only, and adds 4 MiB as the longest message: all of them are replaced.
func (d *dialer) connect(o mqconn.DialOptions) (jms20subset.JMSContext, error) {
	cno, err := ibmmq.ConnectOptions(d.options, o, d.change)
	if err != nil {
		return nil, err
	}
	cf := mqjms.ConnectionFactoryImpl{
		QMName:            d.options.QueueManager,
		TransportType:     mqjms.TransportType_CLIENT,
		ReceiveBufferSize: int(d.buffer.Load()),
	}
	if d.options.Bindings {
		cf.TransportType = mqjms.TransportType_BINDINGS
	}
	mode := jms20subset.JMSContextAUTOACKNOWLEDGE
	if o.Transacted {
		mode = jms20subset.JMSContextSESSIONTRANSACTED
	}
	connected, ex := d.create(cf, mode, func(c *mqi.MQCNO) { *c = *cno })
	if ex == nil {
		return connected, nil
	}
	// Since v1.13 a context comes with a failure too, and answers 2018 to everything. A warning
	// (2391: TLS was set up before, 2002: connected before) comes with a context that works.
	f := newFault(ex, mqconn.Fault{Verb: mqconn.VerbConnect, Bindings: d.options.Bindings})
	if f.CompletionCode == mqi.MQCC_WARNING && connected != nil {
		return connected, nil
	}
	return nil, f
}

// grow makes the buffer of later connections hold n bytes.
func (d *dialer) grow(n int) {
	size := min((int64(n)+bufferStep-1)/bufferStep*bufferStep, int64(d.options.MaxMessage))
	for old := d.buffer.Load(); old < size && !d.buffer.CompareAndSwap(old, size); old = d.buffer.Load() {
	}
}

// queueManagerName is the name to ask for, without what only selects (a group of a CCDT: "*GROUP").
func (d *dialer) queueManagerName() string {
	if strings.HasPrefix(d.options.QueueManager, "*") {
		return ""
	}
	return d.options.QueueManager
}
