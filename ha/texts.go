package ha

import (
	"errors"
	"fmt"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/transfer"
)

// The sentences of events. They carry the facts of the FTE messages named at the codes; their wording
// may change, the codes do not.

// onLockEvent reports who holds the lock while this instance waits, and everything else as it is.
func (r *run) onLockEvent(ev lockfile.Event) {
	if ev.Kind == lockfile.Waiting {
		r.a.say(CodeStandby, fmt.Sprintf("agent %s stands by: %s is held by %s", r.a.config.Name, r.a.config.LockFile, holder(ev.Owner)), ev)
		return
	}
	text := fmt.Sprintf("lock %s: %v", r.a.config.LockFile, ev.Kind)
	if ev.Kind == lockfile.Overwritten {
		text += " by " + holder(ev.Owner)
	}
	if ev.Err != nil {
		text += ": " + ev.Err.Error()
	}
	r.a.say(CodeLock, text, ev)
}

func holder(o lockfile.Record) string {
	if o.Instance == "" {
		return "an instance that has not written its name yet"
	}
	return fmt.Sprintf("instance %s on host %s (process %d, epoch %d) since %s", o.Instance, o.Host, o.PID, o.Epoch, o.Since.Format(time.RFC3339))
}

func connectionText(ev mqconn.Event) string {
	at := ""
	if ev.Endpoint != "" { // bindings have none
		at = " at " + ev.Endpoint
	}
	switch ev.Kind {
	case mqconn.Connected:
		return fmt.Sprintf("connected to queue manager %s%s (attempt %d)", ev.QueueManager, at, ev.Attempt)
	case mqconn.DialFailed:
		text := fmt.Sprintf("no connection to the queue manager%s: %v", at, ev.Err)
		if ev.NextTry > 0 {
			text += fmt.Sprintf("; next try in %v", ev.NextTry)
		}
		return text
	case mqconn.QueueHeld:
		return fmt.Sprintf("queue %s%s is held by another connection", ev.Queue, at)
	case mqconn.PoisonMoved:
		return fmt.Sprintf("a message of queue %s failed %d times and was moved to %s", ev.Queue, ev.Attempt, ev.To)
	default:
		return fmt.Sprintf("%v%s: %v", ev.Kind, at, ev.Err)
	}
}

func transferText(ev transfer.Event) string {
	if ev.Kind == transfer.EventFinalised {
		return ev.Reason
	}
	direction := "from"
	if ev.Sending {
		direction = "to"
	}
	text := fmt.Sprintf("transfer %v %s %s %s: %d of %d bytes durable", ev.Transfer, direction, ev.Peer, ev.Kind, ev.Durable, ev.Bytes)
	if ev.File != "" {
		text += ", file " + ev.File
	}
	if ev.Reason != "" {
		text += ": " + ev.Reason
	}
	return text
}

func (a *Agent) onResourceEvent(ev resource.Event) { a.say(CodeResource, resourceText(ev), ev) }

func resourceText(ev resource.Event) string {
	text := fmt.Sprintf("resource %s: %v", ev.Resource, ev.To)
	if ev.From != ev.To {
		text += fmt.Sprintf(" after %v", ev.From)
	}
	if ev.Progress != "" {
		text += ": " + ev.Progress
	}
	if ev.Err != nil {
		text += ": " + ev.Err.Error()
	}
	return text
}

func (a *Agent) readyText(queueManager string) string {
	return fmt.Sprintf("agent %s stands by, connected to queue manager %s", a.config.Name, queueManager)
}

func (a *Agent) notReadyText(err error) string {
	return fmt.Sprintf("agent %s stands by, its connection is lost: %v", a.config.Name, err)
}

func (a *Agent) refusedText(err error) string {
	return fmt.Sprintf("agent %s stands by, and is refused by its queue manager: %v", a.config.Name, err)
}

func (a *Agent) electedText() string {
	return fmt.Sprintf("agent %s, instance %s, is elected with epoch %d", a.config.Name, a.instance, a.epoch.Load())
}

func (a *Agent) activeText(queueManager string, generation uint64) string {
	return fmt.Sprintf("agent %s is active on queue manager %s: its lease is proven and its queues are held (epoch %d, connection %d)",
		a.config.Name, queueManager, a.epoch.Load(), generation)
}

func (a *Agent) disconnectedText(err error) string {
	return fmt.Sprintf("agent %s lost its connection, work stops until the next one: %v", a.config.Name, err)
}

func (a *Agent) leaseLostText(err error) string {
	return fmt.Sprintf("agent %s lost its lease and disconnects: %v", a.config.Name, err)
}

func (a *Agent) steppingDownText(err error) string {
	if err == nil {
		return fmt.Sprintf("agent %s stops as asked", a.config.Name)
	}
	return fmt.Sprintf("agent %s cannot go on here: %v", a.config.Name, err)
}

func (a *Agent) drainedText(err error) string {
	if err == nil {
		return fmt.Sprintf("agent %s has brought its transfers to a checkpoint", a.config.Name)
	}
	return fmt.Sprintf("agent %s suspends its transfers at their last checkpoint: %v", a.config.Name, err)
}

func (a *Agent) standsBackText(period time.Duration, err error) string {
	until := fmt.Sprintf("for %v", period)
	switch {
	case period < 0:
		until = "until another instance has been active"
	case errors.Is(err, resource.ErrFailover), errors.Is(err, ErrYield):
		until += ", or until another instance has been active"
	}
	return fmt.Sprintf("agent %s does not campaign %s, because of: %v", a.config.Name, until, err)
}

func (a *Agent) stoppedText(err error) string {
	if err == nil {
		return fmt.Sprintf("agent %s has stopped", a.config.Name)
	}
	return fmt.Sprintf("agent %s has ended: %v", a.config.Name, err)
}
