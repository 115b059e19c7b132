// Command qmgr runs a queue manager of package mqtest as a process, for tests and for trying things
// out. It writes "listening ADDRESS" to standard output and ends when its standard input is
// closed, so that it never outlives the program that started it, or on SIGTERM or SIGINT.
//
//	qmgr -name QM1 -listen 127.0.0.1:1414 -dir /var/tmp/qm1 -mqsc agent.mqsc -admin 127.0.0.1:9414
//
// With -admin it has an operator's port for this machine, without password (mqtest.QueueManager.Admin):
//
//	curl http://127.0.0.1:9414/queues
//	curl -d '{"verb":"MQCMIT","break":"after-work"}' http://127.0.0.1:9414/faults
//	curl -X POST http://127.0.0.1:9414/strike/freeze
//	curl -X POST http://127.0.0.1:9414/restore
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/mqha/mqha/mqconn/mqtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := mqtest.RunProcess(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "qmgr:", err)
		os.Exit(1)
	}
}
