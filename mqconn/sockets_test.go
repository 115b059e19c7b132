package mqconn_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// sockets are the TCP ports of a site. An endpoint is a name, as of a host; the port behind it is another after each start,
// because one that was given back may be somebody else's. Its queue manager, its standby, or nobody any more, is there: what
// a dial is answered comes over the socket.
type sockets struct {
	tb testing.TB

	mu        sync.Mutex
	addresses map[string]string // the last port of each endpoint
	standby   *mqtest.QueueManager
}

func newSockets(tb testing.TB) *sockets {
	s := &sockets{tb: tb, addresses: map[string]string{}}
	tb.Cleanup(s.retire)
	return s
}

// serve lets qm listen at endpoint.
func (s *sockets) serve(qm *mqtest.QueueManager, endpoint string) {
	s.tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := qm.Serve(l); err != nil {
		s.tb.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addresses[endpoint] = l.Addr().String()
}

// stand starts the standby instance at endpoint.
func (s *sockets) stand(endpoint string) {
	s.tb.Helper()
	standby, err := mqtest.Start(mqtest.Options{})
	if err != nil {
		s.tb.Fatal(err)
	}
	s.standby = standby
	if err := standby.Strike(mqtest.FaultStandby); err != nil {
		s.tb.Fatal(err)
	}
	s.serve(standby, endpoint)
}

// retire ends the standby instance, if there is one.
func (s *sockets) retire() {
	if s.standby == nil {
		return
	}
	if err := s.standby.Close(); err != nil {
		s.tb.Error(err)
	}
	s.standby = nil
}

func (s *sockets) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	s.mu.Lock()
	o.Endpoint = s.addresses[o.Endpoint]
	s.mu.Unlock()
	return mqtest.TCP{QueueManager: siteName}.Dial(ctx, o)
}

// siteName is asked for, so that a port that somebody else has meanwhile is not taken for the site.
const siteName = "QM1"

// answer says what a dial that was turned away was answered.
func answer(err error) mqrc.Reason {
	var f *mqconn.Fault
	if errors.As(err, &f) {
		return f.Reason
	}
	return mqrc.None
}
