package mqlink_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
	"github.com/mqha/mqha/transfer/mqlink"
)

var errKilled = errors.New("this frame has ended the process")

// deadly is a Link on which a control frame ends its receiver.
type deadly struct {
	transfer.Link
	attempts int
}

func (d *deadly) Receive(ctx context.Context, f *transfer.Frame) error {
	err := d.Link.Receive(ctx, f)
	if err == nil && f.Persistent {
		d.attempts = f.Attempts
		return errKilled
	}
	return err
}

// runOver runs an engine over queues until stop is called.
func runOver(t *testing.T, q *mqtest.QueueManager, agent string, e *transfer.Engine) (stop func()) {
	t.Helper()
	c, err := mqconn.New(mqconn.Config{Dialer: q.Dialer(), Endpoints: []string{"in process"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- c.Run(ctx, func(ctx context.Context, s *mqconn.Session) error {
			l, err := mqlink.New(ctx, s, agent)
			if err != nil {
				return err
			}
			return e.Run(ctx, l)
		})
	}()
	return func() { cancel(); <-done }
}

// TestFrameThatEndsItsReceiverAgainAndAgainIsPassedOver: the announcement of a transfer is got and its receiver ends, five
// times. What another agent has put behind it arrives, the operator is told, and the transfer itself completes, because
// its sender announces it again.
func TestFrameThatEndsItsReceiverAgainAndAgainIsPassedOver(t *testing.T) {
	q := mqtest.New(t, mqtest.Options{MQSC: definitions + "DEFINE QLOCAL(MQHA.C.IN) DEFSOPT(EXCL) NOSHARE REPLACE\n"})
	dropped := make(chan transfer.Event, 10)
	engines, ids := map[string]*transfer.Engine{}, map[string]transfer.ID{}
	for _, name := range []string{"A", "B", "C"} {
		state, files := t.TempDir(), t.TempDir()
		engines[name] = open(t, state, transfer.Options{Name: name, ReadRoots: []string{files}, WriteRoot: files, OnEvent: func(e transfer.Event) {
			if e.Kind == transfer.EventDropped {
				dropped <- e
			}
		}})
		if name == "B" {
			continue
		}
		source := filepath.Join(files, "file")
		if err := os.WriteFile(source, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := engines[name].Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: source, Destination: name}}})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = id
	}
	runs := map[string]func(){}
	for _, name := range []string{"A", "C"} {
		runs[name] = runOver(t, q, name, engines[name])
	}
	for attempt := range 5 {
		withSession(t, q, func(ctx context.Context, s *mqconn.Session) {
			l := &deadly{Link: link(t, ctx, s, "B")}
			if err := engines["B"].Run(ctx, l); !errors.Is(err, errKilled) || l.attempts != attempt {
				t.Fatalf("%v, attempts %d, want %d", err, l.attempts, attempt)
			}
		})
	}
	runs["B"] = runOver(t, q, "B", engines["B"])
	for name, id := range ids {
		s, err := engines[name].Wait(t.Context(), id)
		if err != nil || s.State != transfer.Completed || s.Failed > 0 {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	if e := <-dropped; !strings.Contains(e.Reason, "never settled") || e.Transfer != ids["A"] && e.Transfer != ids["C"] {
		t.Errorf("%+v", e)
	}
	for name, e := range engines {
		runs[name]()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
