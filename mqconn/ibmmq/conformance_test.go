//go:build ibmmq && cgo

package ibmmq

import (
	"net"
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
	beQueueManager()
	goleak.VerifyTestMain(m)
}

// start starts a queue manager and gives a Dialer and the endpoint to it.
func start(tb testing.TB, mqsc string, o Options) (*mqtest.QueueManager, mqconn.Dialer, string) {
	tb.Helper()
	qm := mqtest.New(tb, mqtest.Options{MQSC: conformance.Definitions + mqsc})
	l, err := net.Listen("tcp", loopback.Any())
	if err != nil {
		tb.Fatal(err)
	}
	if err := qm.Serve(l); err != nil {
		tb.Fatal(err)
	}
	if o.Channel == "" {
		o.Channel = mqtest.DefaultChannel
	}
	if o.User == "" {
		o.User, o.Password = "mqha", "secret"
	}
	d, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return qm, d, l.Addr().String()
}

func TestConformance(t *testing.T) {
	skipped := conformance.Run(t, func(t *testing.T) conformance.Target {
		qm, d, endpoint := start(t, "", Options{QueueManager: "QM1"})
		return conformance.Target{QueueManager: qm, Dialer: d, Endpoint: endpoint}
	})
	if len(skipped) != 0 {
		t.Errorf("skipped %q: this transport does everything", skipped)
	}
}
