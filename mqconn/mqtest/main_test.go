package mqtest_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/mqha/mqha/internal/loopback"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// TestMain lets the test binary be the processes that the tests kill.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}

const definitions = `
* Queues of the tests
DEFINE QLOCAL(A) REPLACE
DEFINE QLOCAL(B) REPLACE
DEFINE QLOCAL(HELD) DEFSOPT(EXCL) NOSHARE MAXDEPTH(999999999) REPLACE
DEFINE QLOCAL(SMALL) MAXDEPTH(2) MAXMSGL(10) REPLACE
DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) HBINT(5) REPLACE
`

func serve(tb testing.TB, qm *mqtest.QueueManager) string {
	tb.Helper()
	return serveAt(tb, qm, loopback.Any())
}

func serveAt(tb testing.TB, qm *mqtest.QueueManager, address string) string {
	tb.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	if err := qm.Serve(l); err != nil {
		tb.Fatal(err)
	}
	return l.Addr().String()
}

func dial(tb testing.TB, d mqconn.Dialer, endpoint string, transacted bool) mqconn.Transport {
	tb.Helper()
	c, err := d.Dial(tb.Context(), mqconn.DialOptions{Endpoint: endpoint, Role: "test", Transacted: transacted})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() }) // the connection may be broken on purpose
	return c
}

func put(tb testing.TB, c mqconn.Transport, queue, text string, persistent bool) mqconn.ID {
	tb.Helper()
	m := mqconn.Message{Body: []byte(text), Persistent: persistent}
	if err := c.Put(mqconn.Address{Queue: queue}, &m); err != nil {
		tb.Fatal(err)
	}
	return m.ID
}

// get expects text as the next message, or none for "".
func get(tb testing.TB, c mqconn.Transport, queue, text string) mqconn.Message {
	tb.Helper()
	var m mqconn.Message
	err := c.Get(queue, &m, mqconn.GetOptions{})
	switch {
	case text == "" && errors.Is(err, mqconn.ErrNoMessage):
	case text == "" && err == nil:
		tb.Fatalf("got %q from %s, want nothing", m.Body, queue)
	case err != nil:
		tb.Fatalf("get %q from %s: %v", text, queue, err)
	case !bytes.Equal(m.Body, []byte(text)):
		tb.Fatalf("got %q from %s, want %q", m.Body, queue, text)
	}
	return m
}

func wantReason(tb testing.TB, err error, want mqrc.Reason) {
	tb.Helper()
	var f *mqconn.Fault
	if !errors.As(err, &f) || f.Reason != want {
		tb.Fatalf("got %v, want reason %s", err, want)
	}
	if f.CompletionCode != 2 {
		tb.Fatalf("completion code %d of %v", f.CompletionCode, err)
	}
}

func wantDepth(tb testing.TB, qm *mqtest.QueueManager, queue string, want int) {
	tb.Helper()
	if n, err := qm.Depth(queue); err != nil || n != want {
		tb.Fatalf("depth of %s: %d, %v, want %d", queue, n, err, want)
	}
}

// awaitWaiting returns when n gets wait on queue.
func awaitWaiting(qm *mqtest.QueueManager, queue string, n int) {
	for qm.Waiting(queue) != n {
		yield()
	}
}

// yield lets the others run: what is awaited here is work of theirs, not the clock.
func yield() { runtime.Gosched() }
