package transfer

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// poisonLink makes the first control frame of one kind look as if it had come too often.
type poisonLink struct {
	Link
	kind kind
	once sync.Once
}

func (p *poisonLink) Receive(ctx context.Context, f *Frame) error {
	err := p.Link.Receive(ctx, f)
	f.Attempts = 0
	if err == nil && f.Persistent && kind(f.Body[6]) == p.kind {
		p.once.Do(func() { f.Attempts = mostAttempts })
	}
	return err
}

// TestControlFrameThatIsPassedOverIsSentAgain: whichever it is, it is told, and the transfer comes to its end at both
// sides all the same.
func TestControlFrameThatIsPassedOverIsSentAgain(t *testing.T) {
	for _, k := range []kind{kindOpen, kindEnd, kindConfirm, kindCancel} {
		dropped := make(chan Event, 10)
		tell := func(o *Options) {
			o.OnEvent = func(ev Event) {
				if ev.Kind == EventDropped {
					dropped <- ev
				}
			}
		}
		a, b := newSeat(t, "A"), newSeat(t, "B")
		ea, eb := a.open(t, goodLease(1), tell), b.open(t, goodLease(1), tell)
		id := submit(t, ea, "B", a.file(t, "x", 1000), "x")
		if k == kindCancel {
			if err := ea.Cancel(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		la, lb := Pipe()
		stopA, stopB := start(ea, &poisonLink{Link: la, kind: k}), start(eb, &poisonLink{Link: lb, kind: k})
		s, ok := ends(t, ea, id, patience)
		if want := map[bool]State{false: Completed, true: Cancelled}[k == kindCancel]; !ok || s.State != want || s.Failed > 0 {
			t.Errorf("kind %d: %+v", k, s)
		}
		if ev := <-dropped; ev.Transfer != id || !strings.Contains(ev.Reason, "never settled") || ev.Peer == "" {
			t.Errorf("kind %d: told %+v", k, ev)
		}
		stopA()
		stopB()
		// A confirmation that was passed over leaves the record at the receiver; the next link asks for it again.
		la, lb = Pipe()
		stopA, stopB = start(ea, la), start(eb, lb)
		if s, ok := ends(t, ea, submit(t, ea, "B", a.file(t, "y", 10), "y"), patience); !ok || s.State != Completed {
			t.Errorf("the next one: %+v", s)
		}
		for deadline := time.Now().Add(patience); ; {
			if _, err := eb.Status(id); errors.Is(err, ErrUnknown) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("kind %d: its record stays at the receiver", k)
			}
		}
		stopA()
		stopB()
		for _, e := range []*Engine{ea, eb} {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
