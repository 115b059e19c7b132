package mqtest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// A queue manager in this process, and a message that is put and got in units of work.
func Example() {
	qm, err := mqtest.Start(mqtest.Options{MQSC: "DEFINE QLOCAL(ORDERS) DEFSOPT(EXCL) NOSHARE"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer qm.Close()

	c, err := qm.Dialer().Dial(context.Background(), mqconn.DialOptions{Role: "example", Transacted: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	order := mqconn.Message{Body: []byte("two of them"), Persistent: true}
	fmt.Println("put:", c.Put(mqconn.Address{Queue: "ORDERS"}, &order))
	var m mqconn.Message
	fmt.Println("not committed:", c.Get("ORDERS", &m, mqconn.GetOptions{}))
	fmt.Println("commit:", c.Commit())
	fmt.Println("get:", c.Get("ORDERS", &m, mqconn.GetOptions{}))
	fmt.Printf("%s, backed out: %v\n", m.Body, c.Backout())
	fmt.Println("again:", c.Get("ORDERS", &m, mqconn.GetOptions{}))
	fmt.Printf("backout count %d\n", m.BackoutCount)
	// Output:
	// put: <nil>
	// not committed: mqconn: no message available
	// commit: <nil>
	// get: <nil>
	// two of them, backed out: <nil>
	// again: <nil>
	// backout count 1
}

// The worst that can happen to a commit: it was made, and nobody knows.
func ExampleQueueManager_Inject() {
	qm, err := mqtest.Start(mqtest.Options{MQSC: "DEFINE QLOCAL(ORDERS)"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer qm.Close()
	c, err := qm.Dialer().Dial(context.Background(), mqconn.DialOptions{Transacted: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = c.Put(mqconn.Address{Queue: "ORDERS"}, &mqconn.Message{Persistent: true})

	qm.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Break: mqtest.AfterWork})
	fmt.Println(c.Commit())
	fmt.Println(qm.Depth("ORDERS"))
	// Output:
	// MQCMIT: completion code 2, reason 2009 MQRC_CONNECTION_BROKEN
	// 1 <nil>
}

// A queue manager is killed under a program and started again on the same address. Its directory has the persistent
// messages; the program connects over TCP, through a channel that has to be defined.
func ExampleTCP() {
	dir, err := os.MkdirTemp("", "qm1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	serve := func(address string) (*mqtest.QueueManager, string) {
		qm, err := mqtest.Start(mqtest.Options{Dir: dir, MQSC: `
			DEFINE QLOCAL(ORDERS) REPLACE
			DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) REPLACE`})
		if err != nil {
			panic(err)
		}
		l, err := net.Listen("tcp", address)
		if err == nil {
			err = qm.Serve(l)
		}
		if err != nil {
			panic(err)
		}
		return qm, l.Addr().String()
	}
	qm, address := serve("127.0.0.1:0")
	defer func() { qm.Close() }() // the last one

	connector, err := mqconn.New(mqconn.Config{Dialer: mqtest.TCP{}, Endpoints: []string{address}, Repeatable: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = connector.Run(context.Background(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "orders", true)
		if err != nil {
			return err
		}
		if s.Generation() == 1 {
			order := mqconn.Message{Body: []byte("two of them"), Persistent: true}
			if err := conn.Put(ctx, mqconn.Address{Queue: "ORDERS"}, &order); err != nil {
				return err
			}
			if err := conn.Commit(ctx); err != nil {
				return err
			}
			qm.Kill()
			qm, _ = serve(address)
		}
		var m mqconn.Message
		if err := conn.Get(ctx, "ORDERS", &m, mqconn.GetOptions{Wait: -1}); err != nil {
			fmt.Println("generation", s.Generation(), "has lost its queue manager")
			return err
		}
		fmt.Printf("generation %d got %s\n", s.Generation(), m.Body)
		return conn.Commit(ctx)
	})
	fmt.Println(err)
	// Output:
	// generation 1 has lost its queue manager
	// generation 2 got two of them
	// <nil>
}

// Two queue managers joined by a channel, which is started by the first message for it. Seconds of SHORTTMR and the like
// last a millisecond here.
func Example_channel() {
	far, err := mqtest.Start(mqtest.Options{Name: "QM2", Second: time.Millisecond, MQSC: `
		DEFINE QLOCAL(ORDERS)
		DEFINE CHANNEL(QM1.TO.QM2) CHLTYPE(RCVR)`})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer far.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := far.Serve(l); err != nil {
		fmt.Println(err)
		return
	}
	near, err := mqtest.Start(mqtest.Options{Name: "QM1", Second: time.Millisecond, MQSC: fmt.Sprintf(`
		DEFINE QLOCAL(QM2) USAGE(XMITQ) TRIGGER
		DEFINE CHANNEL(QM1.TO.QM2) CHLTYPE(SDR) XMITQ(QM2) CONNAME('127.0.0.1(%d)') SHORTTMR(5)`,
		l.Addr().(*net.TCPAddr).Port)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer near.Close()

	ctx := context.Background()
	c, err := near.Dialer().Dial(ctx, mqconn.DialOptions{Role: "example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	order := mqconn.Message{Body: []byte("two of them"), Persistent: true}
	fmt.Println("put:", c.Put(mqconn.Address{QueueManager: "QM2", Queue: "ORDERS"}, &order))

	d, err := far.Dialer().Dial(ctx, mqconn.DialOptions{Role: "example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	var m mqconn.Message
	for err = mqconn.ErrNoMessage; errors.Is(err, mqconn.ErrNoMessage); {
		err = d.Get("ORDERS", &m, mqconn.GetOptions{Wait: mqconn.MaxSlice})
	}
	fmt.Printf("%s, %v, and the channel is %s\n", m.Body, err, near.Channel("QM1.TO.QM2").State)
	// Output:
	// put: <nil>
	// two of them, <nil>, and the channel is RUNNING
}
