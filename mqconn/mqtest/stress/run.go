package stress

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/loopback"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// limit is for a run that hangs.
const limit = 5 * time.Minute

// Run runs it, fails tb for whatever is wrong, and says what was done.
func Run(tb testing.TB, o Options) Result {
	tb.Helper()
	o = o.withDefaults()
	if o.Seed == 0 {
		o.Seed = seed(tb)
	}
	tb.Logf("seed %d (again with %s=%d)", o.Seed, seedVariable, o.Seed)
	ctx, cancel := context.WithTimeoutCause(tb.Context(), limit, errors.New("it takes too long"))
	defer cancel()
	r := &run{TB: tb, options: o, ledger: newLedger(), queueManager: startProcess(tb, tb.TempDir(), loopback.Any())}
	defer func() { r.queueManager.kill() }()

	put, get := r.start(ctx, cancel)
	kills := r.disturb(ctx)
	put.end()
	get.end()
	result := r.judge(ctx)
	result.Kills = kills
	tb.Logf("%+v", result)
	if result.Kills != o.Kills || result.Made < o.Forced || result.NotMade < o.Forced {
		tb.Errorf("asked for %d kills and %d lost answers of each kind", o.Kills, o.Forced)
	}
	if result.Backouts == 0 || result.Messages == 0 {
		tb.Error("nothing was done")
	}
	return result
}

// seedVariable repeats the plan of an earlier run.
const seedVariable = "MQHA_STRESS_SEED"

func seed(tb testing.TB) uint64 {
	tb.Helper()
	text := os.Getenv(seedVariable)
	if text == "" {
		return rand.Uint64()
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

type run struct {
	testing.TB
	options      Options
	ledger       *ledger
	queueManager *process
}

// crew are the producers, or the consumers.
type crew struct {
	stop chan struct{}
	wg   sync.WaitGroup
}

func (c *crew) end() {
	close(c.stop)
	c.wg.Wait()
}

// start starts all workers. The first error of one, which is not a lost session, ends the run.
func (r *run) start(ctx context.Context, cancel context.CancelFunc) (producers, consumers *crew) {
	producers, consumers = &crew{stop: make(chan struct{})}, &crew{stop: make(chan struct{})}
	credit := make(chan struct{}, enough)
	for range enough {
		credit <- struct{}{}
	}
	endpoint := r.queueManager.address
	for i := range r.workers() {
		w := &worker{
			number: i, ledger: r.ledger, random: rand.New(rand.NewPCG(r.options.Seed, uint64(i))), credit: credit, stop: producers.stop,
		}
		role, work, members := "producer", w.produce, producers
		if i >= r.options.Producers {
			role, work, members = "consumer", w.consume, consumers
			w.stop = consumers.stop
		}
		members.wg.Go(func() {
			if err := w.follow(ctx, r.options.Dialer, endpoint, role, work); err != nil {
				r.Error(err)
				cancel()
			}
		})
	}
	return producers, consumers
}

func (r *run) workers() int { return r.options.Producers + r.options.Consumers }

// disturb kills the queue manager and loses answers, in an order that the seed gives, one after the other:
// so that each commit of unknown outcome has one cause.
func (r *run) disturb(ctx context.Context) (kills int) {
	const kill ending = -1
	var plan []ending
	for range r.options.Kills {
		plan = append(plan, kill)
	}
	for range r.options.Forced {
		plan = append(plan, made, notMade)
	}
	random := rand.New(rand.NewPCG(r.options.Seed, 1<<32))
	random.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	err := r.ledger.awaitAll(ctx, mark{}, r.workers())
	for _, outcome := range plan {
		if err != nil {
			r.Error(err)
			return kills
		}
		if outcome != kill {
			before := r.ledger.mark()
			if err = r.queueManager.loseAnswer(outcome); err == nil {
				err = r.ledger.decide(ctx, before, outcome)
			}
			continue
		}
		r.queueManager.kill()
		kills++
		r.queueManager = startProcess(r, r.queueManager.dir, r.queueManager.address)
		err = r.ledger.awaitAll(ctx, r.ledger.mark(), r.workers())
	}
	if err != nil {
		r.Error(err)
	}
	return kills
}

// judge looks that the queue is empty, ends the queue manager, and lets the ledger speak.
func (r *run) judge(ctx context.Context) Result {
	left, err := mqtest.TCP{}.Depth(ctx, r.queueManager.address, queue)
	if err != nil || left != 0 {
		r.Errorf("%d messages are left, %v", left, err)
	}
	if err := r.queueManager.stop(); err != nil {
		r.Error(err)
	}
	result, problems := r.ledger.Judge()
	for i, problem := range problems {
		if i == 20 {
			r.Errorf("and %d more", len(problems)-i)
			break
		}
		r.Error(problem)
	}
	return result
}
