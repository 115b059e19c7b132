package transfer

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mqha/mqha/internal/core/stream"
)

// killedWith is a fence that is lost when so many frames were written, that of the manifest among them: nothing
// is made of them any more.
func killedWith(frames int64) *hookFence {
	f := &hookFence{epoch: 1}
	var written atomic.Int64
	f.set(func(stack string) error {
		switch {
		case written.Load() >= frames:
			return errors.New("killed")
		case strings.Contains(stack, "(*Engine).writeFrame"):
			written.Add(1) // this one is written
		}
		return nil
	})
	return f
}

// twoBytes announces a transfer of one file of two bytes to the next instance at b, and gives where that goes on.
func twoBytes(t *testing.T, b *seat, f Fence, l *liar, digest Digest) (e *Engine, stop func(), at stream.Pos) {
	t.Helper()
	e = b.open(t, f, nil)
	var its Link
	l.link, its = Pipe()
	stop = start(e, its)
	m := []byte(`{"files":[{"name":"x","size":2,"mode":384}]}`)
	body, err := json.Marshal(announcement{ManifestBytes: int64(len(m)), Files: 1, Bytes: 2, Digest: digest})
	if err != nil {
		t.Fatal(err)
	}
	l.send(header{Kind: kindOpen, Nonce: f.Epoch(), Frames: 1}, body)
	if h, _ := l.expect(kindAnswer); h.Pos.File > 0 {
		return e, stop, h.Pos
	}
	l.send(header{Kind: kindData, Flags: flagFin, Nonce: f.Epoch(), Digest: sumOf(t, digest, string(m))}, m)
	if ok, reason := l.verdict(); !ok {
		t.Fatal(reason)
	}
	return e, stop, stream.Pos{File: 1}
}

func sumOf(t *testing.T, kind Digest, b string) [32]byte {
	t.Helper()
	d := kind.begin()
	if _, err := d.Write([]byte(b)); err != nil {
		t.Fatal(err)
	}
	return d.sum()
}

// dies waits for the end of an instance whose fence is lost.
func dies(t *testing.T, e *Engine, stop func()) {
	t.Helper()
	<-e.bad
	stop()
	if err := e.Close(); !errors.Is(err, ErrFenced) {
		t.Fatal(err)
	}
}

// TestDigestOfAFileThatTheTailLogCompletesIsProven: the receiver is killed when it has written the last frame of a file and
// before it has judged it. Each frame is what its checksum says, and the file is not what its sender has: its
// successor does not deliver it, and goes on with the last frame, which proves that the digest stands before it.
func TestDigestOfAFileThatTheTailLogCompletesIsProven(t *testing.T) {
	for _, kind := range []Digest{SHA256, CRC32C} {
		t.Run(string(kind), func(t *testing.T) {
			b := newSeat(t, "B")
			l := &liar{t: t, head: header{From: "EVIL", Incarnation: [16]byte{1}, Epoch: 7, Transfer: NewID()}}
			e, stop, _ := twoBytes(t, b, killedWith(3), l, kind)
			l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 1}}, []byte("b"))
			l.send(header{Kind: kindData, Flags: flagFin, Nonce: 1, Pos: stream.Pos{File: 1, Offset: 1}, Digest: sumOf(t, kind, "ab")}, []byte("a"))
			dies(t, e, stop)

			e, stop, at := twoBytes(t, b, goodLease(2), l, kind)
			defer e.Close()
			defer stop()
			if want := (stream.Pos{File: 1, Offset: 1}); at != want {
				t.Fatalf("goes on at %v, want %v", at, want)
			}
			l.send(header{Kind: kindData, Flags: flagFin, Nonce: 2, Pos: at, Digest: sumOf(t, kind, "bb")}, []byte("b"))
			_, payload := l.expect(kindEnd)
			var r result
			if err := json.Unmarshal(payload, &r); err != nil || r.Failed != 0 {
				t.Errorf("%s, %v", payload, err)
			}
			if got, err := os.ReadFile(filepath.Join(b.got, "x")); err != nil || string(got) != "bb" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestTailLogOutlivesAnInstanceThatIsKilledBeforeItHasLookedAtIt: what the first has written is not asked for again,
// though the second has removed the first one's log.
func TestTailLogOutlivesAnInstanceThatIsKilledBeforeItHasLookedAtIt(t *testing.T) {
	b := newSeat(t, "B")
	l := &liar{t: t, head: header{From: "PEER", Incarnation: [16]byte{1}, Epoch: 7, Transfer: NewID()}}
	e, stop, _ := twoBytes(t, b, killedWith(2), l, SHA256)
	l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 1}}, []byte("b"))
	dies(t, e, stop)

	second := &hookFence{epoch: 2}
	var gone atomic.Bool
	second.set(func(stack string) error {
		if strings.Contains(stack, "(*Engine).runWrite") { // the first thing that it does with the part
			gone.Store(true)
		}
		if gone.Load() {
			return errors.New("killed")
		}
		return nil
	})
	e = b.open(t, second, nil)
	dies(t, e, func() {})

	e, stop, at := twoBytes(t, b, goodLease(3), l, SHA256)
	if want := (stream.Pos{File: 1, Offset: 1}); at != want {
		t.Errorf("goes on at %v, want %v", at, want)
	}
	stop()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
