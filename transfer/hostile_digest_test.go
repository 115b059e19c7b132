package transfer

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqha/mqha/internal/core/stream"
)

// TestDigestThatIsNotKnownIsRefused: a sender of a later release.
func TestDigestThatIsNotKnownIsRefused(t *testing.T) {
	l, _ := newLiar(t, Options{WriteRoot: t.TempDir()})
	l.send(header{Kind: kindOpen, Nonce: 1, Frames: 1}, []byte(`{"manifest":10,"files":1,"bytes":1,"digest":"blake3"}`))
	ok, reason := l.verdict()
	if ok || !strings.Contains(reason, `"blake3" is not known here`) {
		t.Errorf("accepted %v: %s", ok, reason)
	}
}

// TestWrongDigestFailsTheFile: with either digest, a file of which one frame was exchanged for another,
// each with a good checksum of its own, is not delivered.
func TestWrongDigestFailsTheFile(t *testing.T) {
	for _, kind := range []Digest{SHA256, CRC32C} {
		t.Run(string(kind), func(t *testing.T) {
			got := t.TempDir()
			l, _ := newLiar(t, Options{WriteRoot: got})
			m := []byte(`{"files":[{"name":"x","size":2,"mode":384}]}`)
			sum := func(b string) [32]byte {
				d := kind.begin()
				if _, err := d.Write([]byte(b)); err != nil {
					t.Fatal(err)
				}
				return d.sum()
			}
			body, err := json.Marshal(announcement{ManifestBytes: int64(len(m)), Files: 1, Bytes: 2, Digest: kind})
			if err != nil {
				t.Fatal(err)
			}
			l.send(header{Kind: kindOpen, Nonce: 1, Frames: 1}, body)
			l.expect(kindAnswer)
			l.send(header{Kind: kindData, Flags: flagFin, Nonce: 1, Digest: sum(string(m))}, m)
			if ok, reason := l.verdict(); !ok {
				t.Fatal(reason)
			}
			l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 1}}, []byte("b"))
			l.send(header{Kind: kindData, Flags: flagFin, Nonce: 1, Pos: stream.Pos{File: 1, Offset: 1}, Digest: sum("ab")}, []byte("a"))
			_, payload := l.expect(kindEnd)
			var r result
			if err := json.Unmarshal(payload, &r); err != nil || r.Failed != 1 || !strings.Contains(r.Failures[0].Reason, "digest") {
				t.Errorf("%s, %v", payload, err)
			}
			if _, err := os.Stat(filepath.Join(got, "x")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("delivered: %v", err)
			}
		})
	}
}
