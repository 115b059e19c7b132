package transfer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRubbishOnTheQueueHoldsNobodyUp: what is no frame, or of a version from the future, is told
// and passed over.
func TestRubbishOnTheQueueHoldsNobodyUp(t *testing.T) {
	dropped := make(chan Event, 16)
	l, _ := newLiar(t, Options{WriteRoot: t.TempDir(), OnEvent: func(e Event) {
		if e.Kind == EventDropped {
			dropped <- e
		}
	}})
	future := make([]byte, HeaderBytes)
	h := header{Kind: kindAsk, From: "EVIL"}
	h.encode(future)
	future[4] = 99
	for _, c := range []struct {
		body []byte
		want string
	}{
		{nil, "0 bytes"}, {[]byte("hello"), "5 bytes"}, {bytes.Repeat([]byte{0xff}, 500), "begin with"}, {future, "version 99"},
	} {
		l.raw(c.body, true)
		if e := <-dropped; !strings.Contains(e.Reason, c.want) {
			t.Errorf("%q, want %q", e.Reason, c.want)
		}
	}
	l.send(header{Kind: kindAsk, Nonce: 1}, nil)
	l.expect(kindAnswer)
}

// A name is an allocation; most frames come from who sent the last one.
func TestFrameOfTheSameSenderIsReadWithoutAllocation(t *testing.T) {
	body := make([]byte, HeaderBytes+10)
	(&header{Kind: kindData, Transfer: NewID(), Epoch: 1, From: "PARIS", Nonce: 1}).encode(body)
	before, _, err := decode(body, "ROME")
	if err != nil || before.From != "PARIS" {
		t.Fatalf("%+v, %v", before, err)
	}
	if n := testing.AllocsPerRun(100, func() {
		h, _, err := decode(body, before.From)
		if err != nil || h != before {
			t.Fatalf("%+v, %v", h, err)
		}
	}); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}

func FuzzFrame(f *testing.F) {
	for _, body := range frameSeeds() {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		h, payload, err := decode(body, "")
		if err != nil {
			if !errors.As(err, new(*frameError)) {
				t.Fatalf("untyped: %v", err)
			}
			return
		}
		again := append(make([]byte, HeaderBytes), payload...)
		h.encode(again)
		h2, payload2, err := decode(again, "")
		if err != nil || h2 != h || !bytes.Equal(payload, payload2) {
			t.Fatalf("round trip: %v %v", err, cmp.Diff(h, h2))
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"dirs":["a","a/b"],"files":[{"name":"a/b/c","size":1,"mode":420,"mtime":5}]}`))
	f.Add([]byte(`{"files":[{"name":"../x"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeManifest(b)
		if err != nil {
			if !errors.Is(err, ErrRequest) {
				t.Fatalf("untyped: %v", err)
			}
			return
		}
		newLayout(m)
		for _, file := range m.Files {
			if !filepath.IsLocal(filepath.FromSlash(file.Name)) {
				t.Fatalf("%q leaves the root", file.Name)
			}
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		m2, err := decodeManifest(again)
		if err != nil || !cmp.Equal(m, m2) {
			t.Fatalf("round trip: %v %s", err, cmp.Diff(m, m2))
		}
	})
}

func FuzzPartName(f *testing.F) {
	f.Add(partName{transfer: NewID(), file: 3, epoch: 9}.String())
	f.Add("..part")
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := parsePart(s)
		if !ok {
			return
		}
		if again, ok := parsePart(p.String()); !ok || again != p {
			t.Fatalf("%q: %+v, then %+v", s, p, again)
		}
	})
}

func digestOf(b []byte) [32]byte { return sha256.Sum256(b) }
