package mqconn_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// The poison queue is inhibited. An operator is told which message is in the way and why, and again when it has been moved.
func TestOperatorIsToldOfAMessageThatCannotBeMoved(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: poisonMQSC + "\nALTER QLOCAL(IN.POISON) PUT(DISABLED)"})
	p := newPoison(t, mqconn.PoisonOptions{Queue: mqconn.Address{Queue: "IN.POISON"}, Threshold: 1})
	var told []mqconn.Event
	c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer(), OnEvent: func(e mqconn.Event) {
		if e.Kind == mqconn.PoisonFailed || e.Kind == mqconn.PoisonMoved {
			told = append(told, e)
		}
	}})
	must(t, err)
	var sent mqconn.Message
	must(t, c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "in", true)
		must(t, err)
		sent = mqconn.Message{Body: []byte("x"), Persistent: true}
		must(t, conn.Put(ctx, mqconn.Address{Queue: "IN"}, &sent))
		must(t, conn.Commit(ctx))
		var m mqconn.Message
		must(t, p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}))
		must(t, conn.Backout(ctx))
		var e *mqconn.Error
		if err := p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}); !errors.As(err, &e) || e.Reason != mqrc.PutInhibited || e.Queue != "IN.POISON" {
			t.Errorf("the caller got %v", err)
		}
		must(t, qm.MQSC("ALTER QLOCAL(IN.POISON) PUT(ENABLED)"))
		if err := p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}); !errors.Is(err, mqconn.ErrNoMessage) {
			t.Errorf("not moved: %v", err)
		}
		return nil
	}))
	if len(told) != 2 {
		t.Fatalf("told %d times: %v", len(told), told)
	}
	failed, moved := told[0], told[1]
	if failed.Code() != mqconn.CodePoisonFailed || failed.Queue != "IN" || failed.MessageID != sent.ID || failed.Err == nil {
		t.Errorf("of the failure: %v %+v", failed.Code(), failed)
	}
	if moved.Code() != mqconn.CodePoisonMoved || moved.Queue != "IN" || moved.To != "IN.POISON" || moved.MessageID != sent.ID || moved.Err != nil {
		t.Errorf("of the move: %v %+v", moved.Code(), moved)
	}
}
