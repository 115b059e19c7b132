package mqconn_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// A program that moves orders on, one unit of work each, and goes on by itself when the queue manager
// was away. It may be called again whatever has become of a commit: the get and the put are one unit of work,
// so an order that has been moved on is not there to be got again.
func Example() {
	qm, err := mqtest.Start(mqtest.Options{MQSC: "DEFINE QLOCAL(ORDERS)\nDEFINE QLOCAL(SHIPPING)"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer qm.Close()

	connector, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer(), Repeatable: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	errShipped := errors.New("all shipped")
	err = connector.Run(context.Background(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "orders", true)
		if err != nil {
			return err // the session has ended: Run connects again and calls this function again
		}
		if s.Generation() == 1 {
			first := &mqconn.Message{Body: []byte("order 1"), Persistent: true}
			if err := conn.Put(ctx, mqconn.Address{Queue: "ORDERS"}, first); err != nil {
				return err
			}
			if err := conn.Commit(ctx); err != nil {
				return err
			}
			qm.Cut() // the link breaks
		}
		var m mqconn.Message
		if err := conn.Get(ctx, "ORDERS", &m, mqconn.GetOptions{Wait: -1}); err != nil {
			var e *mqconn.Error
			if errors.As(err, &e) {
				fmt.Println("generation", s.Generation(), "ends:", e.Reason)
			}
			return err
		}
		if err := conn.Put(ctx, mqconn.Address{Queue: "SHIPPING"}, &m); err != nil {
			return err
		}
		if err := conn.Commit(ctx); err != nil {
			return err
		}
		fmt.Printf("generation %d ships %s\n", s.Generation(), m.Body)
		return errShipped
	})
	fmt.Println(err)
	// Output:
	// generation 1 ends: 2009 MQRC_CONNECTION_BROKEN
	// generation 2 ships order 1
	// all shipped
}
