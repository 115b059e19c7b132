//go:build ibmmq && cgo

package jms20

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest/versus"
)

// The transport against mq-golang-jms20 called directly: the same queue manager, factory and options.
//
//	go test -tags ibmmq -run '^$' -bench Versus -benchtime 30x ./mqconn/jms20
func BenchmarkVersusLibrary(b *testing.B) {
	for _, size := range []int{256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			_, d, endpoint := start(b, Options{ReceiveBufferSize: size})
			ours, theirs := dial(b, d, endpoint, false), dial(b, d, endpoint, false)
			versus.Report(b, size, overTransport(ours, size), overLibrary(b, theirs.(*transport).context, size))
			must(b, ours.Close())
			must(b, theirs.Close())
		})
	}
}

func overTransport(c mqconn.Transport, size int) versus.Way {
	sent, got := mqconn.Message{Body: make([]byte, size)}, mqconn.Message{Body: make([]byte, 0, size)}
	return versus.Way{
		Put: func() error { return c.Put(somewhere, &sent) },
		Get: func() error { return c.Get("A", &got, mqconn.GetOptions{}) },
	}
}

// overLibrary sends again after 2460, which no program on the library can do without.
func overLibrary(b *testing.B, c jms20subset.JMSContext, size int) versus.Way {
	b.Helper()
	queue := c.CreateQueue("B")
	producer := c.CreateProducer().SetDeliveryMode(jms20subset.DeliveryMode_NON_PERSISTENT)
	consumer, ex := c.CreateConsumer(queue)
	mustNot(b, ex)
	body := make([]byte, size)
	return versus.Way{
		Put: func() error {
			for {
				ex := producer.Send(queue, c.CreateBytesMessageWithBytes(body))
				if ex == nil || ex.GetErrorCode() != "2460" {
					return ex
				}
			}
		},
		Get: func() error {
			m, ex := consumer.ReceiveNoWait()
			if ex != nil {
				return ex
			}
			if m == nil || len(*m.(jms20subset.BytesMessage).ReadBytes()) != size {
				return errors.New("no message of that size")
			}
			return nil
		},
	}
}
