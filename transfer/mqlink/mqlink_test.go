package mqlink_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
	"github.com/mqha/mqha/transfer/mqlink"
	"go.uber.org/goleak"
)

// TestMain is also the main of the processes that the crash test starts.
func TestMain(m *testing.M) {
	if order := os.Getenv(taskVariable); order != "" {
		if err := runChild(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const definitions = `
DEFINE QLOCAL(MQHA.A.IN) DEFSOPT(EXCL) NOSHARE REPLACE
DEFINE QLOCAL(MQHA.B.IN) DEFSOPT(EXCL) NOSHARE REPLACE
DEFINE QLOCAL(MQHA.SMALL.IN) MAXDEPTH(1) REPLACE
`

// withSession runs fn with one session of a new connector.
func withSession(t *testing.T, q *mqtest.QueueManager, fn func(ctx context.Context, s *mqconn.Session)) {
	t.Helper()
	withEvents(t, q, nil, fn)
}

// withEvents is withSession that tells what the connector has to say.
func withEvents(t *testing.T, q *mqtest.QueueManager, on func(mqconn.Event), fn func(ctx context.Context, s *mqconn.Session)) {
	t.Helper()
	c, err := mqconn.New(mqconn.Config{Dialer: q.Dialer(), Endpoints: []string{"in process"}, OnEvent: on})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = c.Run(ctx, func(ctx context.Context, s *mqconn.Session) error {
		fn(ctx, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, ctx context.Context, s *mqconn.Session, agent string) *mqlink.Link {
	t.Helper()
	l, err := mqlink.New(ctx, s, agent)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestFramesArriveInOrder(t *testing.T) {
	q := mqtest.New(t, mqtest.Options{MQSC: definitions})
	withSession(t, q, func(ctx context.Context, sa *mqconn.Session) {
		a := link(t, ctx, sa, "A")
		withSession(t, q, func(ctx context.Context, sb *mqconn.Session) {
			b := link(t, ctx, sb, "B")
			for i := range 200 {
				if err := a.Send(ctx, &transfer.Frame{Peer: "B", Persistent: i%10 == 0, Body: fmt.Appendf(nil, "%d", i)}); err != nil {
					t.Fatal(err)
				}
			}
			var f transfer.Frame
			for i := range 200 {
				if err := b.Receive(ctx, &f); err != nil {
					t.Fatal(err)
				}
				if string(f.Body) != fmt.Sprint(i) || f.Persistent != (i%10 == 0) {
					t.Errorf("frame %d: %q %v", i, f.Body, f.Persistent)
				}
				if f.Persistent {
					if err := b.Commit(ctx); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	})
	if n, err := q.Depth("MQHA.B.IN"); n != 0 || err != nil {
		t.Errorf("depth %d, %v", n, err)
	}
}

// TestOnlyControlFramesWaitForAnAgentForEver: the questions about each transfer lay on the queue of an agent that was away
// for days, one every ten seconds, and it had to answer each of them when it came back.
func TestOnlyControlFramesWaitForAnAgentForEver(t *testing.T) {
	q := mqtest.New(t, mqtest.Options{MQSC: definitions})
	withSession(t, q, func(ctx context.Context, s *mqconn.Session) {
		l := link(t, ctx, s, "A")
		c, err := s.Open(ctx, "look", false)
		if err != nil {
			t.Fatal(err)
		}
		for _, persistent := range []bool{false, true} {
			if err := l.Send(ctx, &transfer.Frame{Peer: "SMALL", Persistent: persistent, Body: []byte("x")}); err != nil {
				t.Fatal(err)
			}
			var m mqconn.Message
			if err := c.Get(ctx, "MQHA.SMALL.IN", &m, mqconn.GetOptions{}); err != nil {
				t.Fatal(err)
			}
			if m.Persistent != persistent || persistent != (m.Expiry == 0) || m.Expiry > 10*time.Minute {
				t.Errorf("persistent %v: it goes after %v", m.Persistent, m.Expiry)
			}
		}
	})
}

// TestUnsettledControlFrameComesAgain: what was received and not committed when the session ends is
// delivered to the next one.
func TestUnsettledControlFrameComesAgain(t *testing.T) {
	q := mqtest.New(t, mqtest.Options{MQSC: definitions})
	var f transfer.Frame
	withSession(t, q, func(ctx context.Context, s *mqconn.Session) {
		l := link(t, ctx, s, "A")
		if err := l.Send(ctx, &transfer.Frame{Peer: "A", Persistent: true, Body: []byte("open")}); err != nil {
			t.Fatal(err)
		}
		if err := l.Receive(ctx, &f); err != nil {
			t.Fatal(err)
		}
	})
	withSession(t, q, func(ctx context.Context, s *mqconn.Session) {
		l := link(t, ctx, s, "A")
		if err := l.Receive(ctx, &f); err != nil || string(f.Body) != "open" {
			t.Errorf("%q, %v", f.Body, err)
		}
		if err := l.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	})
	if n, err := q.Depth("MQHA.A.IN"); n != 0 || err != nil {
		t.Errorf("depth %d, %v", n, err)
	}
}

// TestOnlyOneInstanceHoldsTheInputQueue: the second waits, and has the queue when the first is gone.
func TestOnlyOneInstanceHoldsTheInputQueue(t *testing.T) {
	q := mqtest.New(t, mqtest.Options{MQSC: definitions})
	withSession(t, q, func(ctx context.Context, first *mqconn.Session) {
		link(t, ctx, first, "A")
		waits := make(chan struct{})
		seen := sync.OnceFunc(func() { close(waits) })
		withEvents(t, q, func(ev mqconn.Event) {
			if ev.Kind == mqconn.QueueHeld {
				seen()
			}
		}, func(ctx context.Context, second *mqconn.Session) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(ctx, seen)()
			go func() { <-waits; cancel() }()
			_, err := mqlink.New(ctx, second, "A")
			var e *mqconn.Error
			if !errors.As(err, &e) || e.Class != mqconn.InUse || e.Queue != "MQHA.A.IN" {
				t.Errorf("the second instance: %v", err)
			}
		})
	})
	withSession(t, q, func(ctx context.Context, s *mqconn.Session) { link(t, ctx, s, "A") })
}

// TestUnknownPeerIsNoTroubleForTheOthers is IT29902: one request to an unknown destination put the
// whole agent into recovery.
func TestUnknownPeerIsNoTroubleForTheOthers(t *testing.T) {
	q := mqtest.New(t, mqtest.Options{MQSC: definitions})
	withSession(t, q, func(ctx context.Context, s *mqconn.Session) {
		l := link(t, ctx, s, "A")
		if err := l.Send(ctx, &transfer.Frame{Peer: "NOBODY", Body: []byte("x")}); !errors.Is(err, transfer.ErrPeer) {
			t.Errorf("unknown peer: %v", err)
		}
		for range 2 {
			err := l.Send(ctx, &transfer.Frame{Peer: "SMALL", Body: []byte("x")})
			if err != nil && !errors.Is(err, transfer.ErrPeer) {
				t.Errorf("full queue: %v", err)
			}
		}
		if err := l.Send(ctx, &transfer.Frame{Peer: "B", Body: []byte("x")}); err != nil {
			t.Errorf("the others: %v", err)
		}
	})
}

// TestEnginesOverQueues moves a file between two engines over one queue manager, which restarts
// meanwhile.
func TestEnginesOverQueues(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"a", "b", "out", "in", "qm"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	source := filepath.Join(dir, "out", "file")
	if err := os.WriteFile(source, make([]byte, 20<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	half := make(chan struct{}, 1)
	ea := open(t, filepath.Join(dir, "a"), transfer.Options{Name: "A", ReadRoots: []string{filepath.Join(dir, "out")}, OnEvent: func(e transfer.Event) {
		if e.Durable > e.Bytes/4 {
			select {
			case half <- struct{}{}:
			default:
			}
		}
	}})
	eb := open(t, filepath.Join(dir, "b"), transfer.Options{Name: "B", WriteRoot: filepath.Join(dir, "in")})
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: source, Destination: "file"}}})
	if err != nil {
		t.Fatal(err)
	}
	o := mqtest.Options{Dir: filepath.Join(dir, "qm"), MQSC: definitions}
	q := start(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 2)
	moving := &moving{now: q.Dialer()}
	for name, e := range map[string]*transfer.Engine{"A": ea, "B": eb} {
		c, err := mqconn.New(mqconn.Config{Dialer: moving, Endpoints: []string{"in process"}, Repeatable: true})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			done <- c.Run(ctx, func(ctx context.Context, s *mqconn.Session) error {
				l, err := mqlink.New(ctx, s, name)
				if err != nil {
					return err
				}
				return e.Run(ctx, l)
			})
		}()
	}
	<-half
	q.Kill()
	q = start(t, o)
	moving.to(q.Dialer())
	s, err := ea.Wait(t.Context(), id)
	if err != nil || s.State != transfer.Completed || s.Failed > 0 {
		t.Errorf("%+v, %v", s, err)
	}
	cancel()
	<-done
	<-done
	for _, e := range []*transfer.Engine{ea, eb} {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if fi, err := os.Stat(filepath.Join(dir, "in", "file")); err != nil || fi.Size() != 20<<20 {
		t.Errorf("%v, %v", fi, err)
	}
}
