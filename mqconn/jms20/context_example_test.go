//go:build ibmmq && cgo

package jms20_test

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/jms20"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// moveOne is the message code of a program that was written for mq-golang-jms20 and knows nothing of
// mqconn: an order comes in, and goes on to shipping.
func moveOne(c jms20subset.JMSContext) error {
	orders, ex := c.CreateConsumer(c.CreateQueue("ORDERS"))
	if ex != nil {
		return ex
	}
	defer orders.Close()
	order, ex := orders.ReceiveStringBody(0) // waits without end
	if ex != nil {
		return ex
	}
	m := c.CreateTextMessageWithString(*order)
	if ex := m.SetStringProperty("from", order); ex != nil {
		return ex
	}
	if ex := c.CreateProducer().Send(c.CreateQueue("SHIPPING"), m); ex != nil {
		return ex
	}
	if ex := c.Commit(); ex != nil {
		return ex
	}
	fmt.Println("moved", *order)
	return nil
}

// Message code that is written for mq-golang-jms20 goes on, in the next session, after the queue manager
// was away.
func ExampleContext() {
	qm, err := mqtest.Start(mqtest.Options{MQSC: `
		DEFINE QLOCAL(ORDERS)
		DEFINE QLOCAL(SHIPPING)
		DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) HBINT(5)`})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer qm.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = qm.Serve(listener)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	dialer, err := jms20.New(jms20.Options{QueueManager: "QM1", Channel: mqtest.DefaultChannel})
	if err != nil {
		fmt.Println(err)
		return
	}
	connector, err := mqconn.New(mqconn.Config{Dialer: dialer, Repeatable: true, Endpoints: []string{listener.Addr().String()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = connector.Run(context.Background(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "orders", true)
		if err != nil {
			return err
		}
		c, err := jms20.Context(ctx, conn)
		if err != nil {
			return err
		}
		if s.Generation() == 1 {
			if ex := c.CreateProducer().SendString(c.CreateQueue("ORDERS"), "order 1"); ex != nil {
				return ex
			}
			if ex := c.Commit(); ex != nil {
				return ex
			}
			qm.Cut() // the link breaks
		}
		err = moveOne(c)
		var e *mqconn.Error
		if errors.As(err, &e) {
			fmt.Println("generation", s.Generation(), "ends:", e.Class)
		}
		return err
	})
	fmt.Println(err)
	// Output:
	// generation 1 ends: retry
	// moved order 1
	// <nil>
}
