package transfer

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/mqha/mqha/internal/core/stream"
)

// A last word of some 11 MiB became a record that the journal refuses, since it could not read it again: the engine ended
// before the frame was settled, the next one got it again, and so on for ever, where the transport cannot tell the
// backout count. A queue takes such messages when its MAXMSGL was raised.
func TestControlFrameThatIsTooLongForTheJournalEndsNoEngine(t *testing.T) {
	dropped := make(chan Event, 1)
	s := newSeat(t, "B")
	l, e := newLiar(t, Options{ReadRoots: []string{s.read}, OnEvent: func(ev Event) {
		if ev.Kind == EventDropped {
			dropped <- ev
		}
	}})
	l.head.Transfer = submit(t, e, l.head.From, s.file(t, "x", 1), "x")
	l.send(header{Kind: kindEnd, Answer: stream.Completed}, []byte(`{"reason":"`+strings.Repeat("<", 12<<20)+`"}`))
	select {
	case ev := <-dropped:
		if !strings.Contains(ev.Reason, "a control frame of") {
			t.Errorf("told %+v", ev)
		}
	case <-e.bad:
		t.Fatalf("the engine has ended: %v", e.failure())
	}
	l.send(header{Kind: kindEnd, Answer: stream.Completed}, []byte("{}"))
	if s, err := e.Wait(t.Context(), l.head.Transfer); err != nil || s.State != Completed {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestNoControlFrameEndsTheEngineOrHoldsUpTheNext: a control frame that is not settled comes again, and what is behind it
// waits. Each of these, in any state that one before it can leave a transfer in, at the receiver and at the sender,
// is settled: the question behind it is answered.
func TestNoControlFrameEndsTheEngineOrHoldsUpTheNext(t *testing.T) {
	var frames []header
	for answer := range stream.Cancelled + 1 {
		frames = append(frames, header{Kind: kindEnd, Answer: answer})
	}
	for _, k := range []kind{kindOpen, kindConfirm, kindCancel} {
		for _, number := range []uint64{1, math.MaxUint64} {
			frames = append(frames, header{Kind: k, Nonce: number, Frames: number, Bytes: int64(number >> 1)})
		}
	}
	payloads := map[string]func(k kind) []byte{
		"as an engine sends it": func(k kind) []byte { return frameSeeds()[k][HeaderBytes:] },
		"empty":                 func(kind) []byte { return nil },
		"absurd":                func(kind) []byte { return []byte(`{"failed":-1,"failures":[{},{},{}],"manifest":1,"files":-1}`) },
	}
	s := newSeat(t, "B")
	s.file(t, "x", 1)
	l, e := newLiar(t, Options{ReadRoots: []string{s.read}, WriteRoot: s.got})
	sequence := 0
	for what, payload := range payloads {
		for _, sending := range []bool{false, true} {
			for _, first := range frames {
				for _, second := range frames {
					sequence++
					l.head.From, l.head.Transfer = fmt.Sprint("EVIL", sequence), NewID()
					if sending {
						l.head.Transfer = submit(t, e, l.head.From, s.read, "in")
					}
					for _, h := range []header{first, second} {
						l.send(h, payload(h.Kind))
					}
					l.head.From += "X" // who has no part in it
					l.send(first, payload(first.Kind))
					transfer := l.head.Transfer
					l.head.Transfer = NewID()
					l.send(header{Kind: kindAsk, Nonce: 1}, nil)
					if h, _ := l.expect(kindAnswer); h.Answer != stream.Unknown {
						t.Fatalf("%s, sending %v, %+v, %+v of %v: answer %d", what, sending, first, second, transfer, h.Answer)
					}
				}
			}
		}
	}
}
