package mqconn_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// What Config.Repeatable says of a unit of work that gets and puts: it needs no identity and no question, and each message
// is moved once, though connections break before commits, after them, and under gets and puts.
func TestMoveInOneUnitOfWorkHappensOnceWhateverBecomesOfTheCommit(t *testing.T) {
	const orders = 100
	qm := mqtest.New(t, mqtest.Options{MQSC: "DEFINE QLOCAL(ORDERS)\nDEFINE QLOCAL(SHIPPING)"})
	feed, err := qm.Dialer().Dial(t.Context(), mqconn.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	for i := range orders {
		if err := feed.Put(mqconn.Address{Queue: "ORDERS"}, &mqconn.Message{Body: fmt.Append(nil, i), Persistent: true}); err != nil {
			t.Fatal(err)
		}
	}
	qm.Inject(
		mqtest.Fault{Verb: mqconn.VerbCommit, Break: mqtest.BeforeWork, Chance: 0.1, Seed: 1, Times: -1},
		mqtest.Fault{Verb: mqconn.VerbCommit, Break: mqtest.AfterWork, Chance: 0.1, Seed: 2, Times: -1},
		mqtest.Fault{Queue: "ORDERS", Break: mqtest.AfterWork, Chance: 0.05, Seed: 3, Times: -1},
		mqtest.Fault{Queue: "SHIPPING", Break: mqtest.AfterWork, Chance: 0.05, Seed: 4, Times: -1},
	)
	connector, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer(), Repeatable: true, Min: time.Millisecond, Max: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	unknown := 0
	err = connector.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		if s.Unknown() != nil {
			unknown++
		}
		conn, err := s.Open(ctx, "orders", true)
		if err != nil {
			return err
		}
		for {
			var m mqconn.Message
			if err := conn.Get(ctx, "ORDERS", &m, mqconn.GetOptions{}); err != nil {
				if errors.Is(err, mqconn.ErrNoMessage) {
					return nil
				}
				return err
			}
			if err := conn.Put(ctx, mqconn.Address{Queue: "SHIPPING"}, &m); err != nil {
				return err
			}
			if err := conn.Commit(ctx); err != nil {
				return err
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if struck := qm.Struck(); struck[mqtest.FaultCommitLost] == 0 || struck[mqtest.FaultCommitUnanswered] == 0 || unknown == 0 {
		t.Fatalf("nothing was proven: %v, %d sessions were told of an unknown outcome", struck, unknown)
	}
	qm.Clear()
	moved := map[string]int{}
	var m mqconn.Message
	for err = feed.Get("SHIPPING", &m, mqconn.GetOptions{}); err == nil; err = feed.Get("SHIPPING", &m, mqconn.GetOptions{}) {
		moved[string(m.Body)]++
	}
	if !errors.Is(err, mqconn.ErrNoMessage) {
		t.Fatal(err)
	}
	for i := range orders {
		if n := moved[fmt.Sprint(i)]; n != 1 {
			t.Errorf("order %d was moved %d times", i, n)
		}
	}
}
