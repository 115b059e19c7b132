package mqconn_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// IT35878 once more, where it is worst: the queue manager lives, and so does the link of the connection that holds the lock;
// the Session ends because another of its connections is lost. What the instance believes that has noticed nothing can do
// nothing, neither before its function has returned nor from the next Session; and its successor does not wait for it.
func TestHolderThatLostAnotherConnectionCannotWorkAnyMoreIT35878(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: "DEFINE QLOCAL(LOCK)\nDEFINE QLOCAL(WORK)\nDEFINE QLOCAL(PULSE)"})
	work := func(ctx context.Context, conn *mqconn.Conn, what string) error {
		m := mqconn.Message{Body: []byte(what), Persistent: true}
		if err := conn.Put(ctx, mqconn.Address{Queue: "WORK"}, &m); err != nil {
			return err
		}
		return conn.Commit(ctx)
	}
	zombie := func(conn *mqconn.Conn, when string) {
		t.Helper()
		// The context is not that of the Session: only the Conn itself stands in the way.
		if err := work(context.Background(), conn, "zombie"); !errors.Is(err, mqconn.ErrSessionEnded) {
			t.Errorf("%s an old connection answered %v", when, err)
		}
	}
	c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer()})
	must(t, err)
	var old *mqconn.Conn
	must(t, c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		if s.Generation() == 2 {
			zombie(old, "in the next session")
			return nil
		}
		old, err = s.Open(ctx, "lock", true)
		must(t, err)
		must(t, old.Hold(ctx, "LOCK"))
		must(t, work(ctx, old, "first"))
		pulse, err := s.Open(ctx, "pulse", true)
		must(t, err)
		qm.Inject(mqtest.Fault{Verb: mqconn.VerbGet, Queue: "PULSE", Break: mqtest.BeforeWork})
		lost := pulse.Get(ctx, "PULSE", &mqconn.Message{}, mqconn.GetOptions{})
		zombie(old, "before the successor works")
		succeed(t, qm, work)
		zombie(old, "while its successor works")
		return lost
	}))
	if depth, err := qm.Depth("WORK"); err != nil || depth != 2 {
		t.Errorf("%d messages, want that of the holder and that of its successor: %v", depth, err)
	}
}

// succeed is the other instance: it holds the lock as soon as the first one's connection is closed, and works.
func succeed(t *testing.T, qm *mqtest.QueueManager, work func(context.Context, *mqconn.Conn, string) error) {
	t.Helper()
	c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer()})
	must(t, err)
	must(t, c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "lock", true)
		must(t, err)
		bounded, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := conn.Hold(bounded, "LOCK"); err != nil {
			return err
		}
		return work(ctx, conn, "second")
	}))
}
