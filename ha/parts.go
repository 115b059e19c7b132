package ha

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mqha/mqha/internal/core/agent"
	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/transfer"
)

// start starts a part. Each runs in a goroutine of its own, and what it needs of the fields of run is
// read here, in the loop's.
func (r *run) start(action agent.Action) {
	p := action.Part
	switch p {
	case agent.Before:
		r.resources(p, r.a.before)
	case agent.Group:
		r.resources(p, r.a.group)
	case agent.Campaign:
		r.elect()
	case agent.OpenEngine:
		r.openEngine()
	case agent.Connector:
		r.part(p, r.base, r.connect)
	case agent.Warm:
		held := r.held
		r.part(p, r.base, func(ctx context.Context) (func(), error) { return nil, r.warm(ctx, held) })
	case agent.Yield:
		vain := maps.Clone(r.vain)
		r.part(p, r.base, func(ctx context.Context) (func(), error) { return r.yield(ctx, vain) })
	case agent.Verify:
		r.verify()
	case agent.HoldInput:
		r.holdInput()
	case agent.HoldCommands:
		r.holdCommands()
	case agent.RunEngine:
		r.runEngine()
	case agent.Commands:
		r.runCommands()
	case agent.Work:
		r.work()
	case agent.Drain:
		r.drain()
	case agent.CloseEngine:
		engine := r.engine
		r.part(p, r.base, func(context.Context) (func(), error) { return func() { r.engine = nil }, engine.Close() })
	case agent.Release:
		r.release()
	case agent.StandBack:
		r.stayBack(action.Err)
	}
}

func (r *run) resources(p agent.Part, group *resource.Group) {
	r.part(p, r.base, func(ctx context.Context) (func(), error) {
		return nil, group.Run(ctx, func() { r.post(note{event: agent.Event{Kind: agent.Online, Part: p}}) })
	})
}

func (r *run) elect() {
	held := make(chan struct{})
	r.held = held
	standsBy := sync.OnceFunc(func() { close(held) })
	r.part(agent.Campaign, r.base, func(ctx context.Context) (func(), error) { return r.campaign(ctx, standsBy) })
}

// campaign waits for the disk and then for the lock, and calls standsBy when it finds that held.
func (r *run) campaign(ctx context.Context, standsBy func()) (func(), error) {
	c, missing := &r.a.config, ""
	for {
		if err := r.waitForDirectories(ctx, forEver, c.electionDirs()...); err != nil {
			return nil, err
		}
		said, withdraw := r.says.put()
		select {
		case <-said:
		case <-ctx.Done():
			withdraw()
			return nil, ctx.Err()
		}
		lease, err := lockfile.Acquire(ctx, c.LockFile, lockfile.Options{
			Instance: r.a.instance, EpochFloor: r.epochFloor, OnEvent: func(ev lockfile.Event) {
				r.onLockEvent(ev)
				if ev.Kind == lockfile.Waiting {
					standsBy()
				}
			},
		})
		withdraw()
		switch {
		case err == nil:
			return func() { r.keepLease(lease) }, nil
		case errors.Is(err, fs.ErrNotExist): // unmounted since, or what lies beside the lock is a link to nowhere
			if missing != err.Error() {
				missing = err.Error()
				r.a.say(CodeStandby, fmt.Sprintf("agent %s waits for its disk: %s", c.Name, missing), nil)
			}
			if err := sleep(ctx, time.Second); err != nil {
				return nil, err
			}
		case notWritable(err):
			return nil, &ConfigError{Text: "the lock file " + c.LockFile + " cannot be written", Err: err}
		case errors.Is(err, lockfile.ErrForeign), errors.Is(err, errors.ErrUnsupported):
			return nil, &ConfigError{Text: "Config.LockFile", Err: err}
		default:
			return nil, err
		}
	}
}

// notWritable says whether err is a matter of permissions rather than of a disk in trouble.
func notWritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EROFS)
}

// forEver is how long an instance without the lock waits for its disk.
const forEver = time.Duration(-1)

// waitForDirectories waits for what a disk that is not mounted yet lacks. It creates nothing: a
// directory made below an empty mount point would elect on the wrong disk. What is missing after limit, while this
// instance has the lock, may be there on another node.
func (r *run) waitForDirectories(ctx context.Context, limit time.Duration, dirs ...string) error {
	said, begun := "", time.Now()
	for {
		missing := ""
		for _, dir := range dirs {
			var info os.FileInfo
			var err error
			if !answers(ctx, func() { info, err = os.Stat(dir) }) {
				return ctx.Err()
			}
			switch {
			case err == nil && !info.IsDir():
				return &ConfigError{Text: dir + " is not a directory"}
			case err != nil && !errors.Is(err, fs.ErrNotExist):
				missing = err.Error()
			case err != nil:
				missing = "there is no directory " + dir
			}
		}
		if missing == "" {
			return nil
		}
		if missing != said {
			said = missing
			r.a.say(CodeStandby, fmt.Sprintf("agent %s waits for its disk: %s", r.a.config.Name, missing), nil)
		}
		if limit >= 0 && time.Since(begun) >= limit {
			return &resource.FailoverError{Resource: "disk", RetryAfter: r.a.standBack, Err: errors.New(missing)}
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// epochFloor makes one epoch of two counters: the names beside the lock, and the journals. A lock
// directory that was made anew must not begin below what the journals have seen.
func (r *run) epochFloor(context.Context) (uint64, error) {
	if !r.a.config.transfers() {
		return 0, nil
	}
	epoch, err := transfer.HighestEpoch(r.a.config.journalDir())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return epoch, err
}

// keepLease runs in the loop: from here on the end of the lease is watched until its release.
func (r *run) keepLease(lease *lockfile.Lease) {
	r.countVain(lease.Epoch())
	r.lease, r.epoch, r.released = lease, lease.Epoch(), make(chan struct{})
	released := r.released
	r.parts.Add(1)
	go func() {
		defer r.parts.Done()
		r.watchLease(lease, released)
	}()
}

// watchLease reports the end of lease, but not the end that the agent gives it: that one finds released
// closed before. With both channels ready a select alone takes either.
func (r *run) watchLease(lease *lockfile.Lease, released <-chan struct{}) {
	select {
	case <-lease.Done():
	case <-released:
	case <-r.over:
		return
	}
	select {
	case <-released:
	default:
		r.post(note{event: agent.Event{Kind: agent.LeaseLost, Err: lease.Err()}})
	}
}

func (r *run) release() {
	lease, released := r.lease, r.released
	r.part(agent.Release, r.base, func(ctx context.Context) (func(), error) {
		close(released)
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		err := lease.Release(ctx)
		if err != nil && !errors.Is(err, lockfile.ErrLost) {
			r.a.say(CodeLock, "the lock was not released in order: "+err.Error(), nil)
		}
		return func() { r.lease = nil; r.a.epoch.Store(0) }, nil
	})
}

// verify proves the lease by I/O. One heartbeat that fails is not the loss of the lease; only its
// deadline is. But nothing goes on before one is good.
func (r *run) verify() {
	lease := r.lease
	r.part(agent.Verify, r.generation.ctx, func(ctx context.Context) (func(), error) {
		for {
			err := lease.Verify(ctx)
			if lost := lease.Err(); lost != nil {
				return nil, lost
			}
			if err == nil || sleep(ctx, 200*time.Millisecond) != nil {
				return nil, err
			}
		}
	})
}

func (r *run) openEngine() {
	lease, c := r.lease, &r.a.config
	r.part(agent.OpenEngine, r.base, func(ctx context.Context) (func(), error) {
		if c.Transfer.WriteRoot != "" {
			if err := r.waitForDirectories(ctx, r.a.diskWait, c.Transfer.WriteRoot); err != nil {
				return nil, err
			}
		}
		switch err := os.Mkdir(c.journalDir(), 0o700); {
		case err == nil, errors.Is(err, fs.ErrExist):
		case notWritable(err):
			return nil, &ConfigError{Text: "the directory for journals cannot be made", Err: err}
		default:
			return nil, failure("journals", err)
		}
		if err := c.checkApart(); err != nil {
			return nil, err
		}
		options := c.Transfer
		if options.FirstFormat == 0 {
			options.FirstFormat = r.firstFormat()
		}
		engine, err := transfer.Open(ctx, c.journalDir(), lease, options)
		if err != nil {
			return nil, failure("journals", err)
		}
		return func() { r.engine = engine }, nil
	})
}

// failure turns what only another node may do better into a *resource.FailoverError.
func failure(what string, err error) error {
	if err == nil || outcome(context.Background(), err) != agent.Failed || errors.Is(err, resource.ErrFailover) {
		return err
	}
	return &resource.FailoverError{Resource: what, Err: err}
}

// connect runs the connector, and with it one generation after the other.
func (r *run) connect(ctx context.Context) (func(), error) {
	err := r.a.connector.Run(ctx, func(session context.Context, s *mqconn.Session) error {
		return r.serve(ctx, session, s)
	})
	var fault *mqconn.Error
	if errors.As(err, &fault) && fault.Class == mqconn.NotHere &&
		r.a.connector.Status().Generation == 0 && r.a.standby.Status().Generation == 0 { // a standby has seen it, too
		err = &ConfigError{Text: "there is no queue manager of that name on this node, and there was none before", Err: err}
	}
	return func() { r.generation = nil }, err
}

// serve keeps a session until the core has seen everything end that used it. When the connector is
// cancelled it returns at once: the connections go, whoever still uses them.
func (r *run) serve(connector, session context.Context, s *mqconn.Session) error {
	g := &generation{ctx: session, session: s, over: make(chan struct{})}
	r.post(note{keep: func() { r.generation = g }, event: agent.Event{Kind: agent.Connected, Generation: s.Generation()}})
	select {
	case <-session.Done():
		r.post(note{event: agent.Event{Kind: agent.SessionEnded, Generation: s.Generation(), Err: context.Cause(session)}})
	case <-connector.Done():
	}
	select {
	case <-g.over:
	case <-connector.Done():
	}
	return context.Cause(session)
}

func (r *run) runEngine() {
	engine, link := r.engine, r.link
	r.part(agent.RunEngine, r.generation.ctx, func(ctx context.Context) (func(), error) {
		err := engine.Run(ctx, link)
		if err == nil {
			err = ctx.Err()
		}
		return nil, failure("transfers", err)
	})
}

func (r *run) work() {
	active := &Active{Lease: r.lease, Session: r.generation.session, Engine: r.engine}
	r.part(agent.Work, r.generation.ctx, func(ctx context.Context) (func(), error) {
		err := r.a.config.Work(ctx, active)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err() // whatever it says now, it was cancelled
		case err != nil:
			return nil, &resource.FailoverError{Resource: "work", Err: err}
		}
		return nil, nil
	})
}

func (r *run) drain() {
	engine, limit := r.engine, r.a.config.DrainTimeout
	r.part(agent.Drain, r.base, func(ctx context.Context) (func(), error) {
		if limit < 0 {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		err := engine.Drain(ctx)
		r.a.say(CodeDrained, r.a.drainedText(err), nil)
		return nil, err
	})
}

// stayBack waits until this instance may campaign again: after a while, or when the lock shows that
// another instance has been active since.
func (r *run) stayBack(cause error) {
	period, own, c := r.retryPeriod(cause), r.epoch, &r.a.config
	var yield *YieldError
	if errors.As(cause, &yield) {
		r.gave = yield.Instance
	}
	r.part(agent.StandBack, r.base, func(ctx context.Context) (func(), error) {
		r.a.say(CodeStandsBack, r.a.standsBackText(period, cause), nil)
		begun := time.Now()
		for period < 0 || time.Since(begun) < period {
			wait := time.Second
			if period >= 0 {
				wait = min(wait, period-time.Since(begun))
			}
			if err := sleep(ctx, wait); err != nil {
				return nil, err
			}
			var rec lockfile.Record
			var err error
			if !answers(ctx, func() { rec, err = lockfile.Inspect(c.LockFile) }) {
				return nil, ctx.Err()
			}
			if err == nil && rec.Epoch > own {
				break
			}
		}
		return nil, nil
	})
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
