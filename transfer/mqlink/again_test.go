package mqlink_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer/mqlink"
)

// interrupted ends a context while the first connection in a role is dialled.
type interrupted struct {
	mqconn.Dialer
	role string
	end  context.CancelFunc
}

func (d *interrupted) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	if o.Role == d.role && d.end != nil {
		d.end()
		d.end = nil
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return d.Dialer.Dial(ctx, o)
}

// TestNewThatFailedLeavesNothingBehind: the connections of each New that had failed stayed until the end of the session, and
// one of them kept the queue from the next New.
func TestNewThatFailedLeavesNothingBehind(t *testing.T) {
	q := mqtest.New(t, mqtest.Options{MQSC: definitions})
	d := &interrupted{Dialer: q.Dialer(), role: "out"}
	c, err := mqconn.New(mqconn.Config{Dialer: d, Endpoints: []string{"in process"}})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		first, cancel := context.WithCancel(ctx)
		defer cancel()
		d.end = cancel
		if _, err := mqlink.New(first, s, "A"); !errors.Is(err, context.Canceled) {
			t.Errorf("the first: %v", err)
		}
		if n := c.Status().Connections; n != 0 {
			t.Errorf("%d connections are left", n)
			return nil // New would wait for the queue without end
		}
		link(t, ctx, s, "A")
		if _, err := mqlink.New(first, s, "A"); err == nil || c.Status().Connections != 2 {
			t.Errorf("the third: %v, %d connections", err, c.Status().Connections)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
