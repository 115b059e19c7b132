//go:build ibmmq && cgo

// Command after ships orders wherever its queue manager is.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mqha/mqha/examples/adopt/orders"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/jms20"
)

func main() {
	dialer, err := jms20.New(jms20.Options{
		QueueManager: os.Getenv("MQ_QMGR"), Channel: os.Getenv("MQ_CHANNEL"),
		User: os.Getenv("MQ_USER"), Password: os.Getenv("MQ_PASSWORD"),
	})
	if err != nil {
		end(err)
	}
	connector, err := mqconn.New(mqconn.Config{
		Dialer:    dialer,
		Endpoints: strings.Split(os.Getenv("MQ_ENDPOINT"), ";"),
		// An order is got and shipped in one unit of work: if a commit took effect whose answer was lost, it is gone.
		Repeatable: true,
		OnEvent:    func(e mqconn.Event) { fmt.Println(e.Kind, e.Endpoint, e.Err) },
	})
	if err != nil {
		end(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err = connector.Run(ctx, func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "orders", true)
		if err != nil {
			return err
		}
		c, err := jms20.Context(ctx, conn)
		if err != nil {
			return err
		}
		return orders.Ship(c) // called again, with a new connection, whenever this one was lost
	})
	if ctx.Err() == nil {
		end(err)
	}
	fmt.Println("stopped as asked:", err) // what was under way is backed out, and comes again
}

func end(err error) {
	fmt.Fprintln(os.Stderr, "after:", err)
	os.Exit(1)
}
