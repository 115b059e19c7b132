package transfer

import (
	"context"
	"errors"
	"testing"
)

// lateContext holds up whoever asks for Done the third time, until it is let go: a goroutine that has no turn.
type lateContext struct {
	context.Context
	asked int
	free  chan struct{}
}

func (c *lateContext) Done() <-chan struct{} {
	if c.asked++; c.asked == 3 {
		<-c.free
	}
	return c.Context.Done()
}

// TestWaitAtTheReceiverTellsTheEnd: a waiter that had its turn only when the sender had confirmed was told that there is no such
// transfer.
func TestWaitAtTheReceiverTellsTheEnd(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	ea := a.open(t, goodLease(1), nil)
	defer ea.Close()
	opened := make(chan struct{})
	eb := b.open(t, goodLease(1), func(o *Options) {
		o.OnEvent = func(ev Event) {
			if ev.Kind == EventOpened {
				close(opened)
			}
		}
	})
	defer eb.Close()
	la, lb := Pipe()
	held := make(chan struct{})
	defer start(ea, &sendFilter{Link: la, look: func(f *Frame) error {
		if kind(f.Body[6]) == kindData {
			<-held
		}
		return nil
	}})()
	defer start(eb, lb)()
	id := submit(t, ea, "B", a.file(t, "x", 1000), "x")
	<-opened
	late := &lateContext{Context: t.Context(), free: make(chan struct{})}
	type outcome struct {
		Status
		error
	}
	waited := make(chan outcome, 1)
	go func() {
		s, err := eb.Wait(late, id)
		waited <- outcome{s, err}
	}()
	for waits := false; !waits; {
		if err := eb.call(t.Context(), func() { waits = eb.waiters[id] != nil }); err != nil {
			t.Fatal(err)
		}
	}
	close(held)
	if s, ok := ends(t, ea, id, patience); !ok {
		t.Fatalf("%+v", s)
	}
	for err := error(nil); !errors.Is(err, ErrUnknown); { // until the confirmation is there
		_, err = eb.Status(id)
	}
	close(late.free)
	if o := <-waited; o.error != nil || o.State != Completed || o.Files != 1 {
		t.Errorf("%+v, %v", o.Status, o.error)
	}
}
