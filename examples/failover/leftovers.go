package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mqha/mqha/examples/failover/outside"
	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/transfer"
)

// checkAgents asks both agents whether the transfer is over. The source knows that from the
// destination's last word; the destination forgets the transfer when the source has confirmed that
// word, and then does not know it any more. It returns what the source says.
func (d *demo) checkAgents(ctx context.Context, r *report, id transfer.ID) (transfer.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	sent, err := status(ctx, d.mq(), sourceAgent, id)
	if err := r.judgeAgent(sourceAgent, sent, err, false); err != nil {
		return sent, err
	}
	received, err := status(ctx, d.mq(), destinationAgent, id)
	return sent, r.judgeAgent(destinationAgent, received, err, true)
}

// judgeAgent looks at the answer of an agent. The error is for no answer.
func (r *report) judgeAgent(agent string, s transfer.Status, err error, mayForget bool) error {
	switch {
	case errors.Is(err, transfer.ErrUnknown) && mayForget:
	case errors.Is(err, transfer.ErrUnknown):
		r.problem("agent %s does not know the transfer", agent)
	case err != nil:
		return err
	case s.State != transfer.Completed:
		r.problem("agent %s says that the transfer is %s", agent, s.State)
	}
	return nil
}

// judgeRefusals compares what the source agent refused by name with what there was to refuse: the
// symbolic links, and nothing else. An agent lists at most 100 of them, and counts all.
func (r *report) judgeRefusals(sent transfer.Status, links []string) {
	refused := make(map[string]bool)
	for _, f := range sent.Failures {
		refused[f.Name] = true
		if !slices.Contains(links, f.Name) {
			r.problem("not sent: %s: %s", f.Name, f.Reason)
		}
	}
	if sent.Failed != len(links) {
		r.problem("the source agent refused %d names, the source has %d links", sent.Failed, len(links))
	}
	if len(refused) < min(len(links), 100) {
		for _, l := range links {
			if !refused[l] {
				r.problem("%s: a link that was not refused by name", l)
			}
		}
	}
}

// settleLimit is how long the last messages may take to be taken off their queues.
const settleLimit = time.Minute

// checkQueues waits until no message is left on any queue. A dead letter does not go away by itself.
func (d *demo) checkQueues(ctx context.Context, r *report, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		left, err := d.messagesLeft(ctx)
		if err != nil || len(left) == 0 {
			return err
		}
		if left[deadLetterQueue] > 0 || !time.Now().Before(deadline) {
			for queue, n := range left {
				r.problem("%d messages are left on queue %s", n, queue)
			}
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// checkState looks at what the stopped agents leave behind: journals with nothing left to do, and a lock
// that can be taken.
func (d *demo) checkState(r *report) {
	for _, dir := range []string{"source-state", "destination-state"} {
		unsettled, err := outside.Unsettled(d.path(dir, journals))
		if err != nil {
			r.problem("%v", err)
		}
		for _, u := range unsettled {
			r.problem("%s: %s", dir, u)
		}
		lease, err := lockfile.TryAcquire(d.path(dir, "agent.lck"), lockfile.Options{})
		if err != nil {
			r.problem("the lock of a stopped agent: %v", err)
			continue
		}
		if err := lease.Release(context.Background()); err != nil {
			r.problem("the lock of a stopped agent: %v", err)
		}
	}
}
