package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/mqha/mqha/examples/failover/outside"
	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
)

// checkAgents asks both agents whether the transfer is over. The source knows that from the
// destination's last word; the destination forgets the transfer when the source has confirmed that
// word, and then does not know it any more. Only what the source refused by
// name, such as symbolic links, may have failed.
func (d *demo) checkAgents(ctx context.Context, r *report, id transfer.ID) error {
	ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	s, err := status(ctx, d.mq(), sourceAgent, id)
	if err != nil {
		return err
	}
	if s.State != transfer.Completed {
		r.problem("agent %s says that the transfer is %s", sourceAgent, s.State)
	}
	for _, f := range s.Failures {
		if !isLink(d.source, f.Name) {
			r.problem("not sent: %s: %s", f.Name, f.Reason)
		}
	}
	s, err = status(ctx, d.mq(), destinationAgent, id)
	if err != nil && !errors.Is(err, transfer.ErrUnknown) {
		return err
	}
	if err == nil && s.State != transfer.Completed {
		r.problem("agent %s says that the transfer is %s", destinationAgent, s.State)
	}
	return nil
}

// isLink says whether name, as it would have been delivered, is a symbolic link in the source.
func isLink(source, name string) bool {
	rel, err := filepath.Rel(treeName, filepath.FromSlash(name))
	if err != nil {
		return false
	}
	info, err := os.Lstat(filepath.Join(source, rel))
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// checkQueues waits until no message is left on any queue, the dead-letter queue included.
func (d *demo) checkQueues(ctx context.Context, r *report) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		left, err := d.messagesLeft(ctx)
		if err != nil || len(left) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			r.Problems = append(r.Problems, left...)
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// localQueue finds the queues among the definitions.
var localQueue = regexp.MustCompile(`DEFINE QLOCAL\('([^']+)'\)`)

func (d *demo) messagesLeft(ctx context.Context) (left []string, err error) {
	definitions, err := os.ReadFile(d.path(definitionsFile))
	if err != nil {
		return nil, err
	}
	queues := localQueue.FindAllStringSubmatch(string(definitions), -1)
	if len(queues) == 0 {
		return nil, errors.New("no queue is defined")
	}
	for _, q := range queues {
		n, err := mqtest.TCP{QueueManager: queueManager}.Depth(ctx, d.endpoint, q[1])
		if err != nil {
			return nil, fmt.Errorf("depth of queue %s: %w", q[1], err)
		}
		if n != 0 {
			left = append(left, fmt.Sprintf("%d messages are left on queue %s", n, q[1]))
		}
	}
	return left, nil
}

// checkState looks at what the stopped agents leave behind: no part, and a lock that can be taken.
func (d *demo) checkState(r *report) {
	for _, dir := range []string{"source-state", "destination-state"} {
		err := filepath.WalkDir(d.path(dir), func(p string, e fs.DirEntry, err error) error {
			if err == nil && outside.IsPart(e.Name()) {
				r.problem("%s: a part that was left behind", p)
			}
			return err
		})
		if err != nil {
			r.problem("%v", err)
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
