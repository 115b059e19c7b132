package sdnotify

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mqha/mqha/resource"
)

// Options configure the host.
type Options struct {
	// ReadyAtStart says READY=1 when the Program begins and not when it is Ready: for one that may
	// stand by for weeks, while "systemctl start" should return. STATUS shows the difference.
	ReadyAtStart bool
	// OnError is told that systemd could not be told something, from a goroutine of the host's: the same
	// error once, until systemd has taken a message. Nil: nobody is.
	OnError func(error)
}

// Run runs p until it ends, and returns its error. When ctx ends it tells systemd that the service stops;
// signal.NotifyContext makes such a context of SIGTERM. A systemd that does not listen holds it up for 5 s
// after p has ended, no longer.
func Run(ctx context.Context, p resource.Program, o Options) error {
	return newHost(o, os.Getenv("NOTIFY_SOCKET"), sendLimit).run(ctx, p)
}

func (h *host) run(ctx context.Context, p resource.Program) error {
	if h.address == "" {
		return p.Run(ctx, h)
	}
	said, allSaid := context.WithCancel(context.Background())
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		h.deliver(said)
	}()
	if h.options.ReadyAtStart {
		h.tell("READY=1")
	}
	var helpers sync.WaitGroup
	helpers.Go(func() { h.announceStop(ctx) })
	if interval := watchdogInterval(); interval > 0 {
		helpers.Go(func() { h.watchdog(interval) })
	}
	err := p.Run(ctx, h)
	close(h.over)
	helpers.Wait()
	if err != nil {
		h.tell("STATUS=ended: " + oneLine(err.Error()))
	}
	allSaid()
	<-sent
	return err
}

// watchdogInterval is WatchdogSec if it is meant for this process.
func watchdogInterval() time.Duration {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 || usec > int64(1<<62)/1000 {
		return 0
	}
	return time.Duration(usec) * time.Microsecond
}

// oneLine: a line end would begin another assignment.
func oneLine(s string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(s) }
