package mqtest_test

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

const definitions = `
DEFINE QLOCAL(A) REPLACE
DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) REPLACE
`

func TestPutAndGet(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := qm.Serve(l); err != nil {
		t.Fatal(err)
	}
	for _, d := range []mqconn.Dialer{qm.Dialer(), mqtest.TCP{}} {
		c, err := d.Dial(t.Context(), mqconn.DialOptions{Endpoint: l.Addr().String()})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{Body: []byte("hello")}); err != nil {
			t.Fatal(err)
		}
		var m mqconn.Message
		if err := c.Get("A", &m, mqconn.GetOptions{}); err != nil || !bytes.Equal(m.Body, []byte("hello")) {
			t.Fatal(err, m)
		}
		if err := c.Get("A", &m, mqconn.GetOptions{Wait: 10 * time.Millisecond}); !errors.Is(err, mqconn.ErrNoMessage) {
			t.Fatal(err, m)
		}
		var f *mqconn.Fault
		if err := c.Get("B", &m, mqconn.GetOptions{}); !errors.As(err, &f) || f.Reason != mqrc.UnknownObject {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
