// Command qmgr runs a queue manager of package mqtest as a process, for tests and for trying things
// out. It writes "listening ADDRESS" to standard output and ends when its standard input is
// closed, so that it never outlives the program that started it, or on SIGTERM or SIGINT.
//
//	qmgr -name QM1 -listen 127.0.0.1:1414 -dir /var/tmp/qm1 -mqsc agent.mqsc
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
