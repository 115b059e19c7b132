package ha

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mqha/mqha/internal/core/agent"
	"github.com/mqha/mqha/mqconn"
)

// submitLimit bounds a submit: no unit of work may stay open for long, because it pins the queue
// manager's log.
const submitLimit = 5 * time.Second

// submitTries is how often a command that cannot be made durable is tried before it is refused: it
// must not keep the commands behind it waiting for ever.
const submitTries = 3

// desk answers commands in one generation. Its unit of work is one command: the effect becomes durable,
// then the answer is sent, then the command leaves its queue. A crash between any two of them only
// repeats, and commands may come twice.
type desk struct {
	run       *run
	responder responder
	queue     string
	commands  *mqconn.Conn // transacted, holds the queue
	replies   *mqconn.Conn // not transacted
	last      mqconn.ID    // the command that was backed out
	tries     int
}

func (r *run) runCommands() {
	c := &r.a.config
	d := &desk{run: r, queue: CommandQueue(c.Name), commands: r.commands, replies: r.replies,
		responder: responder{agent: c.Name, instance: r.a.instance, epoch: r.epoch, lockFile: c.LockFile}}
	if r.engine != nil {
		d.responder.engine = r.engine
	}
	r.part(agent.Commands, r.generation.ctx, func(ctx context.Context) (func(), error) {
		err := d.serve(ctx)
		return nil, failure("commands", err)
	})
}

// serve ends with ctx or with an error of the connection.
func (d *desk) serve(ctx context.Context) error {
	var m mqconn.Message
	for {
		if err := d.commands.Get(ctx, d.queue, &m, mqconn.GetOptions{Wait: -1}); err != nil {
			return err
		}
		if err := d.handle(ctx, &m); err != nil {
			return err
		}
	}
}

func (d *desk) handle(ctx context.Context, m *mqconn.Message) error {
	limited, cancel := context.WithTimeout(ctx, submitLimit)
	a, stop, err := d.responder.answer(limited, m.Body)
	cancel()
	switch {
	case err == nil:
	case goesDown(ctx, err):
		return err // the agent is on its way down; backed out with the connection, for the successor
	default:
		if d.tries++; m.ID != d.last {
			d.last, d.tries = m.ID, 1
		}
		if d.tries < submitTries {
			d.say("the command %s is tried again: %v", a.Command, err)
			return d.commands.Backout(ctx)
		}
		a = a.refuse(RefusedBusy, "not durable after %d tries: %v", d.tries, err)
	}
	if a.Refusal != "" {
		d.say("the command %s was refused: %s", a.Command, a.Text)
	}
	if err := d.reply(ctx, m, a); err != nil {
		return err
	}
	if err := d.commands.Commit(ctx); err != nil {
		return err
	}
	if stop != "" {
		d.run.a.stop(stop == Controlled)
	}
	return nil
}

// reply answers to a reply queue and nowhere else: whoever may send commands must not make the agent
// put messages to queues that only the agent may use. An answer that cannot be put concerns its
// client, not the agent; an error ends the session only if the connection did.
func (d *desk) reply(ctx context.Context, m *mqconn.Message, a reply) error {
	to := m.ReplyTo
	if to.Queue == "" {
		return nil
	}
	if !strings.HasPrefix(to.Queue, replyPrefix) {
		d.say("no answer to queue %s: its name does not begin with %s", to.Queue, replyPrefix)
		return nil
	}
	if info := d.replies.Info(); to.QueueManager == info.QueueManager || !info.RemoteQueueManager {
		to.QueueManager = "" // found by its name, as a remote queue if need be
	}
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("ha: the answer cannot be written: %w", err)
	}
	err = d.replies.Put(ctx, to, &mqconn.Message{CorrelationID: m.CorrelationID, Body: body, Expiry: replyExpiry})
	if err != nil && ctx.Err() == nil {
		d.say("the answer to a command could not be put: %v", err)
		return nil
	}
	return err
}

func (d *desk) say(text string, args ...any) {
	d.run.a.say(CodeCommand, "agent "+d.responder.agent+": "+fmt.Sprintf(text, args...), nil)
}
