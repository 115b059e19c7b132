//go:build ibmmq && cgo

package jms20

import (
	"net"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/mqha/mqha/internal/loopback"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/mqconn/mqtest/conformance"
	"github.com/mqha/mqha/mqconn/mqtest/stress"
)

func TestMain(m *testing.M) {
	stress.Main()
	goleak.VerifyTestMain(m)
}

// start starts a queue manager and gives a Dialer and the endpoint to it.
func start(tb testing.TB, o Options) (*mqtest.QueueManager, *dialer, string) {
	tb.Helper()
	qm := mqtest.New(tb, mqtest.Options{MQSC: conformance.Definitions})
	l, err := net.Listen("tcp", loopback.Any())
	if err != nil {
		tb.Fatal(err)
	}
	if err := qm.Serve(l); err != nil {
		tb.Fatal(err)
	}
	o.QueueManager, o.Channel, o.User, o.Password = "QM1", mqtest.DefaultChannel, "mqha", "secret"
	d, err := newDialer(o, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return qm, d, l.Addr().String()
}

func dial(tb testing.TB, d mqconn.Dialer, endpoint string, transacted bool) mqconn.Transport {
	tb.Helper()
	c, err := d.Dial(tb.Context(), mqconn.DialOptions{Endpoint: endpoint, Role: "test", Transacted: transacted})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// lacking is what mq-golang-jms20 cannot do. The list grows only by a decision.
var lacking = []string{"user id", "backout count", "remote queue manager", "get by id on a held queue",
	"browse on a held queue", "exclusive open by option"}

func TestConformance(t *testing.T) {
	skipped := conformance.Run(t, func(t *testing.T) conformance.Target {
		qm, d, endpoint := start(t, Options{})
		return conformance.Target{QueueManager: qm, Dialer: d, Endpoint: endpoint}
	})
	if !slices.Equal(skipped, lacking) {
		t.Errorf("skipped %q, want %q", skipped, lacking)
	}
}
