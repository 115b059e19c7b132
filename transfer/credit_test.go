package transfer

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// deafLink loses the data of files while deaf is set, and counts it.
type deafLink struct {
	Link
	deaf   atomic.Bool
	frames atomic.Int64
	bytes  atomic.Int64
}

func (l *deafLink) Receive(ctx context.Context, f *Frame) error {
	for {
		if err := l.Link.Receive(ctx, f); err != nil {
			return err
		}
		h, payload, err := decode(f.Body, "")
		if err != nil || h.Kind != kindData || h.Pos.File == 0 || !l.deaf.Load() {
			return nil
		}
		l.frames.Add(1)
		l.bytes.Add(int64(len(payload)))
	}
}

// TestTransfersOfOneSourceShareItsCredit: each had a credit of its own, and 25 of them had 176 MiB and 704 messages in a
// queue that serves all agents.
func TestTransfersOfOneSourceShareItsCredit(t *testing.T) {
	for _, c := range []struct {
		frame, size int
		frames      int64
		bytes       int64
	}{
		{4 << 10, 40 * 4 << 10, 128, 32 << 20}, // the number of messages is what ends first
		{1 << 20, 9 << 20, 128, 32 << 20},      // the bytes
	} {
		synctest.Test(t, func(t *testing.T) {
			a, b := newSeat(t, "A"), newSeat(t, "B")
			small := func(o *Options) { o.FrameBytes, o.RetryInterval = c.frame, time.Second }
			ea, eb := a.open(t, goodLease(1), small), b.open(t, goodLease(1), small)
			defer ea.Close()
			defer eb.Close()
			var ids []ID
			for i := range maxSources {
				name := fmt.Sprintf("f%d", i)
				ids = append(ids, submit(t, ea, "B", a.file(t, name, c.size), name))
			}
			la, lb := Pipe()
			deaf := &deafLink{Link: lb}
			deaf.deaf.Store(true)
			defer start(ea, la)()
			defer start(eb, deaf)()
			synctest.Wait() // nothing moves: all that was granted is under way
			frames, bytes := deaf.frames.Load(), deaf.bytes.Load()
			t.Logf("%d transfers have %d frames and %d bytes in flight", len(ids), frames, bytes)
			if frames > c.frames+maxSources || bytes > c.bytes+maxSources*int64(c.frame) {
				t.Errorf("%d frames and %d bytes are in flight", frames, bytes)
			}
			if frames < maxSources { // each has at least one
				t.Errorf("only %d frames are in flight", frames)
			}
			deaf.deaf.Store(false)
			for _, id := range ids {
				if s, err := ea.Wait(t.Context(), id); err != nil || s.State != Completed || s.Failed > 0 {
					t.Errorf("%+v, %v", s, err)
				}
			}
		})
	}
}

// granted is what another agent's transfer is given that begins now.
func (l *liar) granted(number uint64, body string) int {
	l.t.Helper()
	l.head.Transfer = NewID()
	l.send(header{Kind: kindOpen, Nonce: 1, Frames: number}, []byte(body))
	h, _ := l.expect(kindAnswer)
	return h.Credit.Frames
}

const (
	crowd     = 20
	oneOfMany = `{"manifest":100,"files":1,"bytes":10}`
)

// crowds begins so many transfers that nothing is left but the least.
func (l *liar) crowds() {
	l.t.Helper()
	share := 0
	for n := range uint64(crowd) {
		share = l.granted(n+1, oneOfMany)
	}
	if share != 1 {
		l.t.Fatalf("the last of %d transfers has %d frames", crowd, share)
	}
}

// TestEndedTransfersGiveTheirCreditBack: what they were granted would be missing until it counts as idle.
func TestEndedTransfersGiveTheirCreditBack(t *testing.T) {
	l, e := newLiar(t, Options{WriteRoot: t.TempDir()})
	for n := range uint64(crowd) {
		l.granted(n+1, `{"manifest":3,"files":0,"bytes":0}`)
		l.send(header{Kind: kindData, Flags: flagFin, Nonce: 1, Digest: digestOf([]byte("no{"))}, []byte("no{"))
		if ok, _ := l.verdict(); ok { // refused, and with that ended
			t.Fatal("accepted")
		}
	}
	if got, want := l.granted(crowd+1, oneOfMany), e.opt.CreditFrames; got != want {
		t.Errorf("granted %d frames, want %d", got, want)
	}
}

// TestLinkThatIsLostTakesAllCreditWithIt: the transfers that ask on the next link share it, and not with those that do
// not come again.
func TestLinkThatIsLostTakesAllCreditWithIt(t *testing.T) {
	b := newSeat(t, "B")
	e := b.open(t, goodLease(1), nil)
	l := &liar{t: t, head: header{From: "PEER", Incarnation: [16]byte{1}, Epoch: 7}}
	for link := range 2 {
		var its Link
		l.link, its = Pipe()
		stop := start(e, its)
		if link == 0 {
			l.crowds()
		} else if got, want := l.granted(crowd+1, oneOfMany), e.opt.CreditFrames; got != want {
			t.Errorf("granted %d frames, want %d", got, want)
		}
		stop()
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
