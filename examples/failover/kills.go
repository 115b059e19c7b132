package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// The processes that are killed.
const (
	theSource       = "source"
	theQueueManager = "queue manager"
	theDestination  = "destination"
)

// plannedKill is a SIGKILL to come.
type plannedKill struct {
	what    string
	percent float64 // of the bytes that are durable at the destination
}

// The kills lie between these, one in each third, and not close to each other, so that each one
// meets a transfer that has got over the one before. Progress comes in steps, from one checkpoint to
// the next: a kill may come a step later than planned, and not later than tooLate.
const (
	earliest = 15.0
	latest   = 70.0
	third    = (latest - earliest) / 3
	margin   = third / 5
	tooLate  = 85.0
)

// planKills draws order and places from seed.
func planKills(seed uint64) []plannedKill {
	random := rand.New(rand.NewPCG(seed, 0))
	kills := []plannedKill{{what: theSource}, {what: theQueueManager}, {what: theDestination}}
	random.Shuffle(len(kills), func(i, j int) { kills[i], kills[j] = kills[j], kills[i] })
	for i := range kills {
		kills[i].percent = earliest + float64(i)*third + margin + random.Float64()*(third-2*margin)
	}
	return kills
}

// kill is what became of a planned one.
type kill struct {
	what      string
	at        time.Time
	durable   int64         // bytes known to be durable at the destination
	finished  bool          // it met no running transfer
	takeover  time.Duration // to the next active instance with all its queues; queue manager: the source agent with all its queues again
	reconnect time.Duration // queue manager: from listening to the transfer going on
	epoch     uint64        // of the instance that is active afterwards; queue manager: of the source agent's
	successor string        // source: the process that took over
	resumed   resume
}

// recoveryLimit is how long anything may take to come back.
const recoveryLimit = time.Minute

// carryOut waits for the place, kills, mends what nobody else mends, and waits until the transfer runs
// again.
func (d *demo) carryOut(ctx context.Context, p plannedKill, last time.Time) (kill, error) {
	k := kill{what: p.what}
	place := fmt.Sprintf("%.0f %% to be durable", p.percent)
	err := d.watch.await(ctx, place, d.options.limit, func() bool {
		reached := d.watch.runsSince(last) && percent(d.watch.durable, d.total) >= p.percent
		return reached || !d.watch.completed.IsZero()
	})
	if err != nil {
		return k, err
	}
	switch p.what {
	case theSource:
		err = d.killSource(ctx, &k)
	case theQueueManager:
		err = d.killQueueManager(ctx, &k)
	default:
		err = d.killDestination(ctx, &k)
	}
	if err != nil || k.finished {
		return k, err
	}
	// Killed just before its end the transfer may have nothing left to resume.
	err = d.watch.await(ctx, "the transfer to go on", recoveryLimit, func() (ok bool) {
		k.resumed, ok = d.watch.resumedSince(k.at)
		k.finished = !ok && !d.watch.completed.IsZero()
		return ok || k.finished
	})
	if err != nil || k.finished {
		return k, err
	}
	if k.what == theQueueManager {
		k.reconnect = k.resumed.at.Sub(d.listeningAt)
		d.show.say("reconnected %d ms after the queue manager listened again", k.reconnect.Milliseconds())
	}
	d.show.say("resumed at %.1f %%", percent(k.resumed.offset, d.total))
	return k, nil
}

// end kills c and notes how far the transfer was. What c had told by then is known afterwards.
func (d *demo) end(k *kill, c *child) {
	k.at = time.Now()
	c.kill()
	d.watch.look(func() { k.durable, k.finished = d.watch.durable, !d.watch.completed.IsZero() })
	d.show.say("killed %s (process %d) at %.1f %%", c.name, c.cmd.Process.Pid, percent(k.durable, d.total))
}

// killSource kills the active instance; the other one has to take over.
func (d *demo) killSource(ctx context.Context, k *kill) error {
	active, standby := d.sources[0], d.sources[1]
	d.end(k, active)
	d.sources = d.sources[1:]
	k.successor = standby.name
	return d.awaitActive(ctx, k, standby)
}

func (d *demo) killDestination(ctx context.Context, k *kill) error {
	d.end(k, d.destination)
	if err := d.startDestination(); err != nil {
		return err
	}
	return d.awaitActive(ctx, k, d.destination)
}

func (d *demo) awaitActive(ctx context.Context, k *kill, c *child) error {
	var a activation
	err := d.watch.await(ctx, c.name+" to be active", recoveryLimit, func() (ok bool) {
		a, ok = d.watch.activeSince(k.at, c.name)
		return ok
	})
	k.takeover, k.epoch = a.at.Sub(k.at), a.epoch
	if err != nil {
		return err
	}
	what := "took over"
	if k.successor == "" {
		what = "is active again"
	}
	d.show.say("%s %s after %d ms with epoch %d", c.name, what, k.takeover.Milliseconds(), k.epoch)
	return nil
}

// killQueueManager starts it again at the same port after the outage.
func (d *demo) killQueueManager(ctx context.Context, k *kill) error {
	if err := d.countConnections(ctx); err != nil {
		return err
	}
	d.end(k, d.queueManager)
	select {
	case <-time.After(d.options.outage):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := d.startQueueManager(ctx, d.endpoint); err != nil {
		return err
	}
	return d.awaitActive(ctx, k, d.sources[0])
}
