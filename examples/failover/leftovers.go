package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mqha/mqha/examples/failover/outside"
	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/transfer"
)

// checkAgents asks both agents whether the transfer is over. Only what the source refused by name, such
// as symbolic links, may have failed.
func (d *demo) checkAgents(ctx context.Context, r *report, id transfer.ID) error {
	ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	for _, agent := range []string{sourceAgent, destinationAgent} {
		s, err := status(ctx, d.endpoint, agent, id)
		if err != nil {
			return err
		}
		if s.State != transfer.Completed {
			r.problem("agent %s says that the transfer is %s", agent, s.State)
		}
		for _, f := range s.Failures {
			if agent == sourceAgent && !isLink(d.source, f.Name) {
				r.problem("agent %s did not send %s: %s", agent, f.Name, f.Reason)
			}
		}
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
		found, err := d.depths(ctx)
		if err != nil {
			return err
		}
		var left []string
		for q, n := range found {
			if n != 0 {
				left = append(left, fmt.Sprintf("%d messages are left on queue %s", n, q))
			}
		}
		if len(left) == 0 && len(found) > 0 {
			return nil
		}
		if time.Now().After(deadline) || len(found) == 0 {
			slices.Sort(left)
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

func (d *demo) depths(ctx context.Context) (found map[string]int, err error) {
	d.watch.change(func() { d.watch.depths = nil })
	if err := d.queueManager.ask(askDepths); err != nil {
		return nil, err
	}
	err = d.watch.await(ctx, "the depths of the queues", recoveryLimit, func() bool {
		found = d.watch.depths
		return found != nil
	})
	return found, err
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
