//go:build ibmmq && cgo

package jms20

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wantReason(tb testing.TB, err error, want mqrc.Reason) {
	tb.Helper()
	if got := reason(err); got != want {
		tb.Fatalf("got %v, want reason %s", err, want)
	}
}

func TestPutSurvivesGarbageCollection(t *testing.T) {
	qm, d, endpoint := start(t, Options{})
	c := dial(t, d, endpoint, false)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	const n = 300
	for i := range n {
		m := mqconn.Message{Body: []byte{byte(i), byte(i >> 8)}, CorrelationID: mqconn.ID{23: 1}}
		if err := c.Put(somewhere, &m); err != nil {
			t.Errorf("message %d: %v", i, err)
			break
		}
	}
	close(stop)
	<-stopped
	if depth, err := qm.Depth("A"); err != nil || depth != n {
		t.Errorf("%d messages arrived, %v, want %d", depth, err, n)
	}
	must(t, c.Close())
}

func TestPutMakesTheMessageAnewWhenItsHandleWasDeleted(t *testing.T) {
	s := &script{sends: []jms20subset.JMSException{exception(2, 2460), exception(2, 2460), nil}}
	c := dial(t, scripted(s, nil), "h:1", true)
	must(t, c.Put(somewhere, &mqconn.Message{Body: []byte("x"), Priority: 9, Persistent: true, CorrelationID: mqconn.ID{1}}))
	if len(s.sent) != 3 || s.sent[0] == s.sent[1] || s.sent[2].GetJMSCorrelationID() != "01" {
		t.Errorf("sent %d messages, want 3 of the same contents", len(s.sent))
	}
}

func TestBrokenConnectionBehindADeletedHandleIsTold(t *testing.T) {
	for probe, want := range map[int32]mqrc.Reason{2009: mqrc.ConnectionBroken, 2162: mqrc.QMgrStopping, 2085: mqrc.HMsgError} {
		s := &script{sends: []jms20subset.JMSException{exception(2, 2460)}, opens: []jms20subset.JMSException{exception(2, probe)}}
		c := dial(t, scripted(s, nil), "h:1", false)
		wantReason(t, c.Put(somewhere, &mqconn.Message{}), want)
		if len(s.sent) != sendTries {
			t.Errorf("sent %d times, want %d", len(s.sent), sendTries)
		}
	}
}

// A program that gets from hundreds of queues, one after the other, would meet 2017 at MAXHANDS, by default 256, again and
// again until its session ends.
func TestManySourcesDoNotUseUpTheHandles(t *testing.T) {
	qm, d, endpoint := start(t, Options{})
	c := dial(t, d, endpoint, false).(*transport)
	must(t, c.Hold("HELD"))
	for i := range 300 {
		queue := fmt.Sprintf("SOURCE.%d", i)
		must(t, qm.MQSC("DEFINE QLOCAL("+queue+")"))
		if err := c.Get(queue, new(mqconn.Message), mqconn.GetOptions{}); !errors.Is(err, mqconn.ErrNoMessage) {
			t.Fatalf("%s: %v", queue, err)
		}
		if len(c.consumers) > 128 || c.consumers[queue] == nil || c.consumers["HELD"] == nil {
			t.Fatalf("%s: %d queues are open", queue, len(c.consumers))
		}
	}
	must(t, c.Close())
}

// The handle of a dynamic queue that was deleted answers 2052 for as long as it is open, also when a queue of that name is
// there again.
func TestConsumerOfADeletedQueueIsNotKept(t *testing.T) {
	qm, d, endpoint := start(t, Options{})
	c := dial(t, d, endpoint, false).(*transport)
	var m mqconn.Message
	for queue, hold := range map[string]bool{"A": false, "HELD": true} {
		must(t, c.Put(mqconn.Address{Queue: queue}, &m))
		if hold {
			must(t, c.Hold(queue))
		}
		qm.Inject(mqtest.Fault{Verb: mqconn.VerbGet, Reason: mqrc.QDeleted})
		wantReason(t, c.Get(queue, &m, mqconn.GetOptions{}), mqrc.QDeleted)
		if kept := c.consumers[queue] != nil; kept != hold { // to open a held one in a get would share it
			t.Errorf("held %v: the consumer is kept: %v", hold, kept)
		}
		must(t, c.Get(queue, &m, mqconn.GetOptions{}))
	}
	must(t, c.Put(somewhere, &m))
	must(t, c.Browse("A", &m, false))
	qm.Inject(mqtest.Fault{Verb: mqconn.VerbGet, Reason: mqrc.QDeleted})
	wantReason(t, c.Browse("A", &m, true), mqrc.QDeleted)
	if c.browsers["A"] != nil {
		t.Error("the browser is kept")
	}
	must(t, c.Close())
}

func TestWaitIsNeverLongerThanASliceNorForEver(t *testing.T) {
	s := &script{opens: []jms20subset.JMSException{nil}, receives: []jms20subset.JMSException{nil}}
	c := dial(t, scripted(s, nil), "h:1", true)
	for _, wait := range []time.Duration{0, time.Nanosecond, time.Millisecond + 1, mqconn.MaxSlice, time.Hour} {
		if err := c.Get("A", new(mqconn.Message), mqconn.GetOptions{Wait: wait}); !errors.Is(err, mqconn.ErrNoMessage) {
			t.Fatal(err)
		}
	}
	if want := []int32{0, 1, 2, 1000, 1000}; !slices.Equal(s.waits, want) { // the first is ReceiveNoWait
		t.Errorf("waits of %d ms, want %d", s.waits, want)
	}
}

// The queue manager has given the message already, and the library has dropped it.
func TestMessageThatCameWithAWarningIsBackedOut(t *testing.T) {
	s := &script{opens: []jms20subset.JMSException{nil}, receives: []jms20subset.JMSException{exception(1, 2120)}}
	err := dial(t, scripted(s, nil), "h:1", true).Get("A", new(mqconn.Message), mqconn.GetOptions{})
	if !errors.Is(err, mqconn.ErrReopen) || reason(err) != 2120 {
		t.Errorf("got %v, which does not end the session", err)
	}
}

func TestCallsOnABrokenConnectionDoNotReachTheLibrary(t *testing.T) {
	s := &script{sends: []jms20subset.JMSException{exception(2, 2009)}}
	c := dial(t, scripted(s, nil), "h:1", true)
	for range 3 {
		wantReason(t, c.Put(somewhere, &mqconn.Message{}), mqrc.ConnectionBroken)
	}
	for _, err := range []error{c.Commit(), c.Backout(), c.Hold("A"), c.Browse("A", new(mqconn.Message), false),
		c.Get("A", new(mqconn.Message), mqconn.GetOptions{}), c.Close()} {
		wantReason(t, err, mqrc.ConnectionBroken)
	}
	if len(s.sent) != 1 || s.closed != 1 {
		t.Errorf("%d messages made, each of which prints; closed %d times", len(s.sent), s.closed)
	}
	wantReason(t, c.Commit(), mqrc.HConnError) // after Close the number may be another connection's
}

func TestQueueThatCanBeSharedIsNotHeld(t *testing.T) {
	qm, d, endpoint := start(t, Options{})
	a, b := dial(t, d, endpoint, true), dial(t, d, endpoint, true)
	err := a.Hold("A")
	if !errors.Is(err, mqconn.ErrNotExclusive) {
		t.Fatalf("got %v, want ErrNotExclusive", err)
	}
	must(t, qm.MQSC("ALTER QLOCAL(A) DEFSOPT(EXCL) NOSHARE"))
	must(t, b.Hold("A")) // nothing of the attempt is left
	wantReason(t, a.Hold("A"), mqrc.ObjectInUse)
	must(t, a.Close())
	must(t, b.Close())
}

func TestGetOfANonPersistentMessageIsInTheUnitOfWork(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	c := dial(t, d, endpoint, true)
	var m mqconn.Message
	must(t, c.Put(somewhere, &mqconn.Message{Body: []byte("x")}))
	must(t, c.Commit())
	for range 2 {
		must(t, c.Get("A", &m, mqconn.GetOptions{}))
		if m.BackoutCount != -1 || m.UserID != "" {
			t.Errorf("backout count %d and user %q, which nobody can know", m.BackoutCount, m.UserID)
		}
		must(t, c.Backout())
	}
	must(t, c.Close())
}

func TestOtherQueueManagersAreRefused(t *testing.T) {
	qm, d, endpoint := start(t, Options{})
	c := dial(t, d, endpoint, false)
	wantReason(t, c.Put(mqconn.Address{Queue: "A", QueueManager: "QM2"}, &mqconn.Message{}), mqrc.UnknownRemoteQMgr)
	foreign := mqconn.Message{ReplyTo: mqconn.Address{Queue: "R", QueueManager: "QM2"}}
	wantReason(t, c.Put(somewhere, &foreign), mqrc.UnknownRemoteQMgr)
	own := mqconn.Message{ReplyTo: mqconn.Address{Queue: "R", QueueManager: "QM1"}}
	must(t, c.Put(mqconn.Address{Queue: "A", QueueManager: "QM1"}, &own))
	if n, err := qm.Depth("A"); err != nil || n != 1 {
		t.Errorf("%d messages, %v, want 1", n, err)
	}
	must(t, c.Close())
}

func TestWhatTheLibraryWouldDropOrPrintAboutIsRefused(t *testing.T) {
	c := dial(t, scripted(&script{}, nil), "h:1", false)
	wantReason(t, c.Put(somewhere, &mqconn.Message{Priority: -1}), mqrc.PriorityError)
	wantReason(t, c.Put(somewhere, &mqconn.Message{Expiry: -1}), mqrc.ExpiryError)
	wantReason(t, c.Put(somewhere, &mqconn.Message{Expiry: math.MaxInt32 * time.Millisecond}), mqrc.ExpiryError)
	for _, report := range []mqconn.Report{mqconn.ReportException, mqconn.ReportExpiration, mqconn.ReportPassMessageID,
		mqconn.ReportPassCorrelationID, mqconn.ReportArrival | mqconn.ReportException} {
		m := mqconn.Message{ReplyTo: mqconn.Address{Queue: "B"}, Report: report}
		wantReason(t, c.Put(somewhere, &m), mqrc.ReportOptionsError)
	}
	both := mqconn.GetOptions{ID: mqconn.ID{1}, CorrelationID: mqconn.ID{2}}
	wantReason(t, c.Get("A", new(mqconn.Message), both), mqrc.MatchOptionsError)
}

func TestShortExpiryIsRoundedUp(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	c := dial(t, d, endpoint, false)
	var m mqconn.Message
	must(t, c.Put(somewhere, &mqconn.Message{Expiry: time.Minute + time.Millisecond}))
	must(t, c.Get("A", &m, mqconn.GetOptions{}))
	if m.Expiry <= 59*time.Second || m.Expiry > time.Minute+expiryUnit {
		t.Errorf("expiry %s", m.Expiry)
	}
	// 1 ms would be 0 tenths of a second, which the library takes for "never" and the queue manager refuses.
	must(t, c.Put(somewhere, &mqconn.Message{Expiry: time.Millisecond}))
	if ms := c.(*transport).producer.GetTimeToLive(); ms != 100 {
		t.Errorf("1 ms was put as %d ms", ms)
	}
	must(t, c.Close())
}

func TestTextOfAnotherProgramIsRead(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	c := dial(t, d, endpoint, false)
	other := c.(*transport).context
	for _, text := range []string{"text", ""} {
		if ex := other.CreateProducer().SendString(other.CreateQueue("A"), text); ex != nil {
			t.Fatal(ex)
		}
		m := mqconn.Message{Body: []byte("old")}
		must(t, c.Get("A", &m, mqconn.GetOptions{}))
		if string(m.Body) != text {
			t.Errorf("got %q, want %q", m.Body, text)
		}
	}
	must(t, c.Close())
}

func TestFormsOfCorrelationIdentifierThatAreLost(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	c := dial(t, d, endpoint, false)
	for put, got := range map[mqconn.ID]mqconn.ID{
		mqconn.ID([]byte("0123456789ABCDEF01234567")): mqconn.ID([]byte("0123456789abcdef01234567")),
		{0: '3', 1: '1', 2: '3', 3: '2'}:              {0: 0x12}, // hex digits of hex digits
	} {
		must(t, c.Put(somewhere, &mqconn.Message{CorrelationID: put}))
		var m mqconn.Message
		must(t, c.Get("A", &m, mqconn.GetOptions{}))
		if m.CorrelationID != got {
			t.Errorf("%x came out as %x, the package comment says %x", put, m.CorrelationID, got)
		}
		must(t, c.Put(somewhere, &mqconn.Message{CorrelationID: put}))
		must(t, c.Get("A", &m, mqconn.GetOptions{CorrelationID: put}))
		if m.CorrelationID != put {
			t.Errorf("asked for by %x it came out as %x", put, m.CorrelationID)
		}
	}
	must(t, c.Close())
}

// Two connections are two contexts: a get that waits on one locks nothing of the other.
func TestPutDoesNotWaitForAGetOfAnotherConnection(t *testing.T) {
	qm, d, endpoint := start(t, Options{})
	waiting, other := dial(t, d, endpoint, true), dial(t, d, endpoint, false)
	var got mqconn.Message
	var err error
	var wg sync.WaitGroup
	wg.Go(func() {
		for err = mqconn.ErrNoMessage; errors.Is(err, mqconn.ErrNoMessage); {
			err = waiting.Get("A", &got, mqconn.GetOptions{Wait: mqconn.MaxSlice})
		}
	})
	for qm.Waiting("A") == 0 {
		runtime.Gosched()
	}
	must(t, other.Put(mqconn.Address{Queue: "B"}, &mqconn.Message{}))
	must(t, other.Put(somewhere, &mqconn.Message{Body: []byte("x")}))
	wg.Wait()
	if err != nil || string(got.Body) != "x" {
		t.Error(err, fmt.Sprintf("%q", got.Body))
	}
	must(t, waiting.Close())
	must(t, other.Close())
}

func TestPutWithAWarningIsDone(t *testing.T) {
	s := &script{sends: []jms20subset.JMSException{exception(1, 2104)}}
	must(t, dial(t, scripted(s, nil), "h:1", false).Put(somewhere, &mqconn.Message{}))
	if len(s.sent) != 1 {
		t.Errorf("sent %d times", len(s.sent))
	}
}

// The library would browse in syncpoint, which the queue manager refuses without saying why.
func TestBrowseOnATransactedConnectionIsRefused(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	c := dial(t, d, endpoint, true)
	must(t, c.Put(somewhere, &mqconn.Message{}))
	must(t, c.Commit())
	err := c.Browse("A", new(mqconn.Message), false)
	if wantReason(t, err, mqrc.OptionsError); !errors.Is(err, errBrowse) {
		t.Error(err)
	}
	other := c.(*transport).context
	browser, ex := other.CreateBrowser(other.CreateQueue("A"))
	mustNot(t, ex)
	all, ex := browser.GetEnumeration()
	mustNot(t, ex)
	if _, ex := all.GetNext(); ex == nil || ex.GetErrorCode() != "2046" {
		t.Errorf("the library can do it: %v", ex)
	}
	must(t, c.Close())
}
