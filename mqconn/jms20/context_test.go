//go:build ibmmq && cgo

package jms20

import (
	"bytes"
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// inSession calls fn once in a session of a Connector, on a transacted connection of this package.
func inSession(t *testing.T, d mqconn.Dialer, endpoint string, fn func(ctx context.Context, conn *mqconn.Conn)) {
	t.Helper()
	follow(t, d, endpoint, func(ctx context.Context, s *mqconn.Session) error {
		if s.Generation() > 1 {
			return nil // the first was lost, which is for fn to know
		}
		conn, err := s.Open(ctx, "test", true)
		if err != nil {
			return err
		}
		fn(ctx, conn)
		return nil
	})
}

func follow(t *testing.T, d mqconn.Dialer, endpoint string, fn func(ctx context.Context, s *mqconn.Session) error) {
	t.Helper()
	connector, err := mqconn.New(mqconn.Config{Dialer: d, Repeatable: true, Endpoints: []string{endpoint}})
	must(t, err)
	must(t, connector.Run(t.Context(), fn))
}

func mustContext(t *testing.T, ctx context.Context, conn *mqconn.Conn) jms20subset.JMSContext {
	t.Helper()
	c, err := Context(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustNot(tb testing.TB, ex jms20subset.JMSException) {
	tb.Helper()
	if ex != nil {
		tb.Fatal(ex)
	}
}

func wantClass(t *testing.T, ex jms20subset.JMSException, code string, want mqconn.Class) {
	t.Helper()
	var e *mqconn.Error
	if ex == nil || ex.GetErrorCode() != code || !errors.As(ex, &e) || e.Class != want {
		t.Fatalf("got %v, want reason %s of class %s", ex, code, want)
	}
}

func TestUnitOfWorkIsThatOfTheConnection(t *testing.T) {
	qm, d, endpoint := start(t, Options{})
	inSession(t, d, endpoint, func(ctx context.Context, conn *mqconn.Conn) {
		c := mustContext(t, ctx, conn)
		depth := func(want int) {
			t.Helper()
			if n, err := qm.Depth("A"); err != nil || n != want {
				t.Fatalf("%d messages, %v, want %d", n, err, want)
			}
		}
		mustNot(t, c.CreateProducer().SendString(c.CreateQueue("A"), "regretted"))
		must(t, conn.Backout(ctx))
		depth(0)
		must(t, conn.Put(ctx, somewhere, &mqconn.Message{Persistent: true}))
		mustNot(t, c.CreateProducer().SendString(c.CreateQueue("A"), "committed together"))
		mustNot(t, c.Commit())
		depth(2)
		var m mqconn.Message
		must(t, conn.Get(ctx, "A", &m, mqconn.GetOptions{}))
		mustNot(t, c.Rollback())
		depth(2)
	})
}

// A program that waits without end learns that its session has ended, and works on in the next.
func TestEndOfTheSessionEndsAReceiveWithoutEnd(t *testing.T) {
	qm, d, endpoint := start(t, Options{})
	var first jms20subset.TextMessage
	follow(t, d, endpoint, func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "test", true)
		must(t, err)
		c := mustContext(t, ctx, conn)
		consumer, ex := c.CreateConsumer(c.CreateQueue("A"))
		mustNot(t, ex)
		if s.Generation() == 2 {
			// A message of the first session, with all that was set, can be sent by this one.
			mustNot(t, c.CreateProducer().Send(c.CreateQueue("A"), first))
			mustNot(t, c.Commit())
			m, ex := consumer.Receive(0)
			mustNot(t, ex)
			amount, ex := m.GetIntProperty("amount")
			mustNot(t, ex)
			if text := *m.(jms20subset.TextMessage).GetText(); text != "first" || amount != 7 || m.GetJMSCorrelationID() != "id" {
				t.Errorf("got %q, %d, %q", text, amount, m.GetJMSCorrelationID())
			}
			return nil
		}
		first = c.CreateTextMessageWithString("first")
		mustNot(t, first.SetIntProperty("amount", 7))
		mustNot(t, first.SetJMSCorrelationID("id"))
		cut := make(chan struct{})
		go func() {
			defer close(cut)
			for qm.Waiting("A") == 0 {
				runtime.Gosched()
			}
			qm.Cut()
		}()
		_, ex = consumer.Receive(0)
		<-cut
		wantClass(t, ex, "2009", mqconn.Retry)
		if ctx.Err() == nil {
			t.Error("the session lives")
		}
		// Nothing reaches the library any more, which would print.
		for _, ex := range []jms20subset.JMSException{c.Commit(), c.CreateProducer().Send(c.CreateQueue("A"), first), first.SetIntProperty("n", 1)} {
			if ex == nil || ex.GetErrorCode() != "2009" || !errors.Is(ex, mqconn.ErrSessionEnded) {
				t.Errorf("after the end: %v", ex)
			}
		}
		return ex
	})
}

func TestContextThatEndsEndsAReceive(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	inSession(t, d, endpoint, func(ctx context.Context, conn *mqconn.Conn) {
		bounded, cancel := context.WithCancel(ctx)
		c := mustContext(t, bounded, conn)
		consumer, ex := c.CreateConsumer(c.CreateQueue("A"))
		mustNot(t, ex)
		cancel()
		if _, ex := consumer.Receive(0); ex == nil || ex.GetErrorCode() != "2018" || !errors.Is(ex, context.Canceled) {
			t.Errorf("got %v", ex)
		}
		must(t, conn.Commit(ctx)) // the session lives
	})
}

func TestCommitWhoseAnswerIsLostIsUnknown(t *testing.T) {
	for _, side := range []mqtest.Break{mqtest.BeforeWork, mqtest.AfterWork} {
		qm, d, endpoint := start(t, Options{})
		inSession(t, d, endpoint, func(ctx context.Context, conn *mqconn.Conn) {
			c := mustContext(t, ctx, conn)
			mustNot(t, c.CreateProducer().SendString(c.CreateQueue("A"), "x"))
			qm.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Break: side})
			wantClass(t, c.Commit(), "2009", mqconn.OutcomeUnknown)
			if ctx.Err() == nil {
				t.Error("the session lives")
			}
		})
	}
}

// The library deletes a message's handle, and with it the properties, at the first collection after it was made.
func TestPropertiesSurviveGarbageCollectionUntilTheSend(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	inSession(t, d, endpoint, func(ctx context.Context, conn *mqconn.Conn) {
		c := mustContext(t, ctx, conn)
		m := c.CreateTextMessageWithString("x")
		mustNot(t, m.SetIntProperty("amount", 7))
		for range 3 {
			runtime.GC()
		}
		mustNot(t, c.CreateProducer().Send(c.CreateQueue("A"), m))
		mustNot(t, c.Commit())
		consumer, ex := c.CreateConsumer(c.CreateQueue("A"))
		mustNot(t, ex)
		got, ex := consumer.ReceiveNoWait()
		mustNot(t, ex)
		if amount, ex := got.GetIntProperty("amount"); ex != nil || amount != 7 {
			t.Errorf("got %d, %v", amount, ex)
		}
	})
}

func TestLongMessageReachesMessageCodeInTheNextSession(t *testing.T) {
	_, d, endpoint := start(t, Options{ReceiveBufferSize: 1000})
	body := bytes.Repeat([]byte("long "), 100<<10)
	var codes []string
	follow(t, d, endpoint, func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "test", true)
		must(t, err)
		if s.Generation() == 1 {
			must(t, conn.Put(ctx, somewhere, &mqconn.Message{Body: body, Persistent: true}))
			must(t, conn.Commit(ctx))
		}
		c := mustContext(t, ctx, conn)
		consumer, ex := c.CreateConsumer(c.CreateQueue("A"))
		mustNot(t, ex)
		got, ex := consumer.ReceiveBytesBodyNoWait()
		if ex != nil {
			codes = append(codes, ex.GetErrorCode())
			if l, ok := ex.(interface{ GetMessageLength() int }); !ok || l.GetMessageLength() != len(body) {
				t.Errorf("%v does not tell the length", ex)
			}
			return ex
		}
		if !bytes.Equal(*got, body) {
			t.Errorf("%d bytes", len(*got))
		}
		return nil
	})
	if !slices.Equal(codes, []string{"2080"}) {
		t.Errorf("exceptions %q, want one 2080", codes)
	}
}

func TestMessageLongerThanAllowedLeavesTheSession(t *testing.T) {
	qm, d, endpoint := start(t, Options{MaxMessage: 2000, ReceiveBufferSize: 1000})
	sender, err := qm.Dialer().Dial(t.Context(), mqconn.DialOptions{})
	must(t, err)
	must(t, sender.Put(somewhere, &mqconn.Message{Body: make([]byte, 3000)}))
	must(t, sender.Close())
	inSession(t, d, endpoint, func(ctx context.Context, conn *mqconn.Conn) {
		c := mustContext(t, ctx, conn)
		consumer, ex := c.CreateConsumer(c.CreateQueue("A"))
		mustNot(t, ex)
		_, ex = consumer.ReceiveNoWait()
		wantClass(t, ex, "2010", mqconn.MessageFault) // it does not pass through the channel
		mustNot(t, c.Commit())
	})
}

// The library ends the process for these, or prints and goes on.
func TestWhatTheLibraryEndsTheProcessForIsAnException(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	inSession(t, d, endpoint, func(ctx context.Context, conn *mqconn.Conn) {
		c := mustContext(t, ctx, conn)
		a := c.CreateQueue("A")
		code := func(p jms20subset.JMSProducer) string {
			if ex := p.SendString(a, ""); ex != nil {
				return ex.GetErrorCode()
			}
			return ""
		}
		foreign := struct{ jms20subset.Message }{}
		if ex := c.CreateProducer().Send(a, foreign); ex == nil || !strings.Contains(ex.Error(), "cannot send") {
			t.Errorf("a message of another kind: %v", ex)
		}
		for want, p := range map[string]jms20subset.JMSProducer{
			"2047": c.CreateProducer().SetDeliveryMode(17),
			"2050": c.CreateProducer().SetPriority(-1),
			"2013": c.CreateProducer().SetTimeToLive(math.MaxInt32),
			"":     c.CreateProducer().SetTimeToLive(1),
		} {
			if got := code(p); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		destination := struct{ jms20subset.Destination }{a}
		m := c.CreateTextMessage()
		mustNot(t, m.SetJMSReplyTo(destination))
		if name := m.GetJMSReplyTo().GetDestinationName(); name != "A" {
			t.Errorf("reply to %q", name)
		}
		mustNot(t, c.Commit())
	})
}

func TestCloseOfTheContextClosesTheConnectionAlone(t *testing.T) {
	qm, d, endpoint := start(t, Options{})
	follow(t, d, endpoint, func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "test", true)
		must(t, err)
		c := mustContext(t, ctx, conn)
		mustNot(t, c.CreateProducer().SendString(c.CreateQueue("A"), "uncommitted"))
		c.Close()
		c.Close()
		if ex := c.Commit(); ex == nil || ex.GetErrorCode() != "2018" || !errors.Is(ex, mqconn.ErrClosed) {
			t.Errorf("after Close: %v", ex)
		}
		if _, err := Context(ctx, conn); !errors.Is(err, mqconn.ErrClosed) {
			t.Errorf("context of a closed connection: %v", err)
		}
		if n, err := qm.Depth("A"); n != 0 || err != nil {
			t.Errorf("%d messages, %v", n, err)
		}
		_, err = s.Open(ctx, "another", false)
		return err
	})
}

func TestConnectionOfAnotherPackageHasNoContext(t *testing.T) {
	qm, _, _ := start(t, Options{})
	inSession(t, qm.Dialer(), "", func(ctx context.Context, conn *mqconn.Conn) {
		if c, err := Context(ctx, conn); c != nil || !errors.Is(err, errForeign) {
			t.Errorf("got %v, %v", c, err)
		}
		must(t, conn.Commit(ctx)) // the session lives
	})
}

// A receive that waits holds up nobody for longer than a slice.
func TestReceiveWaitsAsLongAsItIsTold(t *testing.T) {
	s := &script{opens: []jms20subset.JMSException{nil}, receives: []jms20subset.JMSException{nil}}
	inSession(t, scripted(s, nil), "h:1", func(ctx context.Context, conn *mqconn.Conn) {
		c := mustContext(t, ctx, conn)
		consumer, ex := c.CreateConsumer(c.CreateQueue("A"))
		mustNot(t, ex)
		if m, ex := consumer.Receive(1); m != nil || ex != nil {
			t.Error(m, ex)
		}
		begun := time.Now()
		bounded, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
		defer cancel()
		c = mustContext(t, bounded, conn)
		consumer, ex = c.CreateConsumer(c.CreateQueue("A"))
		mustNot(t, ex)
		if _, ex := consumer.Receive(-1); ex == nil || !errors.Is(ex, context.DeadlineExceeded) || time.Since(begun) < 3*time.Millisecond {
			t.Error(ex)
		}
	})
	for _, wait := range s.waits {
		if wait > 1000 {
			t.Errorf("waits of %d ms", s.waits)
		}
	}
}

func TestPropertyThatACollectionHasTakenIsSetAgain(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	inSession(t, d, endpoint, func(ctx context.Context, conn *mqconn.Conn) {
		c := mustContext(t, ctx, conn)
		m := c.CreateTextMessageWithString("x")
		tries := 0
		o := m.(textMessage).own()
		o.changes = append(o.changes, change{property: true, apply: func(to jms20subset.Message) jms20subset.JMSException {
			if tries++; tries == 1 {
				return exception(2, 2460)
			}
			return to.SetIntProperty("amount", 7)
		}})
		mustNot(t, c.CreateProducer().Send(c.CreateQueue("A"), m))
		if amount, ex := m.GetIntProperty("amount"); ex != nil || amount != 7 || tries != 3 { // two for the send
			t.Errorf("got %d, %v after %d tries", amount, ex, tries)
		}
		tries = 0
		if amount, ex := m.GetIntProperty("amount"); ex != nil || amount != 7 || tries != 2 {
			t.Errorf("asked again: got %d, %v after %d tries", amount, ex, tries)
		}
	})
}

func TestClearedPropertiesAreNotSent(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	inSession(t, d, endpoint, func(ctx context.Context, conn *mqconn.Conn) {
		c := mustContext(t, ctx, conn)
		m := c.CreateTextMessageWithString("x")
		mustNot(t, m.SetJMSCorrelationID("stays"))
		mustNot(t, m.SetIntProperty("goes", 1))
		mustNot(t, m.ClearProperties())
		mustNot(t, c.CreateProducer().Send(c.CreateQueue("A"), m))
		mustNot(t, c.Commit())
		consumer, ex := c.CreateConsumer(c.CreateQueue("A"))
		mustNot(t, ex)
		got, ex := consumer.ReceiveNoWait()
		mustNot(t, ex)
		if names, ex := got.GetPropertyNames(); len(names) != 0 || ex != nil || got.GetJMSCorrelationID() != "stays" {
			t.Errorf("got %q, %v, %q", names, ex, got.GetJMSCorrelationID())
		}
	})
}

// 1 ms would be 0 tenths of a second, which means without end.
func TestShortTimeToLiveIsRoundedUp(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	inSession(t, d, endpoint, func(ctx context.Context, conn *mqconn.Conn) {
		c := mustContext(t, ctx, conn)
		p := c.CreateProducer().SetTimeToLive(1)
		mustNot(t, p.SendString(c.CreateQueue("A"), "x"))
		must(t, conn.Do(ctx, mqconn.VerbInquire, "", func(tr mqconn.Transport) error {
			if ttl := tr.(*transport).producer.GetTimeToLive(); ttl != tenth || p.GetTimeToLive() != 1 {
				t.Errorf("sent with %d ms, and the program sees %d", ttl, p.GetTimeToLive())
			}
			return nil
		}))
	})
}
