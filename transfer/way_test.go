package transfer

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A queue that is not defined was tried again and again, and nobody was told: no event, no reason in the status.
func TestWayToAPeerThatIsMissingIsSaidOnce(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	stalled := make(chan Event, 100)
	ea := a.open(t, goodLease(1), func(o *Options) {
		o.OnEvent = func(e Event) {
			if e.Kind == EventStalled {
				stalled <- e
			}
		}
	})
	eb := b.open(t, goodLease(1), nil)
	defer ea.Close()
	defer eb.Close()
	id := submit(t, ea, "B", a.file(t, "x", 1000), "x")
	var defined atomic.Bool
	tries := make(chan struct{}, 1000)
	la, lb := Pipe()
	defer start(ea, &sendFilter{Link: la, look: func(f *Frame) error {
		if defined.Load() {
			return nil
		}
		tries <- struct{}{}
		return fmt.Errorf("%w B: MQRC_UNKNOWN_OBJECT_NAME (2085), define MQHA.B.IN", ErrPeer)
	}})()
	defer start(eb, lb)()
	for range 4 {
		<-tries
	}
	if e := <-stalled; e.Peer != "B" || !strings.Contains(e.Reason, "define MQHA.B.IN") {
		t.Errorf("%+v", e)
	}
	if s, err := ea.Status(id); err != nil || s.State != Waiting || !strings.Contains(s.Reason, "2085") {
		t.Errorf("%+v, %v", s, err)
	}
	if len(stalled) > 0 {
		t.Errorf("said again: %+v", <-stalled)
	}
	defined.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if s, err := ea.Wait(ctx, id); err != nil || s.State != Completed || s.Reason != "" {
		t.Errorf("when the queue is there: %+v, %v", s, err)
	}
}

// TestSlowListenerIsToldWhatItMissed: it holds up nothing, and hears how many events are missing.
func TestSlowListenerIsToldWhatItMissed(t *testing.T) {
	a := newSeat(t, "A")
	slow, missing := make(chan struct{}), 0
	e := a.open(t, goodLease(1), func(o *Options) {
		o.OnEvent = func(ev Event) {
			<-slow
			if ev.Kind == EventMissed {
				missing += ev.Dropped
			}
		}
	})
	const more = 10
	for range maxEvents + 1 + more { // one is with the listener
		e.tell(Event{Kind: EventProgress})
	}
	close(slow)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if missing < more || missing > more+1 {
		t.Errorf("%d events are said to be missing, want %d, or one more if the listener had none yet", missing, more)
	}
}
