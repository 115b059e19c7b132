package mqtest

import (
	"net"
	"runtime"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// A socket whose other end is closed is known as such before anything reads it.
func TestHungUpIsSeenWithoutReading(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if hungUp(server) {
		t.Error("the client is there and silent")
	}
	if _, err := client.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if hungUp(server) {
		t.Error("the client is there and has sent something")
	}
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	for runtime.GOOS != "windows" && !hungUp(server) { // on a busy machine the kernel passes it on after Close has returned
		runtime.Gosched()
	}
}

// waiter is a session with a get of its own that waits on queue A.
func startWaiter(t *testing.T, qm *QueueManager, gone func() bool) (*session, <-chan mqrc.Reason) {
	t.Helper()
	s, r := qm.connect(connectRequest{gone: gone})
	if r != mqrc.None {
		t.Fatal(r)
	}
	d := newOD(mqconn.Address{Queue: "A"})
	object, r := s.open(&d, ooInputShared)
	if r != mqrc.None {
		t.Fatal(r)
	}
	before := qm.Waiting("A")
	result := make(chan mqrc.Reason, 1)
	go func() {
		d, o := newMD(), newGMO(gmoWait, 0, waitUnlimited)
		b, r := s.get(object, &d, &o, 100, nil, nil)
		if b != nil {
			b.release()
		}
		result <- r
	}()
	for qm.Waiting("A") == before {
		runtime.Gosched()
	}
	return s, result
}

func TestWaiterWhoseClientIsGoneLeavesTheMessageToTheNext(t *testing.T) {
	qm := New(t, Options{MQSC: "DEFINE QLOCAL(A)"})
	_, dead := startWaiter(t, qm, func() bool { return true })
	_, living := startWaiter(t, qm, func() bool { return false })
	q := qm.objects.queues["A"]
	if r := q.put(&message{md: newMD(), body: newBody(nil)}, visible); r != mqrc.None {
		t.Fatal(r)
	}
	if r := <-dead; r != mqrc.ConnectionBroken {
		t.Errorf("the dead client's get: %s", r)
	}
	if r := <-living; r != mqrc.None {
		t.Errorf("the living client's get: %s", r)
	}
}

// The end of the connection and a message come at the same time: whichever the get sees first, it
// takes nothing.
func TestWaiterWhoseConnectionEndedTakesNothing(t *testing.T) {
	for range 30 {
		qm := New(t, Options{MQSC: "DEFINE QLOCAL(A)"})
		s, result := startWaiter(t, qm, nil)
		q := qm.objects.queues["A"]
		q.mu.Lock()
		q.link(&message{md: newMD(), body: newBody(nil)}, visible)
		s.end()
		q.mu.Unlock()
		if r := <-result; r != mqrc.ConnectionBroken {
			t.Fatal(r)
		}
		if n, err := qm.Depth("A"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
}
