package mqconn_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// blind hides the backout count, as mq-golang-jms20 does.
type blind struct{ mqconn.Dialer }

func (d blind) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	t, err := d.Dialer.Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	return blindTransport{t}, nil
}

type blindTransport struct{ mqconn.Transport }

func (t blindTransport) Info() mqconn.Info {
	i := t.Transport.Info()
	i.BackoutCount = false
	return i
}

func (t blindTransport) Get(queue string, m *mqconn.Message, o mqconn.GetOptions) error {
	err := t.Transport.Get(queue, m, o)
	m.BackoutCount = -1
	return err
}

const poisonMQSC = "DEFINE QLOCAL(IN)\nDEFINE QLOCAL(OUT)\nDEFINE QLOCAL(IN.POISON)\nDEFINE QLOCAL(FULL) MAXDEPTH(0)"

// ways are the two ways to count.
func ways(t *testing.T, fn func(t *testing.T, qm *mqtest.QueueManager, d mqconn.Dialer, o mqconn.PoisonOptions)) {
	for _, way := range []string{"the queue manager counts", "the journal counts"} {
		t.Run(way, func(t *testing.T) {
			qm := mqtest.New(t, mqtest.Options{MQSC: poisonMQSC})
			d, o := qm.Dialer(), mqconn.PoisonOptions{Queue: mqconn.Address{Queue: "IN.POISON"}, Threshold: 3}
			if way == "the journal counts" {
				d = blind{d}
				o.Journal = filepath.Join(t.TempDir(), "attempts")
			}
			fn(t, qm, d, o)
		})
	}
}

func newPoison(t *testing.T, o mqconn.PoisonOptions) *mqconn.Poison {
	t.Helper()
	p, err := mqconn.NewPoison(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// put puts persistent messages, one unit of work for all.
func put(t *testing.T, ctx context.Context, conn *mqconn.Conn, queue string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		must(t, conn.Put(ctx, mqconn.Address{Queue: queue}, &mqconn.Message{Body: []byte(body), Persistent: true}))
	}
	must(t, conn.Commit(ctx))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantDepth(t *testing.T, qm *mqtest.QueueManager, queue string, want int) {
	t.Helper()
	if n, err := qm.Depth(queue); err != nil || n != want {
		t.Errorf("%s holds %d messages, want %d (%v)", queue, n, want, err)
	}
}

var errEnough = errors.New("enough")

func TestPoisonMessageIsMovedAndThoseBehindItArrive(t *testing.T) {
	ways(t, func(t *testing.T, qm *mqtest.QueueManager, d mqconn.Dialer, o mqconn.PoisonOptions) {
		p := newPoison(t, o)
		var mu sync.Mutex
		var moved []mqconn.Event
		c, err := mqconn.New(mqconn.Config{Dialer: d, OnEvent: func(e mqconn.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Kind == mqconn.PoisonMoved {
				moved = append(moved, e)
			}
		}})
		must(t, err)
		attempts := map[string]int{}
		var bad mqconn.ID
		err = c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
			conn, err := s.Open(ctx, "in", true)
			must(t, err)
			put(t, ctx, conn, "IN", "bad", "good 1", "good 2")
			for {
				var m mqconn.Message
				if err := p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}); errors.Is(err, mqconn.ErrNoMessage) {
					break
				} else if err != nil {
					return err
				}
				attempts[string(m.Body)]++
				if string(m.Body) == "bad" {
					bad = m.ID
					must(t, conn.Backout(ctx))
					continue
				}
				must(t, conn.Commit(ctx))
			}
			var m mqconn.Message
			must(t, conn.Get(ctx, "IN.POISON", &m, mqconn.GetOptions{}))
			if string(m.Body) != "bad" || m.CorrelationID != bad || !m.Persistent {
				t.Errorf("in the poison queue: %+v", m)
			}
			return errors.Join(conn.Commit(ctx), errEnough)
		})
		if !errors.Is(err, errEnough) {
			t.Fatal(err)
		}
		if attempts["bad"] != 3 || attempts["good 1"] != 1 || attempts["good 2"] != 1 {
			t.Errorf("attempts: %v", attempts)
		}
		if len(moved) != 1 || moved[0].MessageID != bad || moved[0].Queue != "IN" || moved[0].To != "IN.POISON" || moved[0].Attempt != 3 {
			t.Errorf("events: %+v", moved)
		}
		wantDepth(t, qm, "IN", 0)
		wantDepth(t, qm, "IN.POISON", 0)
	})
}

// The move belongs to the unit of work that is open: it is backed out with it, and made again.
func TestMoveOfAPoisonMessageBelongsToTheOpenUnitOfWork(t *testing.T) {
	ways(t, func(t *testing.T, qm *mqtest.QueueManager, d mqconn.Dialer, o mqconn.PoisonOptions) {
		o.Threshold = 1
		p := newPoison(t, o)
		c, err := mqconn.New(mqconn.Config{Dialer: d})
		must(t, err)
		_ = c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
			conn, err := s.Open(ctx, "in", true)
			must(t, err)
			put(t, ctx, conn, "IN", "bad", "good")
			var m mqconn.Message
			must(t, p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}))
			must(t, conn.Backout(ctx))
			for round, end := range []func(context.Context) error{conn.Backout, conn.Commit} {
				must(t, conn.Put(ctx, mqconn.Address{Queue: "OUT"}, &mqconn.Message{Persistent: true})) // opens a unit of work
				must(t, p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}))
				if string(m.Body) != "good" {
					t.Errorf("round %d: got %q", round, m.Body)
				}
				must(t, end(ctx))
				wantDepth(t, qm, "OUT", round)
				wantDepth(t, qm, "IN.POISON", round)
				if round == 0 {
					// The good one was backed out once now, through no fault of its own.
					wantDepth(t, qm, "IN", 2)
					break
				}
			}
			return nil
		})
	})
}

// A poison queue that is full or missing loses nothing: the message stays where it is, and the error names the queue.
func TestPoisonQueueThatTakesNothing(t *testing.T) {
	for queue, reason := range map[string]mqrc.Reason{"FULL": mqrc.QFull, "MISSING": mqrc.UnknownObject} {
		ways(t, func(t *testing.T, qm *mqtest.QueueManager, d mqconn.Dialer, o mqconn.PoisonOptions) {
			o.Threshold, o.Queue.Queue = 1, queue
			p := newPoison(t, o)
			c, err := mqconn.New(mqconn.Config{Dialer: d})
			must(t, err)
			_ = c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
				conn, err := s.Open(ctx, "in", true)
				must(t, err)
				put(t, ctx, conn, "IN", "bad")
				var m mqconn.Message
				must(t, p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}))
				must(t, conn.Backout(ctx))
				for range 3 {
					err := p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{})
					var e *mqconn.Error
					if !errors.As(err, &e) || e.Reason != reason || e.Queue != queue || e.EndsSession() {
						t.Fatalf("%v", err)
					}
					wantDepth(t, qm, "IN", 1)
				}
				return nil
			})
		})
	}
}

// With the journal a lost connection is not the message's fault; a queue manager cannot tell it from a backout.
func TestLossOfTheConnectionIsNoAttempt(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: poisonMQSC})
	p := newPoison(t, mqconn.PoisonOptions{Queue: mqconn.Address{Queue: "IN.POISON"}, Threshold: 2, Journal: filepath.Join(t.TempDir(), "attempts")})
	c, err := mqconn.New(mqconn.Config{Dialer: blind{qm.Dialer()}})
	must(t, err)
	err = c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "in", true)
		must(t, err)
		if s.Generation() == 1 {
			put(t, ctx, conn, "IN", "good")
		}
		var m mqconn.Message
		if err := p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}); err != nil {
			return err
		}
		if s.Generation() < 6 {
			qm.Cut()
			return conn.Get(ctx, "IN", &m, mqconn.GetOptions{Wait: -1})
		}
		return errors.Join(conn.Commit(ctx), errEnough)
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	wantDepth(t, qm, "IN.POISON", 0)
}

func TestPoisonNeedsAUnitOfWork(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: poisonMQSC})
	p := newPoison(t, mqconn.PoisonOptions{Queue: mqconn.Address{Queue: "IN.POISON"}})
	c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer()})
	must(t, err)
	err = c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "in", false)
		must(t, err)
		return p.Get(ctx, conn, "IN", &mqconn.Message{}, mqconn.GetOptions{})
	})
	if err == nil {
		t.Error("a get outside a unit of work was accepted")
	}
	if _, err := mqconn.NewPoison(mqconn.PoisonOptions{}); err == nil {
		t.Error("a Poison without a queue was made")
	}
}

const victimEndpoint, victimJournal = "MQCONN_TEST_VICTIM_ENDPOINT", "MQCONN_TEST_VICTIM_JOURNAL"

// TestVictimOfAPoisonMessage is not a test by itself: it is the process that the next test starts.
func TestVictimOfAPoisonMessage(t *testing.T) {
	endpoint := os.Getenv(victimEndpoint)
	if endpoint == "" {
		return
	}
	p := newPoison(t, mqconn.PoisonOptions{Queue: mqconn.Address{Queue: "IN.POISON"}, Threshold: 3, Journal: os.Getenv(victimJournal)})
	c, err := mqconn.New(mqconn.Config{Dialer: blind{mqtest.TCP{}}, Endpoints: []string{endpoint}})
	must(t, err)
	err = c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "in", true)
		must(t, err)
		var m mqconn.Message
		must(t, p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}))
		if string(m.Body) == "deadly" {
			os.Exit(66) // as by a crash: nothing is closed
		}
		return errors.Join(conn.Commit(ctx), errEnough)
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
}

func TestMessageThatEndsTheProcessIsMovedInTheEnd(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: poisonMQSC + "\nDEFINE CHANNEL(" + mqtest.DefaultChannel + ") CHLTYPE(SVRCONN)"})
	endpoint := listen(t, qm)
	c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer()})
	must(t, err)
	must(t, c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "out", true)
		must(t, err)
		put(t, ctx, conn, "IN", "deadly", "good")
		return nil
	}))
	var ends []int
	journal := filepath.Join(t.TempDir(), "attempts")
	for range 4 {
		child := exec.Command(os.Args[0], "-test.run=^TestVictimOfAPoisonMessage$")
		child.Env = append(os.Environ(), victimEndpoint+"="+endpoint, victimJournal+"="+journal)
		out, err := child.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if ends = append(ends, child.ProcessState.ExitCode()); ends[len(ends)-1] == 1 {
			t.Fatalf("%s", out)
		}
	}
	if want := []int{66, 66, 66, 0}; !slices.Equal(ends, want) {
		t.Errorf("the processes ended with %v, want %v", ends, want)
	}
	wantDepth(t, qm, "IN", 0)
	wantDepth(t, qm, "IN.POISON", 1)
}

// listen makes qm accept connections and gives the address.
func listen(t testing.TB, qm *mqtest.QueueManager) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := qm.Serve(l); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}
