package transfer

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestSenderWithASmallerWindowThanItsReceiver: the receiver acknowledged when half of what it had granted was there, and the
// sender, which has less in flight, waited for each checkpoint, 200 ms, and within a list of files for 5 s.
func TestSenderWithASmallerWindowThanItsReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSeat(t, "A"), newSeat(t, "B")
		ea := a.open(t, goodLease(1), func(o *Options) {
			o.FrameBytes, o.CreditBytes, o.RetryInterval = 16<<10, 64<<10, time.Second
		})
		eb := b.open(t, goodLease(1), nil)
		defer ea.Close()
		defer eb.Close()
		id := submit(t, ea, "B", a.file(t, "x", 10<<20), "x")
		la, lb := Pipe()
		begin := time.Now()
		defer start(ea, la)()
		defer start(eb, lb)()
		s, ended := ends(t, ea, id, time.Hour)
		// Of the bubble: nothing takes time there but waiting.
		if took := time.Since(begin); !ended || s.State != Completed || took > time.Second {
			t.Errorf("%v after %v", s.State, took)
		}
	})
}
