package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/transfer"
)

// stopLimit is how long a process may take to stop in order.
const stopLimit = 30 * time.Second

func (d *demo) sourceSettings(instance string) agentSettings {
	s := agentSettings{
		Name: sourceAgent, StateDir: d.path("source-state"), Endpoint: d.endpoint, Through: d.options.through,
		ReadTree: d.source, ReadBig: d.path("big"), Rate: d.rate,
	}
	if instance != "" {
		s.Frames = d.path(instance + ".frames")
	}
	return s
}

func (d *demo) destinationSettings() agentSettings {
	return agentSettings{
		Name: destinationAgent, StateDir: d.path("destination-state"), Endpoint: d.endpoint, Through: d.options.through,
		Write: d.path("delivered"),
	}
}

func (d *demo) startAgent(name, program string, s agentSettings) (*child, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return d.start(name, func(line []byte) { d.watch.agentLine(name, line) }, program, roleAgent, []string{string(text)})
}

func (d *demo) start(name string, handle func([]byte), program, role string, args []string) (*child, error) {
	c, err := startChild(name, handle, d.watch.fail, program, role, args...)
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
	if err := d.startFormerDestination(ctx); err != nil {
		return err
	}
	if err := d.startDestination(); err != nil {
		return err
	}
	earlier := d.options.earlier // the first one: its successor is of this release
	for _, name := range []string{"source agent 1", "source agent 2"} {
		settings := d.sourceSettings(name)
		c, err := d.startAgent(name, earlier, settings)
		earlier = ""
		if err != nil {
			return err
		}
		d.sources = append(d.sources, c)
		d.frames[name] = settings.Frames
		// The second one starts when the first is active, so that it is the one to stand by.
		err = d.watch.await(ctx, name+" to be up", recoveryLimit, func() bool {
			_, active := d.watch.activeSince(time.Time{}, name)
			return active || d.watch.standing[name] && len(d.sources) > 1
		})
		if err != nil {
			return err
		}
	}
	return d.isActive(ctx, d.destination)
}

func (d *demo) isActive(ctx context.Context, c *child) error {
	return d.watch.await(ctx, c.name+" to be active", recoveryLimit, func() bool {
		_, active := d.watch.activeSince(time.Time{}, c.name)
		return active
	})
}

// startFormerDestination has the earlier release begin the journals of the destination agent, and stops it.
func (d *demo) startFormerDestination(ctx context.Context) error {
	if d.options.earlier == "" {
		return nil
	}
	c, err := d.startAgent("former destination agent", d.options.earlier, d.destinationSettings())
	if err != nil {
		return err
	}
	defer c.kill()
	if err := d.isActive(ctx, c); err != nil {
		return err
	}
	return c.stop(stopLimit)
}

// startQueueManager starts it at address; the first time the system chooses the port.
func (d *demo) startQueueManager(ctx context.Context, address string) error {
	begin := time.Now()
	c, err := d.start("queue manager "+queueManager, d.watch.queueManagerLine, "", roleQueueManager, []string{
		"-name=" + queueManager, "-listen=" + address, "-admin=127.0.0.1:0", "-dir=" + d.path("queue-manager"), "-mqsc=" + d.path(definitionsFile),
	})
	if err != nil {
		return err
	}
	d.queueManager = c
	err = d.watch.await(ctx, "the queue manager to listen", recoveryLimit, func() bool {
		d.endpoint, d.listeningAt, d.admin = d.watch.listening.who, d.watch.listening.at, d.watch.admin
		return d.listeningAt.After(begin)
	})
	if err == nil {
		d.show.say("%s listens at %s", c.name, d.endpoint)
	}
	return err
}

func (d *demo) startDestination() (err error) {
	program := ""
	if d.destination != nil { // the first one was of this release: it is rolled back
		program = d.options.earlier
	}
	d.destination, err = d.startAgent("destination agent", program, d.destinationSettings())
	return err
}

// stopAll ends the processes in order: the standby first, so that it does not take over, and the queue
// manager last, because without it agents could not stop in order.
func (d *demo) stopAll() error {
	active, standby := slices.Clone(d.sources[:1]), d.sources[1:]
	if d.options.sabotage != leaveAgent {
		active = append(active, d.destination)
	}
	return errors.Join(stopTogether(standby...), stopTogether(active...), stopTogether(d.queueManager))
}

func stopTogether(children ...*child) error {
	errs := make([]error, len(children))
	var wg sync.WaitGroup
	for i, c := range children {
		wg.Go(func() { errs[i] = c.stop(stopLimit) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// abandon ends whatever still runs, in no order.
func (d *demo) abandon() {
	for _, c := range append(slices.Clone(d.sources), d.destination, d.queueManager) {
		if c != nil {
			c.kill()
		}
	}
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
	if e.Dropped > 0 {
		d.show.say("%s: %d events lost", who, e.Dropped)
	}
}
