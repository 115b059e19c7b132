package mqconn_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// These are the programs of RECONNECTING.md.

func exampleQueueManager(mqsc string) *mqtest.QueueManager {
	qm, err := mqtest.Start(mqtest.Options{MQSC: mqsc})
	if err != nil {
		panic(err)
	}
	return qm
}

// The queue manager may run at either of two endpoints. One answers that it is the standby, and the program is where the
// other one is.
func ExampleConfig_endpoints() {
	qm := exampleQueueManager("DEFINE QLOCAL(ORDERS)")
	defer qm.Close()
	c, err := mqconn.New(mqconn.Config{
		Dialer:    behind{qm, "nodeb(1414)"},
		Endpoints: []string{"nodea(1414)", "nodeb(1414)"},
		OnEvent: func(e mqconn.Event) {
			var failed *mqconn.Error
			if errors.As(e.Err, &failed) {
				fmt.Println(e.Code(), e.Endpoint, failed.Reason)
			} else {
				fmt.Println(e.Code(), e.Endpoint, e.Kind)
			}
		},
	})
	if err != nil {
		panic(err)
	}
	err = c.Run(context.Background(), func(ctx context.Context, s *mqconn.Session) error {
		_, err := s.Open(ctx, "orders", true)
		return err
	})
	fmt.Println(err)
	// Output:
	// MQCN0048W nodea(1414) 2543 MQRC_STANDBY_Q_MGR
	// MQCN0057I nodeb(1414) connected
	// <nil>
}

// behind is a queue manager at one of several endpoints; the others are standbys.
type behind struct {
	qm       *mqtest.QueueManager
	endpoint string
}

func (d behind) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	if o.Endpoint != d.endpoint {
		return nil, &mqconn.Fault{Verb: mqconn.VerbConnect, CompletionCode: 2, Reason: mqrc.StandbyQMgr}
	}
	return d.qm.Dialer().Dial(ctx, o)
}

// The answer of a commit is lost. Whether the order went out nobody can tell from here, so it is not sent again by
// accident: Run returns, the program asks whoever knows, and goes on.
func ExampleSession_Unknown() {
	qm := exampleQueueManager("DEFINE QLOCAL(ORDERS)")
	defer qm.Close()
	c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer()})
	if err != nil {
		panic(err)
	}
	qm.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Break: mqtest.AfterWork})
	sent := false // the session may be lost after the commit and before the function has returned: then it is called again
	send := func(ctx context.Context, s *mqconn.Session) error {
		if sent {
			return nil
		}
		if s.Unknown() != nil {
			depth, err := qm.Depth("ORDERS") // here the receiver would be asked
			if err != nil || depth > 0 {
				fmt.Println("the order has arrived, it is not sent again")
				return err
			}
			s.Resolved() // the order has not arrived: what comes now is a new attempt
		}
		conn, err := s.Open(ctx, "orders", true)
		if err != nil {
			return err
		}
		m := mqconn.Message{Body: []byte("order 1"), Persistent: true}
		if err := conn.Put(ctx, mqconn.Address{Queue: "ORDERS"}, &m); err != nil {
			return err
		}
		if err := conn.Commit(ctx); err != nil {
			return err
		}
		sent = true
		return nil
	}
	err = c.Run(context.Background(), send)
	var failed *mqconn.Error
	if errors.As(err, &failed) {
		fmt.Println(failed.Verb, failed.Reason, failed.Class)
	}
	fmt.Println(c.Run(context.Background(), send))
	// Output:
	// MQCMIT 2009 MQRC_CONNECTION_BROKEN outcome unknown
	// the order has arrived, it is not sent again
	// <nil>
}

// Two instances of a program, of which one at a time may work: the queue manager's exclusive open decides.
func ExampleConn_Hold() {
	qm := exampleQueueManager("DEFINE QLOCAL(INSTANCE.LOCK) DEFSOPT(EXCL) NOSHARE")
	defer qm.Close()
	instance := func(fn func(ctx context.Context, conn *mqconn.Conn) error) {
		c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer()})
		if err != nil {
			panic(err)
		}
		err = c.Run(context.Background(), func(ctx context.Context, s *mqconn.Session) error {
			conn, err := s.Open(ctx, "lock", true)
			if err != nil {
				return err
			}
			return fn(ctx, conn)
		})
		if err != nil {
			panic(err)
		}
	}
	instance(func(ctx context.Context, conn *mqconn.Conn) error {
		if err := conn.Hold(ctx, "INSTANCE.LOCK"); err != nil {
			return err
		}
		fmt.Println("the first instance works")
		instance(func(ctx context.Context, conn *mqconn.Conn) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			var failed *mqconn.Error
			if errors.As(conn.Hold(ctx, "INSTANCE.LOCK"), &failed) {
				fmt.Println("the second waits:", failed.Class)
			}
			return nil
		})
		return nil // the end of the Session gives the queue back
	})
	instance(func(ctx context.Context, conn *mqconn.Conn) error {
		defer fmt.Println("then the second works")
		return conn.Hold(ctx, "INSTANCE.LOCK")
	})
	// Output:
	// the first instance works
	// the second waits: in use
	// then the second works
}

// One message cannot be digested. It is tried three times, then it goes where somebody will look at it, and those behind
// it go on.
func ExamplePoison() {
	qm := exampleQueueManager("DEFINE QLOCAL(ORDERS)\nDEFINE QLOCAL(ORDERS.POISON)")
	defer qm.Close()
	poison, err := mqconn.NewPoison(mqconn.PoisonOptions{Queue: mqconn.Address{Queue: "ORDERS.POISON"}, Threshold: 3})
	if err != nil {
		panic(err)
	}
	defer poison.Close()
	c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer()})
	if err != nil {
		panic(err)
	}
	err = c.Run(context.Background(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "orders", true)
		if err != nil {
			return err
		}
		for _, body := range []string{"no order at all", "order 1"} {
			m := mqconn.Message{Body: []byte(body), Persistent: true}
			if err := conn.Put(ctx, mqconn.Address{Queue: "ORDERS"}, &m); err != nil {
				return err
			}
		}
		if err := conn.Commit(ctx); err != nil {
			return err
		}
		for {
			var m mqconn.Message
			if err := poison.Get(ctx, conn, "ORDERS", &m, mqconn.GetOptions{}); errors.Is(err, mqconn.ErrNoMessage) {
				return nil
			} else if err != nil {
				return err
			}
			fmt.Printf("got %s\n", m.Body)
			end := conn.Commit
			if string(m.Body) != "order 1" {
				end = conn.Backout
			}
			if err := end(ctx); err != nil {
				return err
			}
		}
	})
	depth, _ := qm.Depth("ORDERS.POISON")
	fmt.Println(err, depth)
	// Output:
	// got no order at all
	// got no order at all
	// got no order at all
	// got order 1
	// <nil> 1
}
