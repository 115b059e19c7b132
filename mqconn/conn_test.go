package mqconn

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

func TestContextEndsAWaitWithinOneSlice(t *testing.T) {
	m := &manager{}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second+300*time.Millisecond)
		defer cancel()
		begun := time.Now()
		err := conn.Get(ctx, "Q", &Message{}, GetOptions{Wait: -1})
		if took := time.Since(begun); took != 11*time.Second {
			t.Errorf("ended after %v", took)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		return conn.Commit(context.Background()) // the session lives
	})
}

func TestWaitOfAnyLengthIsSliced(t *testing.T) {
	m := &manager{}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		for _, wait := range []time.Duration{0, time.Millisecond, time.Second, 2500 * time.Millisecond} {
			begun := time.Now()
			if err := conn.Get(ctx, "Q", &Message{}, GetOptions{Wait: wait}); err != ErrNoMessage {
				t.Error(err)
			}
			if took := time.Since(begun); took != wait {
				t.Errorf("waited %v, want %v", took, wait)
			}
		}
		return nil
	})
}

func TestNoMessageIsNotAFaultHoweverATransportSaysIt(t *testing.T) {
	m := &manager{call: func(_ *transport, v Verb, _ string) error { return fault(v, mqrc.NoMsgAvailable) }}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		if err := conn.Get(ctx, "Q", &Message{}, GetOptions{}); err != ErrNoMessage {
			t.Errorf("Get: %v", err)
		}
		if err := conn.Browse(ctx, "Q", &Message{}, true); err != ErrNoMessage {
			t.Errorf("Browse: %v", err)
		}
		return nil
	})
}

func TestIdleConnectionIsProbedAndItsLossNoticed(t *testing.T) {
	var broken atomic.Bool
	m := &manager{}
	m.call = func(tr *transport, v Verb, _ string) error {
		if broken.Load() && v == VerbCommit {
			return fault(v, mqrc.ConnectionBroken)
		}
		return nil
	}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, false)
		time.Sleep(time.Minute + time.Second)
		if n := m.calls(2); n != 12 {
			t.Errorf("%d calls in a minute of idleness", n)
		}
		if err := conn.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
			t.Error(err)
		}
		broken.Store(true)
		begun := time.Now()
		<-ctx.Done()
		if took := time.Since(begun); took > probeAfter {
			t.Errorf("loss noticed after %v", took)
		}
		if e := asError(t, context.Cause(ctx)); e.Class != Retry {
			t.Errorf("a probe has no outcome to be unknown: %v", e)
		}
		broken.Store(false)
		return nil
	})
}

func TestProbeNeverCommitsAnOpenUnitOfWork(t *testing.T) {
	m := &manager{}
	var commits atomic.Int32
	m.call = func(tr *transport, v Verb, _ string) error {
		if v == VerbCommit {
			commits.Add(1)
		}
		return nil
	}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		for _, work := range []func() error{
			func() error { return conn.Put(ctx, Address{Queue: "Q"}, &Message{}) },
			func() error { return conn.Get(ctx, "Q", &Message{}, GetOptions{}) },
		} {
			if err := work(); err != nil {
				t.Fatal(err)
			}
			commits.Store(0)
			time.Sleep(time.Minute)
			if n := commits.Load(); n != 0 {
				t.Errorf("%d commits that nobody asked for", n)
			}
			if err := conn.Backout(ctx); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if commits.Load() == 0 {
				t.Error("not probed after the unit of work")
			}
		}
		return nil
	})
}

func TestHoldWaitsForTheQueueEveryFiftyMilliseconds(t *testing.T) {
	var held atomic.Bool
	held.Store(true)
	asked := 0
	m := &manager{call: func(_ *transport, v Verb, _ string) error {
		if v == VerbOpen {
			if asked++; held.Load() {
				return fault(v, mqrc.ObjectInUse)
			}
		}
		return nil
	}}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		bounded, cancel := context.WithTimeout(ctx, time.Second+time.Millisecond)
		defer cancel()
		err := conn.Hold(bounded, "MQHA.A.IN")
		if e := asError(t, err); e.Class != InUse || e.Queue != "MQHA.A.IN" || !errors.Is(err, context.DeadlineExceeded) || asked != 21 {
			t.Errorf("%v after %d tries", err, asked)
		}
		time.AfterFunc(time.Second, func() { held.Store(false) })
		if err := conn.Hold(ctx, "MQHA.A.IN"); err != nil {
			t.Error(err)
		}
		return nil
	})
}

// lateContext is over when it has been asked so often.
type lateContext struct {
	context.Context
	asked, after int
}

func (c *lateContext) Err() error {
	if c.asked++; c.asked > c.after {
		return context.DeadlineExceeded
	}
	return nil
}

// A Hold whose time was over between a pause and the next try forgot that the queue was in use: nobody heard why.
func TestHoldSaysThatTheQueueIsInUseWheneverItsTimeIsOver(t *testing.T) {
	m := &manager{call: func(_ *transport, v Verb, _ string) error {
		if v == VerbOpen {
			return fault(v, mqrc.ObjectInUse)
		}
		return nil
	}}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		for after := 1; after < 8; after++ { // at 0 the queue manager is not asked at all
			err := conn.Hold(&lateContext{Context: ctx, after: after}, "MQHA.A.IN")
			if e := asError(t, err); e.Class != InUse || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("over after %d looks: %v", after, err)
			}
		}
		return nil
	})
}

func TestTransportThatBreaksItsContractIsNotTrusted(t *testing.T) {
	odd := errors.New("neither a Fault nor ErrNoMessage")
	m := &manager{call: func(_ *transport, v Verb, _ string) error {
		if v == VerbGet {
			return odd
		}
		return nil
	}}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		err := open(t, ctx, s, true).Get(ctx, "Q", &Message{}, GetOptions{})
		if !errors.Is(err, odd) || asError(t, err).Class != Retry || ctx.Err() == nil {
			t.Error(err)
		}
		return nil
	})
}

func TestConnectionInUseIsNotProbed(t *testing.T) {
	m := &manager{}
	within(t, m, Config{}, func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, false)
		for range 20 {
			time.Sleep(4 * time.Second)
			if err := conn.Put(ctx, Address{Queue: "Q"}, &Message{}); err != nil {
				return err
			}
		}
		if n := m.calls(2); n != 20 {
			t.Errorf("%d calls, 20 of them puts", n)
		}
		return nil
	})
}

// null does nothing, so that only the hand-off is measured.
type null struct{ Transport }

func (null) Put(Address, *Message) error            { return nil }
func (null) Get(string, *Message, GetOptions) error { return nil }
func (null) Commit() error                          { return nil }
func (null) Info() Info                             { return Info{} }
func (null) Close() error                           { return nil }

type nullDialer struct{}

func (nullDialer) Dial(context.Context, DialOptions) (Transport, error) { return null{}, nil }

func TestHandOffDoesNotAllocate(t *testing.T) {
	err := newConnector(t, Config{Dialer: nullDialer{}}).Run(t.Context(), func(ctx context.Context, s *Session) error {
		conn := open(t, ctx, s, true)
		m := &Message{}
		work := func() {
			if conn.Put(ctx, Address{Queue: "Q"}, m) != nil || conn.Get(ctx, "Q", m, GetOptions{Wait: -1}) != nil || conn.Commit(ctx) != nil {
				t.Error("failed")
			}
		}
		if n := testing.AllocsPerRun(1000, work); n != 0 {
			t.Errorf("%v allocations for three calls", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func BenchmarkHandOff(b *testing.B) {
	b.ReportAllocs()
	c, err := New(Config{Dialer: nullDialer{}})
	if err != nil {
		b.Fatal(err)
	}
	err = c.Run(b.Context(), func(ctx context.Context, s *Session) error {
		conn, err := s.Open(ctx, "bench", true)
		if err != nil {
			return err
		}
		m := &Message{}
		for b.Loop() {
			if err := conn.Put(ctx, Address{Queue: "Q"}, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
