package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/resource/sdnotify"
)

// run runs the agent until it is stopped, and ends the process.
func run(c ha.Config) {
	if os.Getenv("NOTIFY_SOCKET") != "" {
		end(underSystemd(c))
	}
	ha.Main(c)
}

// underSystemd runs the agent as a service of Type=notify; the unit file is resource/sdnotify/mqha-agent.service.
func underSystemd(c ha.Config) error {
	c.HardStop = func(err error) { end(err) } // the lock goes to a standby, because the process is gone
	a, err := ha.New(c)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return sdnotify.Run(ctx, a.Program(), sdnotify.Options{ReadyAtStart: true})
}
