package mqconn_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// site is one queue manager that can be killed and started again with what it had on disk, behind one of several
// endpoints. The others answer as a standby (2543) or not at all (2538), in turns.
type site struct {
	tb        testing.TB
	options   mqtest.Options
	endpoints []string
	moves     atomic.Int64

	mu     sync.Mutex
	qm     *mqtest.QueueManager // nil: it is down
	active string
}

func newSite(tb testing.TB, mqsc string, endpoints ...string) *site {
	tb.Helper()
	s := &site{tb: tb, options: mqtest.Options{Dir: tb.TempDir(), MQSC: mqsc}, endpoints: endpoints}
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

func (s *site) start(endpoint string) *mqtest.QueueManager {
	s.tb.Helper()
	qm, err := mqtest.Start(s.options)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.options.MQSC = "" // the definitions are on disk now
	s.mu.Lock()
	defer s.mu.Unlock()
	s.qm, s.active = qm, endpoint
	return qm
}

func (s *site) kill() {
	qm, _ := s.now()
	s.mu.Lock()
	s.qm = nil
	s.mu.Unlock()
	qm.Kill()
}

func (s *site) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	qm, active := s.now()
	if qm == nil || o.Endpoint != active {
		reason := mqrc.StandbyQMgr
		if qm == nil || s.moves.Load()%2 == 0 {
			reason = mqrc.HostNotAvailable
		}
		return nil, &mqconn.Fault{Verb: mqconn.VerbConnect, CompletionCode: 2, Reason: reason}
	}
	return qm.Dialer().Dial(ctx, o)
}

// IT35878: two agents of IBM MQ were active after their queue manager had restarted, because the lock was not taken
// again after the reconnect. Here a connection that holds a queue holds it for its Session, and what an instance does
// as the active one it can do in that Session only.
func TestOnlyTheHolderWorksAfterEachRestartIT35878(t *testing.T) {
	s := newSite(t, "DEFINE QLOCAL(LOCK)\nDEFINE QLOCAL(WORK)", "a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const instances, restarts, least = 3, 8, 10
	worked := make(chan struct{}, 1000)
	var ends sync.WaitGroup
	for instance := range instances {
		c, err := mqconn.New(mqconn.Config{Dialer: s, Endpoints: s.endpoints, Repeatable: true})
		must(t, err)
		ends.Go(func() {
			var earlier []*mqconn.Conn
			_ = c.Run(ctx, func(ctx context.Context, session *mqconn.Session) error {
				conn, err := session.Open(ctx, "lock", true)
				if err != nil {
					return err
				}
				for _, old := range earlier { // what an instance believes that has noticed nothing
					if err := old.Put(ctx, mqconn.Address{Queue: "WORK"}, &mqconn.Message{Persistent: true, Body: []byte("zombie")}); err == nil {
						t.Error("a connection of an old generation still works")
					}
				}
				earlier = append(earlier, conn)
				if err := conn.Hold(ctx, "LOCK"); err != nil {
					return err
				}
				for {
					m := mqconn.Message{Body: fmt.Appendf(nil, "%d", instance), Persistent: true}
					if err := conn.Put(ctx, mqconn.Address{Queue: "WORK"}, &m); err != nil {
						return err
					}
					if err := conn.Commit(ctx); err != nil {
						return err
					}
					select {
					case worked <- struct{}{}:
					case <-ctx.Done():
						return context.Cause(ctx)
					}
				}
			})
		})
	}
	// The depth after each start is where the work of the next life of the queue manager begins.
	var lives []int
	for range restarts {
		for range least {
			<-worked
		}
		s.kill()
		for len(worked) > 0 {
			<-worked
		}
		qm := s.start("a")
		depth, err := qm.Depth("WORK")
		must(t, err)
		lives = append(lives, depth)
	}
	cancel()
	ends.Wait()

	c, err := mqconn.New(mqconn.Config{Dialer: s, Endpoints: s.endpoints})
	must(t, err)
	must(t, c.Run(t.Context(), func(ctx context.Context, session *mqconn.Session) error {
		conn, err := session.Open(ctx, "read", true)
		must(t, err)
		position, holders := 0, map[string]bool{}
		for _, end := range lives {
			var first string
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
			holders[first] = true
		}
		t.Logf("%d restarts, %d messages, %d instances were active", restarts, position, len(holders))
		return nil
	}))
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
		first := <-begun
		qm.Inject(mqtest.Fault{Verb: mqconn.VerbGet, Queue: fmt.Sprintf("Q%d", lost), Break: mqtest.BeforeWork})
		if second := <-begun; second != first+1 {
			t.Errorf("generation %d after %d", second, first)
		}
		sendToAll(t, qm, consumers)
		for range consumers {
			<-got
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
