package transfer

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mqha/mqha/internal/core/stream"
)

// Names that no manifest may carry, each with a typed error.
func TestNamesOfAHostileManifestAreRefused(t *testing.T) {
	for what, m := range map[string]string{
		"up":                 `{"files":[{"name":"../x"}]}`,
		"absolute":           `{"files":[{"name":"/etc/passwd"}]}`,
		"not UTF-8":          "{\"files\":[{\"name\":\"a\xff\"}]}",
		"half a surrogate":   "{\"files\":[{\"name\":\"a\xed\xa0\x80\"}]}",
		"long path":          fmt.Sprintf(`{"files":[{"name":"%sx"}]}`, strings.Repeat("d/", maxNameBytes/2)),
		"long element":       fmt.Sprintf(`{"files":[{"name":"%s"}]}`, strings.Repeat("x", maxElementBytes+1)),
		"part":               fmt.Sprintf(`{"files":[{"name":"%s"}]}`, partName{transfer: NewID(), file: 1, epoch: 1}),
		"sources set aside":  fmt.Sprintf(`{"dirs":["%[1]s"],"files":[{"name":"%[1]s/3.1"}]}`, asideDir(NewID())),
		"sizes that overrun": `{"files":[{"name":"x","size":9223372036854775807},{"name":"y","size":1}]}`,
		"deep nesting":       strings.Repeat("[", 100_000),
	} {
		if _, err := decodeManifest([]byte(m)); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The table holds on every system; it is applied on Windows.
func TestNamesThatAreDevicesOrStreamsOnWindows(t *testing.T) {
	for _, bad := range []string{
		"CON", "nul", "Aux.txt", "prn .x", "COM1", "com9.tar.gz", "LPT\u00b2", "CONIN$", "conout$", "a:b", "a::$DATA", `d\..\x`, "a?", "a*",
		"dot.", "blank ", "a<b", `a"b`, "a|b", "a\x01b", "NUL.",
	} {
		if fitsWindows(bad) {
			t.Errorf("%q passes", bad)
		}
	}
	for _, good := range []string{"CONSOLE", "COM", "COM10", "nul1", ".con", "a.con", "report.txt", "\u00e9t\u00e9", "a b"} {
		if !fitsWindows(good) {
			t.Errorf("%q is refused", good)
		}
	}
}

// TestManifestOfABillionNamesIsRefusedBeforeItIsRead: neither its files nor its bytes are asked for.
func TestManifestOfABillionNamesIsRefusedBeforeItIsRead(t *testing.T) {
	for _, payload := range []string{`{"manifest":40000000000,"files":1000000000}`, `{"manifest":1000,"files":1000000000}`, `{"manifest":1073741825,"files":1}`} {
		root := t.TempDir()
		l, _ := newLiar(t, Options{WriteRoot: root})
		l.send(header{Kind: kindOpen, Nonce: 1, Frames: 1}, []byte(payload))
		if ok, reason := l.verdict(); ok || !strings.Contains(reason, "absurd announcement") {
			t.Errorf("%s: accepted %v, %s", payload, ok, reason)
		}
		if names, err := os.ReadDir(root); err != nil || len(names) > 0 {
			t.Errorf("%v, %v", names, err)
		}
	}
}

// frameSeeds is one good frame of each kind, as engines send them.
func frameSeeds() map[kind][]byte {
	payloads := map[kind]string{
		kindOpen: `{"manifest":10,"files":1,"bytes":2,"digest":"crc32c"}`, kindData: "payload", kindCancel: "why",
		kindEnd: `{"failed":1,"failures":[{"name":"x","reason":"y"}]}`,
	}
	seeds := map[kind][]byte{}
	for _, k := range []kind{kindAsk, kindOpen, kindData, kindAnswer, kindNudge, kindAck, kindEnd, kindConfirm, kindCancel} {
		h := header{
			Kind: k, From: "A.B_1", Transfer: ID{1}, Incarnation: [16]byte{2}, Epoch: 3, Nonce: 4, Answer: stream.Receiving,
			Pos: stream.Pos{File: 1, Offset: 2}, Durable: stream.Pos{File: 1}, Frames: 5, Bytes: 6, Digest: [32]byte{7}, Flags: flagFin,
		}
		body := append(make([]byte, HeaderBytes), payloads[k]...)
		h.encode(body)
		seeds[k] = body
	}
	return seeds
}

// TestSeedsHaveEveryKindOfFrame: a kind that is added later is fuzzed as well.
func TestSeedsHaveEveryKindOfFrame(t *testing.T) {
	seeds := frameSeeds()
	for k := range kind(255) {
		h := header{Kind: k, From: "A"}
		if known := h.check() == nil; known != (seeds[k] != nil) {
			t.Errorf("kind %d: known %v, in the corpus %v", k, known, seeds[k] != nil)
		}
	}
	for k, body := range seeds {
		if h, _, err := decode(body, ""); err != nil || h.Kind != k {
			t.Errorf("kind %d: %+v, %v", k, h, err)
		}
	}
}

// FuzzJournalEntries cuts entries off whatever a damaged disk gives.
func FuzzJournalEntries(f *testing.F) {
	for _, r := range []record{{Peer: &peerRecord{Name: "B"}}, {Deleting: &deletingRecord{First: 1, Last: 2}}} {
		b, err := appendEntry(nil, &r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		body, rest := cutEntry(b)
		if body == nil {
			if len(rest) != len(b) {
				t.Fatal("bytes are gone")
			}
			return
		}
		if prefixBytes+len(body)+len(rest) != len(b) {
			t.Fatalf("%d + %d of %d", len(body), len(rest), len(b))
		}
	})
}
