package ha

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mqha/mqha/transfer"
)

// waits submits a transfer from SRC, whose instance is started with src, to DST, which is not there yet.
func (s *site) waits(t *testing.T) (src, dst Config, id transfer.ID) {
	t.Helper()
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "a.txt"), []byte("mq"), 0o644); err != nil {
		t.Fatal(err)
	}
	src, dst = s.config("SRC"), s.config("DST")
	src.Work, dst.Work = nil, nil
	src.Transfer.ReadRoots, dst.Transfer.WriteRoot = []string{from}, t.TempDir()
	return src, dst, transfer.NewID()
}

func (s *site) submit(t *testing.T, src Config, id transfer.ID) *Client {
	t.Helper()
	client := s.client("SRC")
	r := transfer.Request{ID: id, To: "DST", Items: []transfer.Item{{Source: src.Transfer.ReadRoots[0], Destination: "."}}}
	if _, err := client.Submit(within(t), r); err != nil {
		t.Fatal(err)
	}
	return client
}

// The agent is stopped, the queue manager cuts its connections, another instance takes over, and the receiver comes at last.
// Whoever watches sees the end, and each state on the way once.
func TestWatchFollowsATransferAcrossATakeover(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC", "DST")
	src, dst, id := s.waits(t)
	first := start(t, src)
	client := s.submit(t, src, id)
	began := make(chan struct{})
	var states []transfer.Status
	type end struct {
		status transfer.Status
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		last, err := client.Watch(within(t), id, func(now transfer.Status) {
			if len(states) == 0 {
				close(began)
			}
			states = append(states, now)
		})
		ended <- end{last, err}
	}()
	<-began
	if err := first.stop(); err != nil {
		t.Error(err)
	}
	second := start(t, src)
	s.qm.Cut()
	third := start(t, dst)
	e := <-ended
	if e.err != nil || e.status.State != transfer.Completed || e.status.Durable != 2 {
		t.Errorf("%+v, %v", e.status, e.err)
	}
	if first := states[0].State; first.Ended() {
		t.Errorf("the first state was %s", first)
	}
	if last := states[len(states)-1].State; last != transfer.Completed {
		t.Errorf("the last state was %s", last)
	}
	for i := range states[1:] {
		if states[i].State == states[i+1].State && states[i].Durable == states[i+1].Durable && states[i].Reason == states[i+1].Reason {
			t.Errorf("no news: %+v", states[i+1])
		}
	}
	if again, err := client.Watch(within(t), id, nil); err != nil || again.State != transfer.Completed {
		t.Errorf("watched when it was over: %+v, %v", again, err)
	}
	if err := errors.Join(second.stop(), third.stop()); err != nil {
		t.Error(err)
	}
}

// TestWatchThatEndsEarlyTellsWhatItHasSeen, and one that has seen nothing says that.
func TestWatchThatEndsEarlyTellsWhatItHasSeen(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC", "DST")
	src, _, id := s.waits(t)
	a := start(t, src)
	client := s.submit(t, src, id)
	ctx, cancel := context.WithCancel(within(t))
	status, err := client.Watch(ctx, id, func(transfer.Status) { cancel() })
	if !errors.Is(err, context.Canceled) || status.ID != id || status.State.Ended() {
		t.Errorf("cancelled: %+v, %v", status, err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	var seen bool
	status, err = client.Watch(ctx, id, func(transfer.Status) { seen = true })
	switch {
	case seen && (!errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNoAnswer) || status.ID != id):
		t.Errorf("its time ended: %+v, %v", status, err)
	case !seen && !errors.Is(err, ErrNoAnswer):
		t.Errorf("its time ended without an answer: %+v, %v", status, err)
	}
	if _, err := client.Watch(within(t), transfer.NewID(), nil); !errors.Is(err, transfer.ErrUnknown) {
		t.Errorf("unknown: %v", err)
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if status, err := client.Watch(ctx, id, nil); !errors.Is(err, ErrNoAnswer) || status.ID != (transfer.ID{}) {
		t.Errorf("nobody is there: %+v, %v", status, err)
	}
}
