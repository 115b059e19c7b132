package mqtest_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// The first waiter is woken for a message of low priority and takes a later one of high priority,
// which a second waiter was woken for. The second must then wake a third, which the first message
// is for as well: otherwise it sleeps beside it.
func TestWaiterThatWasRobbedWakesTheNext(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that the commit below shows both before anybody looks
	synctest.Test(t, func(t *testing.T) {
		qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
		mine := mqconn.ID{23: 1}
		results := make(chan error, 3)
		for _, correlation := range []mqconn.ID{{}, mine, {}} {
			c := dial(t, qm.Dialer(), "", false)
			go func() {
				results <- c.Get("A", new(mqconn.Message), mqconn.GetOptions{Wait: time.Second, CorrelationID: correlation})
			}()
			synctest.Wait()
		}
		c := dial(t, qm.Dialer(), "", true)
		for _, m := range []*mqconn.Message{{Priority: 1}, {Priority: 2, CorrelationID: mine}} {
			if err := c.Put(mqconn.Address{Queue: "A"}, m); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Commit(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // everybody has looked, and no time has passed
		wantDepth(t, qm, "A", 0)
		if a, b, third := <-results, <-results, <-results; a != nil || b != nil || !errors.Is(third, mqconn.ErrNoMessage) {
			t.Errorf("got %v, %v, %v: want two messages for three waiters", a, b, third)
		}
	})
}

// Every message goes to exactly one of many waiting gets, and none sleeps beside a message.
func TestManyPuttersAndGetters(t *testing.T) {
	const putters, getters, each = 3, 3, 400
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	if err := qm.MQSC("ALTER QLOCAL(A) MAXDEPTH(999999999)"); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen := make(map[mqconn.ID]int)
	var all sync.WaitGroup
	for range getters {
		c := dial(t, qm.Dialer(), "", true)
		all.Go(func() {
			for range putters * each / getters {
				var m mqconn.Message
				if err := c.Get("A", &m, mqconn.GetOptions{Wait: time.Hour}); err != nil {
					t.Error(err)
					return
				}
				if err := c.Commit(); err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[m.ID]++
				mu.Unlock()
			}
		})
	}
	for range putters {
		c := dial(t, qm.Dialer(), "", false)
		all.Go(func() {
			for i := range each {
				if err := c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{Persistent: i%2 == 0}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%x was got %d times", id, n)
		}
	}
	if len(seen) != putters*each {
		t.Errorf("%d messages, want %d", len(seen), putters*each)
	}
}
