package mqlink_test

import (
	"context"
	"sync"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
)

// moving is a Dialer whose queue manager can be replaced.
type moving struct {
	mu  sync.Mutex
	now mqconn.Dialer
}

func (m *moving) to(d mqconn.Dialer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = d
}

func (m *moving) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	m.mu.Lock()
	d := m.now
	m.mu.Unlock()
	return d.Dial(ctx, o)
}

type firstEpoch struct{}

func (firstEpoch) Epoch() uint64 { return 1 }
func (firstEpoch) Err() error    { return nil }

func open(t *testing.T, dir string, o transfer.Options) *transfer.Engine {
	t.Helper()
	e, err := transfer.Open(t.Context(), dir, firstEpoch{}, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func start(t *testing.T, o mqtest.Options) *mqtest.QueueManager {
	t.Helper()
	q, err := mqtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}
