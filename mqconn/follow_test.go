package mqconn_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// site is one queue manager that can be killed and started again with what it had on disk, behind one of several
// endpoints. The one where it was killed last does not answer at all (2538), any other as a standby (2543).
type site struct {
	tb        testing.TB
	options   mqtest.Options
	endpoints []string
	turned    chan struct{} // capacity 1; somebody was turned away
	sockets   *sockets      // nil: all in this process

	mu       sync.Mutex
	qm       *mqtest.QueueManager // nil: it is down
	active   string
	dead     string
	refused  int // dials of the dead one
	standbys int // dials of a standby
}

func newSite(tb testing.TB, over *sockets, mqsc string, endpoints ...string) *site {
	tb.Helper()
	s := &site{tb: tb, options: mqtest.Options{Dir: tb.TempDir(), MQSC: mqsc}, endpoints: endpoints, sockets: over,
		turned: make(chan struct{}, 1)}
	s.start(endpoints[0])
	tb.Cleanup(func() {
		if qm, _ := s.now(); qm != nil {
			if err := qm.Close(); err != nil {
				tb.Error(err)
			}
		}
	})
	return s
}

func (s *site) now() (*mqtest.QueueManager, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.qm, s.active
}

// start returns when the queue manager can be dialled at endpoint. Before that, recovered sees it as it came back.
func (s *site) start(endpoint string, recovered ...func(*mqtest.QueueManager)) {
	s.tb.Helper()
	qm, err := mqtest.Start(s.options)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.options.MQSC = "" // the definitions are on disk now
	for _, see := range recovered {
		see(qm)
	}
	if s.sockets != nil {
		s.sockets.retire()
		s.sockets.serve(qm, endpoint)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.qm, s.active = qm, endpoint
}

func (s *site) kill() {
	s.mu.Lock()
	qm := s.qm
	s.qm, s.dead = nil, s.active
	s.mu.Unlock()
	qm.Kill()
	for _, endpoint := range s.endpoints {
		if s.sockets != nil && endpoint != s.dead {
			s.sockets.stand(endpoint)
		}
	}
}

// turnedAway counts the dials that were not let in.
func (s *site) turnedAway() (refused, standbys int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused, s.standbys
}

// awaitBoth returns when both answers were given once more than they had been.
func (s *site) awaitBoth(t *testing.T, refused, standbys int) {
	t.Helper()
	for {
		if r, b := s.turnedAway(); r > refused && b > standbys {
			return
		}
		await(t, s.turned, "not every endpoint is dialled")
	}
}

func (s *site) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	if s.sockets != nil {
		t, err := s.sockets.Dial(ctx, o)
		s.turnAway(answer(err))
		return t, err
	}
	s.mu.Lock()
	qm := s.qm
	if qm != nil && o.Endpoint == s.active {
		s.mu.Unlock()
		return qm.Dialer().Dial(ctx, o)
	}
	reason := mqrc.StandbyQMgr
	if o.Endpoint == s.dead {
		reason = mqrc.HostNotAvailable
	}
	s.mu.Unlock()
	s.turnAway(reason)
	return nil, &mqconn.Fault{Verb: mqconn.VerbConnect, CompletionCode: 2, Reason: reason}
}

// turnAway counts the answer of a dial.
func (s *site) turnAway(r mqrc.Reason) {
	s.mu.Lock()
	switch r {
	case mqrc.HostNotAvailable:
		s.refused++
	case mqrc.StandbyQMgr:
		s.standbys++
	}
	s.mu.Unlock()
	select {
	case s.turned <- struct{}{}:
	default:
	}
}

// IT35878: two agents of IBM MQ were active after their queue manager had restarted, because the lock was not taken
// again after the reconnect. Here a connection that holds a queue holds it for its Session, and what an instance does
// as the active one it can do in that Session only. The instance that was active before each restart comes back while
// another is, and has to wait. What old connections can do whose queue manager lives is told in
// TestHolderThatLostAnotherConnectionCannotWorkAnyMoreIT35878.
func TestOnlyTheHolderWorksAfterEachRestartIT35878(t *testing.T) {
	s := newSite(t, nil, "DEFINE QLOCAL(LOCK)\nDEFINE QLOCAL(WORK)", "a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const instances, restarts, least = 3, 8, 10
	e := &election{T: t, worked: make(chan struct{}, 1000), held: make(chan int, 1000), holder: -1, changed: make(chan struct{})}
	var ends sync.WaitGroup
	for instance := range instances {
		c, err := mqconn.New(mqconn.Config{Dialer: s, Endpoints: s.endpoints, Repeatable: true, OnEvent: func(event mqconn.Event) {
			if event.Kind == mqconn.QueueHeld {
				e.held <- instance
			}
		}})
		must(t, err)
		ends.Go(func() {
			_ = c.Run(ctx, func(ctx context.Context, session *mqconn.Session) error {
				conn, err := session.Open(ctx, "lock", true)
				if err != nil {
					return err
				}
				return e.campaign(ctx, conn, instance)
			})
		})
	}
	// What is there after each start ends the work of one life of the queue manager.
	var lives []int
	waits, before := 0, -1
	for range restarts {
		for range least {
			await(t, e.worked, "nobody works")
		}
		for back := before < 0; !back; waits++ {
			back = await(t, e.held, "who was active before does not wait for the queue") == before
		}
		before = e.last()
		s.kill()
		for len(e.worked) > 0 {
			<-e.worked
		}
		s.start("a", func(qm *mqtest.QueueManager) {
			depth, err := qm.Depth("WORK")
			must(t, err)
			lives = append(lives, depth)
		})
	}
	cancel()
	ends.Wait()
	holders := readLives(t, s, lives, least)
	for life := 1; life < len(holders); life++ {
		if holders[life] == holders[life-1] {
			t.Errorf("instance %s was active in lives %d and %d: nobody had to take over", holders[life], life-1, life)
		}
	}
	t.Logf("%d restarts, %d messages, holders %q, %d waits for a held queue", restarts, lives[len(lives)-1], holders, waits)
}

// election are instances that compete for LOCK, and put into WORK while they hold it.
type election struct {
	*testing.T
	worked chan struct{}
	held   chan int // who found LOCK held

	mu      sync.Mutex
	holder  int           // the last one
	changed chan struct{} // closed when another one holds it
}

// last is who held LOCK last.
func (e *election) last() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.holder
}

// campaign lets the instance that was active last be late: it finds another one active.
func (e *election) campaign(ctx context.Context, conn *mqconn.Conn, instance int) error {
	e.mu.Lock()
	last, changed := e.holder, e.changed
	e.mu.Unlock()
	if last == instance {
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := conn.Hold(ctx, "LOCK"); err != nil {
		return err
	}
	e.mu.Lock()
	e.holder = instance
	close(e.changed)
	e.changed = make(chan struct{})
	e.mu.Unlock()
	for {
		m := mqconn.Message{Body: fmt.Appendf(nil, "%d", instance), Persistent: true}
		if err := conn.Put(ctx, mqconn.Address{Queue: "WORK"}, &m); err != nil {
			return err
		}
		if err := conn.Commit(ctx); err != nil {
			return err
		}
		select {
		case e.worked <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// await receives, or ends the test when nothing comes.
func await[T any](t *testing.T, from <-chan T, otherwise string) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(patience):
		t.Fatal(otherwise)
	}
	return got
}

// readLives says who was active in each life of the queue manager, and demands that nobody else was.
func readLives(t *testing.T, s *site, lives []int, least int) (holders []string) {
	t.Helper()
	c, err := mqconn.New(mqconn.Config{Dialer: s, Endpoints: s.endpoints})
	must(t, err)
	must(t, c.Run(t.Context(), func(ctx context.Context, session *mqconn.Session) error {
		conn, err := session.Open(ctx, "read", true)
		must(t, err)
		position := 0
		for _, end := range lives {
			first := ""
			if end-position < least/2 { // a message may be counted in the life after its own
				t.Errorf("only %d messages in one life of the queue manager", end-position)
			}
			for ; position < end; position++ {
				var m mqconn.Message
				must(t, conn.Get(ctx, "WORK", &m, mqconn.GetOptions{}))
				if first == "" {
					first = string(m.Body)
				}
				if string(m.Body) != first {
					t.Fatalf("message %d is of instance %s while %s holds the lock", position, m.Body, first)
				}
			}
			holders = append(holders, first)
		}
		return nil
	}))
	return holders
}

// IT28193: monitors and consumers of an agent of IBM MQ were silently dead after a reconnect, while the agent said that
// it was connected. Here the loss of one connection ends the Session with all of them, and each opens anew.
func TestEveryConsumerLivesAfterAReconnectIT28193(t *testing.T) {
	const consumers = 5
	mqsc := ""
	for i := range consumers {
		mqsc += fmt.Sprintf("DEFINE QLOCAL(Q%d)\n", i)
	}
	qm := mqtest.New(t, mqtest.Options{MQSC: mqsc})
	c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer()})
	must(t, err)
	for _, lost := range []int{0, consumers - 1} { // the connection of one of them breaks, and nobody else's
		got := make(chan int, consumers)
		begun := make(chan uint64, 2)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- c.Run(ctx, func(ctx context.Context, s *mqconn.Session) error {
				return consume(ctx, s, consumers, got, begun)
			})
		}()
		first := await(t, begun, "no session began")
		qm.Inject(mqtest.Fault{Verb: mqconn.VerbGet, Queue: fmt.Sprintf("Q%d", lost), Break: mqtest.BeforeWork})
		if second := await(t, begun, "no session began after the loss"); second != first+1 {
			t.Errorf("generation %d after %d", second, first)
		}
		sendToAll(t, qm, consumers)
		for range consumers {
			await(t, got, "a consumer is dead")
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// consume gets from all queues, each on a connection and a goroutine of its own, until one of them fails.
func consume(ctx context.Context, s *mqconn.Session, n int, got chan<- int, begun chan<- uint64) error {
	failed := make(chan error, n)
	for i := range n {
		conn, err := s.Open(ctx, fmt.Sprintf("consumer %d", i), true)
		if err != nil {
			return err
		}
		go func() {
			for {
				var m mqconn.Message
				if err := conn.Get(ctx, fmt.Sprintf("Q%d", i), &m, mqconn.GetOptions{Wait: -1}); err != nil {
					failed <- err
					return
				}
				if err := conn.Commit(ctx); err != nil {
					failed <- err
					return
				}
				got <- i
			}
		}()
	}
	begun <- s.Generation()
	var first error
	for range n {
		if err := <-failed; first == nil {
			first = err
		}
	}
	return first
}

func sendToAll(t *testing.T, qm *mqtest.QueueManager, n int) {
	t.Helper()
	c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer()})
	must(t, err)
	must(t, c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "send", true)
		must(t, err)
		for i := range n {
			put(t, ctx, conn, fmt.Sprintf("Q%d", i), "x")
		}
		return nil
	}))
}
