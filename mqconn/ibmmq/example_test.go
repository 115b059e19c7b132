package ibmmq_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/ibmmq"
)

// A connection that follows the queue manager from one machine to another, and a message over it.
func ExampleNew() {
	dialer, err := ibmmq.New(ibmmq.Options{
		QueueManager: "QMA", Channel: "MQHA.SVRCONN", AppName: "statements",
		User: "app", Password: os.Getenv("APP_PASSWORD"),
		CipherSpec: "ANY_TLS12_OR_HIGHER", KeyRepository: "/etc/statements/key",
	})
	if err != nil {
		fmt.Println(err) // without -tags ibmmq: how to build
		return
	}
	connector, err := mqconn.New(mqconn.Config{
		Dialer:    dialer,
		Endpoints: []string{"qma1.example(1414)", "qma2.example(1414)"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = connector.Run(ctx, func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "out", true)
		if err != nil {
			return err
		}
		m := mqconn.Message{Body: []byte("statement 1"), Persistent: true}
		if err := conn.Put(ctx, mqconn.Address{Queue: "STATEMENTS"}, &m); err != nil {
			return err
		}
		return conn.Commit(ctx)
	})
	fmt.Println(err)
}
