package transfer

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/core/stream"
	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// crashWorld is two agents whose disks are in memory, and the queues between them. One of the agents is
// the victim: something happens to its first instance, and the next goes on.
type crashWorld struct {
	t           *testing.T
	seed        uint64
	files       *crashFiles
	chance      *rand.Rand
	a, b        *crashNode
	queues      *crashQueues
	disposition Disposition
	cancel      int64         // payload after which the transfer is cancelled; 0: never
	over        chan struct{} // closed when the transfer has ended at its sender

	clients sync.WaitGroup

	mu       sync.Mutex
	taken    map[string][]crashdisk.Found
	kept     int64    // bytes of files that the victim had written when it was killed
	forgot   int64    // those of them that its successor asked for again
	problems []string // seen on the way
}

// consumer says what becomes of a file that is delivered.
type consumer int

const (
	stays        consumer = iota // it stays
	takesAtOnce                  // it is taken away, as the end of the process leaves it
	takesDurably                 // and its directory is synced before anything else happens
)

func newCrashWorld(t *testing.T, seed uint64, files *crashFiles, c consumer) *crashWorld {
	w := &crashWorld{t: t, seed: seed, files: files, chance: rand.New(rand.NewPCG(seed, 7)),
		queues: &crashQueues{}, over: make(chan struct{}), taken: map[string][]crashdisk.Found{}}
	w.a, w.b = w.newNode("A"), w.newNode("B")
	if c != stays {
		w.b.disk.OnRename = func(name string) {
			if strings.HasPrefix(name, "/got/") && !strings.HasSuffix(name, ".part") {
				f := w.b.disk.Take(name, c == takesDurably)
				w.mu.Lock()
				defer w.mu.Unlock()
				n := strings.TrimPrefix(name, "/got/")
				w.taken[n] = append(w.taken[n], f)
			}
		}
	}
	return w
}

func (w *crashWorld) newNode(name string) *crashNode {
	n := &crashNode{w: w, name: name, disk: crashdisk.New(), engines: make(chan *Engine, 100), ended: make(chan struct{})}
	n.disk.Mkdir("/state")
	n.disk.Mkdir("/got")
	if name == "A" {
		w.files.put(n.disk)
	} else {
		n.disk.Mkdir("/out") // its root, with nothing in it
	}
	return n
}

// crashNode is an agent: one instance after another, each with an epoch of its own.
type crashNode struct {
	w       *crashWorld
	name    string
	disk    *crashdisk.Disk
	kept    crashdisk.Kept
	first   func(*crashLife) crashdisk.Plan // of the first instance
	second  func(*crashLife) crashdisk.Plan
	onEvent func(Event)
	watch   func(crashdisk.Op)
	engines chan *Engine
	ended   chan struct{}
	lives   []*crashLife
}

// crashLife is one instance. It ends at once and for everybody, as a process does.
type crashLife struct {
	node    *crashNode
	epoch   uint64
	machine *crashdisk.Machine
	gone    chan struct{} // closed when it ends, or stops for a successor
	once    sync.Once
	closed  chan struct{} // closed when nothing of it is left
}

func (l *crashLife) Epoch() uint64 { return l.epoch }

func (l *crashLife) Err() error {
	select {
	case <-l.gone:
		return errors.New("this instance has ended")
	default:
		return nil
	}
}

func (l *crashLife) end() { l.once.Do(func() { close(l.gone) }) }

// live runs instances until the transfer has ended.
func (n *crashNode) live() {
	defer close(n.ended)
	for epoch := uint64(1); ; epoch++ {
		if epoch > 30 {
			n.w.t.Errorf("seed %d: agent %s does not come up any more", n.w.seed, n.name)
			return
		}
		l := &crashLife{node: n, epoch: epoch, gone: make(chan struct{}), closed: make(chan struct{})}
		n.lives = append(n.lives, l)
		var plan crashdisk.Plan
		switch {
		case epoch == 1 && n.first != nil:
			plan = n.first(l)
		case epoch == 2 && n.second != nil:
			plan = n.second(n.lives[0])
		}
		l.machine = crashdisk.NewMachine(n.watched(plan))
		go l.run()
		select {
		case <-l.gone:
		case <-l.closed:
		case <-n.w.over:
			l.end()
			for _, l := range n.lives {
				<-l.closed
			}
			return
		}
		if !l.stoppedOnly() {
			l.end()
			l.machine.Stop()
			<-l.closed
			n.disk.PowerOff(n.kept, n.w.chance)
			n.w.count(n)
		}
	}
}

// watched tells of each operation before it is carried out, of whatever instance.
func (n *crashNode) watched(plan crashdisk.Plan) crashdisk.Plan {
	if n.watch == nil {
		return plan
	}
	return func(op crashdisk.Op) crashdisk.Fate {
		n.watch(op)
		if plan == nil {
			return crashdisk.Goes
		}
		return plan(op)
	}
}

// stoppedOnly says that the instance is stopped between two calls, and will make the second.
func (l *crashLife) stoppedOnly() bool { return l.epoch == 1 && l.node.second != nil }

// run is one instance from its start to its end.
func (l *crashLife) run() {
	defer close(l.closed)
	n := l.node
	o := n.w.files.sizes
	o.Name, o.ReadRoots, o.WriteRoot, o.OnEvent = n.name, []string{crashOut}, crashPath("/got"), n.onEvent
	e, err := openOn(context.Background(), crashMount(l.machine, n.disk), crashPath("/state"), l, o)
	if err != nil {
		return
	}
	n.engines <- e
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-l.gone
		cancel()
	}()
	_ = e.Run(ctx, n.w.queues.connect(l))
	if l.Err() == nil {
		l.end() // the engine stopped by itself
	}
	<-stopped
	_ = e.Close()
}

func crashPath(p string) string {
	if runtime.GOOS == "windows" {
		return "C:" + p
	}
	return p
}

// crashQueues are the input queues of A and B. A control frame stays until it is committed; one that
// carries data is gone with the connection that it was got or not got on.
type crashQueues struct {
	mu     sync.Mutex
	in     map[string]*crashQueue
	sent   int64 // payload of data frames
	change chan struct{}
}

type crashQueue struct {
	frames []Frame
	more   chan struct{}
	holder *crashLink
}

func (q *crashQueues) queue(agent string) *crashQueue {
	if q.in == nil {
		q.in = map[string]*crashQueue{}
	}
	if q.in[agent] == nil {
		q.in[agent] = &crashQueue{more: make(chan struct{}, 1)}
	}
	return q.in[agent]
}

// moved is closed when the next data frame is sent. The caller holds the mutex.
func (q *crashQueues) moved() <-chan struct{} {
	if q.change == nil {
		q.change = make(chan struct{})
	}
	return q.change
}

func (c *crashQueue) signal() {
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// crashLink is the connection of one instance.
type crashLink struct {
	q           *crashQueues
	life        *crashLife
	uncommitted []Frame
}

// connect gives the queue of an agent to its next instance: what the last one had not committed is there
// again, and data that was on the way is not.
func (q *crashQueues) connect(l *crashLife) *crashLink {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.queue(l.node.name)
	link := &crashLink{q: q, life: l}
	if l.Err() != nil {
		return link // another has the queue open exclusively
	}
	var kept []Frame
	if c.holder != nil {
		kept, c.holder.uncommitted = c.holder.uncommitted, nil
	}
	for _, f := range c.frames {
		if f.Persistent {
			kept = append(kept, f)
		}
	}
	c.frames, c.holder = kept, link
	c.signal()
	return link
}

func (k *crashLink) Send(ctx context.Context, f *Frame) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if h, _, err := decode(f.Body, ""); err == nil && h.Kind == kindAnswer && h.Answer == stream.Receiving {
		k.life.node.w.answered(&h)
	}
	k.q.mu.Lock()
	defer k.q.mu.Unlock()
	if kind(f.Body[6]) == kindData {
		k.q.sent += int64(len(f.Body) - HeaderBytes)
		if k.q.change != nil {
			close(k.q.change)
			k.q.change = nil
		}
	}
	c := k.q.queue(f.Peer)
	c.frames = append(c.frames, Frame{Persistent: f.Persistent, Body: append([]byte(nil), f.Body...)})
	c.signal()
	return nil
}

func (k *crashLink) Receive(ctx context.Context, f *Frame) error {
	for {
		k.q.mu.Lock()
		c := k.q.queue(k.life.node.name)
		if ctx.Err() == nil && c.holder == k && len(c.frames) > 0 {
			*f = c.frames[0]
			if c.frames = c.frames[1:]; f.Persistent {
				k.uncommitted = append(k.uncommitted, *f)
			}
			k.q.mu.Unlock()
			return nil
		}
		k.q.mu.Unlock()
		select {
		case <-c.more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (k *crashLink) Commit(ctx context.Context) error {
	k.q.mu.Lock()
	defer k.q.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	k.uncommitted = nil
	return nil
}

func (k *crashLink) MaxBody() int { return 1 << 20 }

// run runs the world to the end of one transfer and returns its status.
func (w *crashWorld) run() (Status, error) {
	go w.a.live()
	go w.b.live()
	s, err := w.client()
	close(w.over)
	<-w.a.ended
	<-w.b.ended
	w.clients.Wait()
	return s, err
}

// client submits to every instance of A and waits for the end, as programs elsewhere do.
func (w *crashWorld) client() (Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Hour) // of the bubble's time
	defer cancel()
	ended := make(chan Status, 100)
	for {
		select {
		case e := <-w.a.engines:
			w.clients.Go(func() { w.submit(ctx, e, ended) })
		case s := <-ended:
			return s, nil
		case <-ctx.Done():
			return Status{}, ctx.Err()
		}
	}
}

// cancelLater cancels once so much was sent, and again as long as there is no answer.
func (w *crashWorld) cancelLater(ctx context.Context, e *Engine, id ID) {
	for ctx.Err() == nil && e.failure() == nil {
		w.queues.mu.Lock()
		sent, more := w.queues.sent, w.queues.moved()
		w.queues.mu.Unlock()
		if sent >= w.cancel {
			if err := e.Cancel(ctx, id); err == nil || errors.Is(err, ErrEnded) {
				return
			}
		}
		select {
		case <-more:
		case <-time.After(time.Second):
		}
	}
}

func (w *crashWorld) submit(ctx context.Context, e *Engine, ended chan<- Status) {
	r := *crashRequest(w.disposition)
	for ctx.Err() == nil && e.failure() == nil {
		_, err := e.Submit(ctx, r)
		if err != nil {
			time.Sleep(time.Second) // it may have been that call alone
			continue
		}
		if w.cancel > 0 {
			w.clients.Go(func() { w.cancelLater(ctx, e, r.ID) })
		}
		if s, err := e.Wait(ctx, r.ID); err == nil {
			ended <- s
			return
		}
	}
}
