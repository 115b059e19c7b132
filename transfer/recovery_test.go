package transfer

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/core/stream"
)

func impatient(o *Options) { o.RetryInterval, o.RecoveryTimeout = time.Second, time.Minute }

// TestRecoveryTimeoutWhereOnlyDataGetsLost: such as on a channel whose MAXMSGL is too small for it. Each question was
// answered, and each answer began the time anew: the transfer sent the same frames for ever.
func TestRecoveryTimeoutWhereOnlyDataGetsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSeat(t, "A"), newSeat(t, "B")
		ea, eb := a.open(t, goodLease(1), impatient), b.open(t, goodLease(1), nil)
		defer ea.Close()
		defer eb.Close()
		id := submit(t, ea, "B", a.file(t, "x", 1000), "x")
		la, lb := Pipe()
		defer start(ea, &sendFilter{Link: la, look: func(f *Frame) error {
			if kind(f.Body[6]) == kindData {
				return errOnTheWay
			}
			return nil
		}})()
		defer start(eb, lb)()
		s, ended := ends(t, ea, id, time.Hour)
		if !ended || s.State != Cancelled || !strings.Contains(s.Reason, "no data has flowed") {
			t.Errorf("%+v", s)
		}
	})
}

// TestRecoveryTimeoutWhereTheLinkComesAndGoes: each new link began the time anew.
func TestRecoveryTimeoutWhereTheLinkComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newSeat(t, "A")
		e := a.open(t, goodLease(1), impatient)
		defer e.Close()
		time.Sleep(time.Hour)
		id := submit(t, e, "B", a.file(t, "x", 1000), "x")
		la, _ := Pipe()
		for range 10 {
			stop := start(e, la)
			time.Sleep(20 * time.Second)
			stop()
		}
		if s, err := e.Status(id); err != nil || s.State != Cancelling {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// TestRecoveryTimeoutDoesNotCountTheWaitForATurn: that of others, on one link and the next.
func TestRecoveryTimeoutDoesNotCountTheWaitForATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newSeat(t, "A")
		e := a.open(t, goodLease(1), impatient)
		defer e.Close()
		x := a.file(t, "x", 1000)
		la, _ := Pipe()
		stop := start(e, la)
		synctest.Wait()
		for range maxSources {
			submit(t, e, "B", x, "x")
		}
		time.Sleep(30 * time.Second)
		id := submit(t, e, "B", x, "x")
		time.Sleep(31 * time.Second) // the others have given up
		stop()
		stop = start(e, la)
		defer func() { stop() }()
		time.Sleep(58 * time.Second)
		if s, err := e.Status(id); err != nil || s.State != Waiting {
			t.Errorf("%+v, %v", s, err)
		}
		time.Sleep(3 * time.Second)
		if s, err := e.Status(id); err != nil || s.State != Cancelling {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// TestRecoveryTimeoutOfASlowWay: a little data in each session is enough.
func TestRecoveryTimeoutOfASlowWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSeat(t, "A"), newSeat(t, "B")
		small := func(o *Options) {
			impatient(o)
			o.FrameBytes = 4 << 10
		}
		ea, eb := a.open(t, goodLease(1), small), b.open(t, goodLease(1), small)
		defer ea.Close()
		defer eb.Close()
		id := submit(t, ea, "B", a.file(t, "x", 100<<10), "x")
		la, lb := Pipe()
		n := 0
		defer start(ea, &sendFilter{Link: la, look: func(f *Frame) error {
			if kind(f.Body[6]) != kindData {
				n = 0
			} else if n++; n > 1 { // of each session the first
				return errOnTheWay
			}
			return nil
		}})()
		defer start(eb, lb)()
		if s, ended := ends(t, ea, id, time.Hour); !ended || s.State != Completed || s.Failed > 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestRecoveryTimeoutWhileTheLastWordIsMadeDurable: the transfer is over. The loop spun, and the transfer was reported as
// completed because no data had flowed.
func TestRecoveryTimeoutWhileTheLastWordIsMadeDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newSeat(t, "A")
		fence, hung := &hookFence{epoch: 1}, make(chan struct{})
		e := a.open(t, fence, impatient)
		defer e.Close()
		id := submit(t, e, "B", a.file(t, "x", 1000), "x")
		its, mine := Pipe()
		defer start(e, its)()
		l := &liar{t: t, link: mine, head: header{From: "B", Incarnation: [16]byte{1}, Epoch: 1, Transfer: id}}
		l.expect(kindAsk)
		l.send(header{Kind: kindNudge}, nil) // so that the peer is known
		synctest.Wait()
		fence.set(func(stack string) error {
			if strings.Contains(stack, "(*journal).append") {
				<-hung
			}
			return nil
		})
		word, err := json.Marshal(result{})
		if err != nil {
			t.Fatal(err)
		}
		l.send(header{Kind: kindEnd, Answer: stream.Completed}, word)
		time.Sleep(time.Hour)
		close(hung)
		s, ended := ends(t, e, id, time.Hour)
		if !ended || s.State != Completed || s.Reason != "" {
			t.Errorf("%+v", s)
		}
		if err := e.Cancel(t.Context(), id); !errors.Is(err, ErrEnded) {
			t.Errorf("%v", err)
		}
	})
}
