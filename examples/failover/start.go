package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/transfer"
)

// How long a process may take to stop in order, at the end and when the demo is given up.
const (
	stopLimit   = 30 * time.Second
	giveUpLimit = 5 * time.Second
)

func (d *demo) sourceSettings(instance string) agentSettings {
	s := agentSettings{
		name: sourceAgent, stateDir: d.path("source-state"), endpoint: d.endpoint,
		readTree: d.source, readBig: d.path("big"), rate: d.rate,
	}
	if instance != "" {
		s.frames = d.path(instance + ".frames")
	}
	return s
}

func (d *demo) destinationSettings() agentSettings {
	return agentSettings{
		name: destinationAgent, stateDir: d.path("destination-state"), endpoint: d.endpoint, write: d.path("delivered"),
	}
}

func (d *demo) start(name, role string, args []string) (*child, error) {
	c, err := startChild(name, func(line []byte) { d.watch.line(name, line) }, d.watch.fail, role, args...)
	if err == nil {
		d.show.say("started %s (process %d)", name, c.cmd.Process.Pid)
	}
	return c, err
}

// startAll starts every process and waits until one source agent is active and the other stands by.
func (d *demo) startAll(ctx context.Context) error {
	if err := d.startQueueManager(ctx, "127.0.0.1:0"); err != nil {
		return err
	}
	if err := d.startDestination(); err != nil {
		return err
	}
	for _, name := range []string{"source agent 1", "source agent 2"} {
		settings := d.sourceSettings(name)
		c, err := d.start(name, roleAgent, settings.arguments())
		if err != nil {
			return err
		}
		d.sources = append(d.sources, c)
		d.frames[name] = settings.frames
		// The second one starts when the first is active, so that it is the one to stand by.
		err = d.watch.await(ctx, name+" to be up", recoveryLimit, func() bool {
			_, active := d.watch.activeSince(time.Time{}, name)
			return active || d.watch.standing[name] && len(d.sources) > 1
		})
		if err != nil {
			return err
		}
	}
	return d.watch.await(ctx, "the destination agent to be active", recoveryLimit, func() bool {
		_, active := d.watch.activeSince(time.Time{}, d.destination.name)
		return active
	})
}

// startQueueManager starts it at address; the first time the system chooses the port.
func (d *demo) startQueueManager(ctx context.Context, address string) error {
	settings := queueManagerSettings{listen: address, dir: d.path("queue-manager"), script: d.path("definitions.mqsc")}
	begin := time.Now()
	c, err := d.start("queue manager "+queueManager, roleQueueManager, settings.arguments())
	if err != nil {
		return err
	}
	d.queueManager = c
	return d.watch.await(ctx, "the queue manager to listen", recoveryLimit, func() bool {
		d.endpoint, d.listeningAt = d.watch.listening.who, d.watch.listening.at
		return d.listeningAt.After(begin)
	})
}

func (d *demo) startDestination() (err error) {
	settings := d.destinationSettings()
	d.destination, err = d.start("destination agent", roleAgent, settings.arguments())
	return err
}

// stopAll ends the processes in order: agents first, because without a queue manager they could not
// stop in order.
func (d *demo) stopAll(within time.Duration) error {
	var all []error
	for _, c := range append(d.sources, d.destination, d.queueManager) {
		if c != nil {
			all = append(all, c.stop(within))
		}
	}
	d.sources, d.destination, d.queueManager = nil, nil, nil
	return errors.Join(all...)
}

// tell shows those events of the children that a person wants to see.
func (d *demo) tell(who string, e event) {
	if t := e.Transfer; t != nil {
		switch {
		case !t.Sending:
		case t.Kind == transfer.EventProgress:
			d.show.progress(t.Durable, t.Bytes)
		case t.Kind == transfer.EventFailed:
			d.show.say("%s: %s not sent: %s", who, t.File, t.Reason)
		}
		return
	}
	switch ha.Code(e.Code) {
	case ha.CodeStandby, ha.CodeActive, ha.CodeDisconnected, ha.CodeLeaseLost, ha.CodeFailover, ha.CodeOverrun, ha.CodeStandsBack:
		d.show.say("%s: %s", who, e.Text)
	}
	if e.Listening != "" {
		d.show.say("%s listens at %s", who, e.Listening)
	}
	if e.Dropped > 0 {
		d.show.say("%s", fmt.Sprintf("%s: %d events lost", who, e.Dropped))
	}
}
