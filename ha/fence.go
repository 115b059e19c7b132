package ha

import (
	"context"
	"errors"
	"fmt"

	"github.com/mqha/mqha/internal/core/agent"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/transfer/mqlink"
)

// holdInput is the first half of the fence on MQ: the connections that get and commit transfer frames
// hold the input queue exclusively. The lock alone is no proof to the queue manager, and an instance
// whose lock was lost may still be connected.
func (r *run) holdInput() {
	g, name := r.generation, r.a.config.Name
	r.part(agent.HoldInput, g.ctx, func(ctx context.Context) (func(), error) {
		var link *mqlink.Link
		err := r.fence(ctx, InputQueue(name), func(ctx context.Context) (err error) {
			link, err = mqlink.New(ctx, g.session, name)
			return err
		})
		return func() { r.link = link }, err
	})
}

// holdCommands is the second half: the connection that gets commands holds the command queue.
func (r *run) holdCommands() {
	g, queue := r.generation, CommandQueue(r.a.config.Name)
	r.part(agent.HoldCommands, g.ctx, func(ctx context.Context) (func(), error) {
		commands, err := g.session.Open(ctx, "cmd", true)
		if err != nil {
			return nil, err
		}
		if err := r.fence(ctx, queue, func(ctx context.Context) error { return commands.Hold(ctx, queue) }); err != nil {
			return nil, err
		}
		replies, err := g.session.Open(ctx, "reply", false)
		if err != nil {
			return nil, err
		}
		manager := commands.Info().QueueManager
		return func() { r.commands, r.replies, r.queueManager = commands, replies, manager }, nil
	})
}

// fence bounds hold by Config.FenceWait. Until then a queue in use (2042) may be held by the remains
// of our own last connection, or of a host that vanished.
func (r *run) fence(ctx context.Context, queue string, hold func(context.Context) error) error {
	wait := r.a.config.FenceWait
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := hold(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return &FenceError{Queue: queue, Waited: wait, Err: err}
	}
	return sayWhatIsMissing(err, queue)
}

// sayWhatIsMissing turns the reasons that a person mends in the queue manager into a sentence.
func sayWhatIsMissing(err error, queue string) error {
	var fault *mqconn.Error
	if !errors.As(err, &fault) {
		return err
	}
	if fault.Queue != "" {
		queue = fault.Queue
	}
	switch fault.Reason {
	case mqrc.UnknownObject:
		return &ConfigError{Text: fmt.Sprintf("there is no queue %s: run the definitions that Config.MQSC writes on the agent's queue manager", queue), Err: err}
	default:
		return err
	}
}
