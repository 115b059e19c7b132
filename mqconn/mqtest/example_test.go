package mqtest_test

import (
	"context"
	"fmt"

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
