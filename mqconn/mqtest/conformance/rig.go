package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// rig is a row's test and what it tests.
type rig struct {
	*testing.T
	Target
}

// patience bounds waits that end by themselves when the transport is right.
const patience = time.Minute

func (r rig) dial(transacted bool) mqconn.Transport {
	r.Helper()
	c, err := r.Dialer.Dial(r.Context(), mqconn.DialOptions{Endpoint: r.Endpoint, Role: "test", Transacted: transacted})
	if err != nil {
		r.Fatal(err)
	}
	closed := &closeOnce{Transport: c}
	r.Cleanup(func() { _ = closed.Close() }) // the connection may be broken on purpose
	return closed
}

// closeOnce keeps a row that closes its connection itself within the contract.
type closeOnce struct {
	mqconn.Transport
	closed bool
}

func (c *closeOnce) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	return c.Transport.Close()
}

func (r rig) put(c mqconn.Transport, queue, text string, persistent bool) mqconn.ID {
	r.Helper()
	m := mqconn.Message{Body: []byte(text), Persistent: persistent}
	if err := c.Put(mqconn.Address{Queue: queue}, &m); err != nil {
		r.Fatal(err)
	}
	return m.ID
}

// get expects text as the next message, or none for "".
func (r rig) get(c mqconn.Transport, queue, text string) mqconn.Message {
	r.Helper()
	var m mqconn.Message
	err := c.Get(queue, &m, mqconn.GetOptions{})
	r.judge("got", m, err, text)
	return m
}

func (r rig) browse(c mqconn.Transport, queue string, next bool, text string) {
	r.Helper()
	var m mqconn.Message
	err := c.Browse(queue, &m, next)
	r.judge("browsed", m, err, text)
}

func (r rig) judge(did string, m mqconn.Message, err error, want string) {
	r.Helper()
	switch {
	case want == "" && errors.Is(err, mqconn.ErrNoMessage):
	case want == "" && err == nil:
		r.Fatalf("%s %q, want nothing", did, m.Body)
	case err != nil:
		r.Fatalf("%s %v, want %q", did, err, want)
	case !bytes.Equal(m.Body, []byte(want)):
		r.Fatalf("%s %d bytes %.40q, want %.40q", did, len(m.Body), m.Body, want)
	}
}

func (r rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// inhibit sets whether puts to queue A and gets from it are refused.
func (r rig) inhibit(puts, gets bool) {
	r.Helper()
	if r.QueueManager == nil {
		r.must(r.Foreign.Inhibit("A", puts, gets))
		return
	}
	word := map[bool]string{true: "DISABLED", false: "ENABLED"}
	r.must(r.QueueManager.MQSC("ALTER QLOCAL(A) PUT(" + word[puts] + ") GET(" + word[gets] + ")"))
}

func (r rig) name() string {
	if r.QueueManager == nil {
		return r.Foreign.Name
	}
	return "QM1"
}

func (r rig) user() string {
	if r.QueueManager == nil {
		return r.Foreign.User
	}
	return "mqha"
}

// wantHeld counts the queues that are held, where the queue manager tells.
func (r rig) wantHeld(want int) {
	r.Helper()
	if r.QueueManager == nil {
		return // what holding does to others, they see for themselves
	}
	if _, held := r.QueueManager.Handles(); held != want {
		r.Errorf("%d queues held, want %d", held, want)
	}
}

func (r rig) depth(queue string) (int, error) {
	if r.QueueManager == nil {
		return r.Foreign.Depth(queue)
	}
	return r.QueueManager.Depth(queue)
}

func (r rig) wantReason(err error, want mqrc.Reason) {
	r.Helper()
	var f *mqconn.Fault
	if !errors.As(err, &f) || f.Reason != want {
		r.Fatalf("got %v, want reason %s", err, want)
	}
	if f.CompletionCode != 2 {
		r.Fatalf("completion code %d of %v", f.CompletionCode, err)
	}
}

func (r rig) wantDepth(queue string, want int) {
	r.Helper()
	if n, err := r.depth(queue); err != nil || n != want {
		r.Fatalf("depth of %s: %d, %v, want %d", queue, n, err, want)
	}
}

// joinedQueueManager starts another queue manager with queue A, and a channel to it.
func (r rig) joinedQueueManager(name string) *mqtest.QueueManager {
	r.Helper()
	other := mqtest.New(r.T, mqtest.Options{Name: name, MQSC: Definitions + "DEFINE CHANNEL(TO.OTHER) CHLTYPE(RCVR)"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	r.must(other.Serve(l))
	r.must(r.QueueManager.MQSC(fmt.Sprintf("DEFINE QLOCAL(%s) USAGE(XMITQ)\nDEFINE CHANNEL(TO.OTHER) CHLTYPE(SDR) CONNAME('127.0.0.1(%d)') XMITQ(%s)\n"+
		"START CHANNEL(TO.OTHER)", name, l.Addr().(*net.TCPAddr).Port, name)))
	return other
}

type getResult struct {
	mqconn.Message
	err error
}

// waiting starts a get from queue A that has to wait, in slices as the contract has it, and returns
// when the queue manager sees n of them. One that does not tell is believed to.
func (r rig) waiting(n int, c mqconn.Transport, o mqconn.GetOptions) <-chan getResult {
	r.Helper()
	o.Wait = mqconn.MaxSlice
	result := make(chan getResult, 1)
	go func() {
		var m mqconn.Message
		begun := time.Now()
		err := mqconn.ErrNoMessage
		for errors.Is(err, mqconn.ErrNoMessage) && time.Since(begun) < patience {
			err = c.Get("A", &m, o)
		}
		result <- getResult{m, err}
	}()
	r.await(fmt.Sprintf("%d gets wait on A", n), func() bool { return r.QueueManager == nil || r.QueueManager.Waiting("A") >= n })
	return result
}

// await returns when something is so that others work on.
func (r rig) await(what string, so func() bool) {
	r.Helper()
	for begun := time.Now(); !so(); runtime.Gosched() { // what is awaited is work of others, not the clock
		if time.Since(begun) > patience {
			r.Fatalf("after %v it is not so that %s", patience, what)
		}
	}
}
