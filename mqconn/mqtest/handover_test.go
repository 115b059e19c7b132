package mqtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
)

func dialLocal(t *testing.T, qm *QueueManager, transacted bool) mqconn.Transport {
	t.Helper()
	c, err := qm.Dialer().Dial(t.Context(), mqconn.DialOptions{Transacted: transacted})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the queue manager may have gone
	return c
}

// A message for a get that waits in this process is copied once, and only if it may be: the rows are those that must be
// on the queue first, and all of them arrive.
func TestMessageIsHandedToTheGetThatWaits(t *testing.T) {
	const long = smallestHandOver
	for _, row := range []struct {
		name       string
		queue      string
		message    mqconn.Message
		transacted bool // the put
		room       int
		fault      Fault
		onQueue    uint64 // how many messages have arrived there
	}{
		{name: "handed over", room: long},
		{name: "handed over into more room than it needs", room: 2 * long},
		{name: "short", message: mqconn.Message{Body: make([]byte, long-1)}, room: long, onQueue: 1},
		{name: "no room", room: long - 1, onQueue: 1},
		{name: "persistent", message: mqconn.Message{Persistent: true}, room: long, onQueue: 1},
		{name: "in a unit of work", transacted: true, room: long, onQueue: 1},
		{name: "lost", fault: Fault{Lose: true, Skip: 1}, room: long, onQueue: 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			qm := New(t, Options{MQSC: "DEFINE QLOCAL(A)"})
			from, to := dialLocal(t, qm, row.transacted), dialLocal(t, qm, true)
			if row.fault != (Fault{}) {
				qm.Inject(row.fault)
			}
			memory := make([]byte, row.room)
			m := mqconn.Message{Body: memory}
			got := make(chan error, 1)
			go func() { got <- to.Get("A", &m, mqconn.GetOptions{Wait: time.Minute}) }()
			for qm.Waiting("A") == 0 {
				runtime.Gosched()
			}
			sent := row.message
			if sent.Body == nil {
				sent.Body = make([]byte, long)
			}
			sent.Priority, sent.CorrelationID, sent.Expiry = 3, mqconn.ID{23: 1}, time.Hour
			sent.ReplyTo = mqconn.Address{QueueManager: "QM1", Queue: "BACK"}
			want := bytes.Repeat([]byte{7}, len(sent.Body))
			copy(sent.Body, want)
			if err := from.Put(mqconn.Address{Queue: "A"}, &sent); err != nil {
				t.Fatal(err)
			}
			clear(sent.Body) // it is the sender's again
			if err := from.Commit(); err != nil {
				t.Fatal(err)
			}
			if err := <-got; err != nil {
				t.Fatal(err)
			}
			if m.ID != sent.ID || m.CorrelationID != sent.CorrelationID || m.Priority != 3 || m.ReplyTo != sent.ReplyTo ||
				m.Persistent != sent.Persistent || m.Expiry <= 0 || m.Expiry > time.Hour || m.UserID != defaultUser {
				t.Errorf("got %+v, want %+v", m, sent)
			}
			if !bytes.Equal(m.Body, want) || row.room >= len(want) && &m.Body[0] != &memory[0] {
				t.Errorf("got %d bytes, or not in the receiver's memory", len(m.Body))
			}
			if n := qm.objects.queues["A"].arrived; n != row.onQueue {
				t.Errorf("%d messages were on the queue, want %d", n, row.onQueue)
			}
		})
	}
}

func TestQueueSaysWhatIsNotHandedOver(t *testing.T) {
	for name, attributes := range map[string]string{
		"persistent by definition": "DEFPSIST(YES)", "full": "MAXDEPTH(0)", "too long": "MAXMSGL(10)", "inhibited": "PUT(DISABLED)",
	} {
		t.Run(name, func(t *testing.T) {
			qm := New(t, Options{MQSC: "DEFINE QLOCAL(A) " + attributes})
			q := qm.objects.queues["A"]
			q.mu.Lock()
			w := q.wait(selection{})
			w.memory = make([]byte, 0, 2*smallestHandOver)
			q.mu.Unlock()
			m := &message{md: newMD(), body: newBody(make([]byte, smallestHandOver))}
			if got := q.hand(m); got != nil || w.given != nil {
				t.Error("it was handed over")
			}
		})
	}
}

// Gets that give up at the very moment in which a message comes, and senders that do not wait for anybody: no message is
// lost, torn or got twice.
func TestHandOverRacesWithTheEndOfTheWait(t *testing.T) {
	const senders, receivers, each = 3, 3, 300
	qm := New(t, Options{MQSC: "DEFINE QLOCAL(A) MAXDEPTH(999999)"})
	var sending, receiving sync.WaitGroup
	var mu sync.Mutex
	seen := make(map[uint64]int)
	var all atomic.Bool
	for range receivers {
		c := dialLocal(t, qm, false)
		receiving.Go(func() {
			m := mqconn.Message{Body: make([]byte, 2*smallestHandOver)}
			for i := 0; ; i++ {
				last := all.Load()
				err := c.Get("A", &m, mqconn.GetOptions{Wait: time.Duration(i%3) * time.Millisecond})
				switch {
				case errors.Is(err, mqconn.ErrNoMessage) && last:
					return
				case errors.Is(err, mqconn.ErrNoMessage):
					continue
				case err != nil:
					t.Error(err)
					return
				}
				if err := checkStamp(m.Body); err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[binary.LittleEndian.Uint64(m.Body)]++
				mu.Unlock()
			}
		})
	}
	for s := range senders {
		c := dialLocal(t, qm, false)
		sending.Go(func() {
			m := mqconn.Message{Body: make([]byte, smallestHandOver+8*s)}
			for i := range each {
				stamp(m.Body, uint64(s*each+i))
				if err := c.Put(mqconn.Address{Queue: "A"}, &m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sending.Wait()
	all.Store(true)
	receiving.Wait()
	for number, n := range seen {
		if n != 1 {
			t.Errorf("message %d was got %d times", number, n)
		}
	}
	if len(seen) != senders*each {
		t.Errorf("got %d messages of %d", len(seen), senders*each)
	}
}

// stamp fills a body with a number; checkStamp finds the body of two messages.
func stamp(body []byte, number uint64) {
	for at := 0; at+8 <= len(body); at += 8 {
		binary.LittleEndian.PutUint64(body[at:], number)
	}
}

func checkStamp(body []byte) error {
	for at := 8; at+8 <= len(body); at += 8 {
		if !bytes.Equal(body[:8], body[at:at+8]) {
			return fmt.Errorf("%x at the start and %x at %d", body[:8], body[at:at+8], at)
		}
	}
	return nil
}
