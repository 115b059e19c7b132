package mqlink_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
	"github.com/mqha/mqha/transfer/mqlink"
)

// committing tells of the commits of connections that have a unit of work.
type committing struct {
	mqconn.Dialer
	count atomic.Int32
	first chan struct{}
}

type committingTransport struct {
	mqconn.Transport
	of *committing
}

func (d *committing) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	t, err := d.Dialer.Dial(ctx, o)
	if err != nil || !o.Transacted {
		return t, err
	}
	return committingTransport{t, d}, nil
}

func (t committingTransport) Commit() error {
	err := t.Transport.Commit()
	if t.of.count.Add(1) == 1 {
		close(t.of.first)
	}
	return err
}

// committingLink sends n frames to a link and hands it over.
func committingLink(t *testing.T, n int, fn func(ctx context.Context, d *committing, l *mqlink.Link)) {
	t.Helper()
	q := mqtest.New(t, mqtest.Options{MQSC: definitions})
	d := &committing{Dialer: q.Dialer(), first: make(chan struct{})}
	c, err := mqconn.New(mqconn.Config{Dialer: d, Endpoints: []string{"in process"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = c.Run(ctx, func(ctx context.Context, s *mqconn.Session) error {
		l := link(t, ctx, s, "A")
		for range n {
			if err := l.Send(ctx, &transfer.Frame{Peer: "A", Persistent: true, Body: []byte("x")}); err != nil {
				return err
			}
		}
		fn(ctx, d, l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What was received must not wait in a unit of work for a frame that never comes: it would keep the queue manager's log from
// being used again, and the connection from being probed.
func TestFramesAreSettledAlsoWhenNoOtherComes(t *testing.T) {
	committingLink(t, 1, func(ctx context.Context, d *committing, l *mqlink.Link) {
		var f transfer.Frame
		if err := l.Receive(ctx, &f); err != nil {
			t.Fatal(err)
		}
		waiting, cancel := context.WithCancel(ctx)
		defer cancel()
		settled := make(chan error, 1)
		go func() {
			defer cancel()
			select {
			case <-d.first:
				settled <- nil
			case <-ctx.Done():
				settled <- context.Cause(ctx)
			}
		}()
		if err := l.Receive(waiting, &f); !errors.Is(err, context.Canceled) {
			t.Errorf("Receive: %v", err)
		}
		if err := <-settled; err != nil {
			t.Errorf("not committed: %v", err)
		}
	})
}

// A unit of work does not grow without end either (MAXUMSGS, 2024).
func TestManyFramesAreSettledInBetween(t *testing.T) {
	const most = 64
	committingLink(t, most+1, func(ctx context.Context, d *committing, l *mqlink.Link) {
		var f transfer.Frame
		for range most + 1 {
			if err := l.Receive(ctx, &f); err != nil {
				t.Fatal(err)
			}
		}
		if d.count.Load() == 0 {
			t.Errorf("%d frames were received and none is settled", most+1)
		}
	})
}

// A commit that was not made, because its context had ended, is still to be made.
func TestFramesWhoseCommitWasNotMadeAreSettledByTheNext(t *testing.T) {
	committingLink(t, 1, func(ctx context.Context, d *committing, l *mqlink.Link) {
		var f transfer.Frame
		if err := l.Receive(ctx, &f); err != nil {
			t.Fatal(err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if err := l.Commit(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("Commit: %v", err)
		}
		if err := l.Commit(ctx); err != nil || d.count.Load() != 1 {
			t.Errorf("the next: %v, %d commits", err, d.count.Load())
		}
	})
}
