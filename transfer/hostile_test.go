package transfer

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/core/stream"
)

type goodLease uint64

func (l goodLease) Epoch() uint64 { return uint64(l) }
func (l goodLease) Err() error    { return nil }

// liar speaks the protocol by hand to a real engine.
type liar struct {
	t    *testing.T
	link Link
	head header // stamped on every frame
}

func newLiar(t *testing.T, o Options) (*liar, *Engine) {
	t.Helper()
	o.Name, o.RetryInterval = "B", 20*time.Millisecond
	e, err := Open(t.Context(), t.TempDir(), goodLease(1), o)
	if err != nil {
		t.Fatal(err)
	}
	mine, its := Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx, its) }()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return &liar{t: t, link: mine, head: header{From: "EVIL", Incarnation: [16]byte{1}, Epoch: 7, Transfer: NewID()}}, e
}

func (l *liar) send(h header, payload []byte) {
	l.t.Helper()
	h.From, h.Incarnation, h.Epoch, h.Transfer = l.head.From, l.head.Incarnation, l.head.Epoch, l.head.Transfer
	body := append(make([]byte, HeaderBytes), payload...)
	h.encode(body)
	l.raw(body, h.Kind.control())
}

// skip is a frame in the hand of the loop, as if it had just arrived: one of those of the run, which
// takes back no others.
func (l *liar) skip(r *run, at stream.Pos) *inFrame {
	f := <-r.free
	f.payload = []byte("no")
	f.head = l.head
	f.head.Kind, f.head.Nonce, f.head.Pos, f.head.Flags = kindData, 1, at, flagSkip
	return f
}

func (l *liar) raw(body []byte, control bool) {
	l.t.Helper()
	if err := l.link.Send(l.t.Context(), &Frame{Persistent: control, Body: body}); err != nil {
		l.t.Fatal(err)
	}
}

// expect waits for a frame of that kind and passes over the others.
func (l *liar) expect(k kind) (header, []byte) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	for {
		var f Frame
		if err := l.link.Receive(ctx, &f); err != nil {
			l.t.Fatalf("waiting for kind %d: %v", k, err)
		}
		h, payload, err := decode(f.Body, "")
		if err != nil {
			l.t.Fatal(err)
		}
		if h.Kind == k && h.Transfer == l.head.Transfer {
			return h, payload
		}
	}
}

func (l *liar) announce(manifest []byte, files int, bytes int64) {
	l.t.Helper()
	body, err := json.Marshal(announcement{ManifestBytes: int64(len(manifest)), Files: files, Bytes: bytes})
	if err != nil {
		l.t.Fatal(err)
	}
	l.send(header{Kind: kindOpen, Nonce: 1, Frames: 1}, body)
}

// manifest sends a whole manifest and returns how the receiver took it.
func (l *liar) manifest(m []byte, files int, bytes int64) (accepted bool, reason string) {
	l.t.Helper()
	l.announce(m, files, bytes)
	l.expect(kindAnswer)
	l.send(header{Kind: kindData, Flags: flagFin, Nonce: 1, Digest: digestOf(m)}, m)
	return l.verdict()
}

func (l *liar) verdict() (accepted bool, reason string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	for {
		var f Frame
		if err := l.link.Receive(ctx, &f); err != nil {
			l.t.Fatal(err)
		}
		h, payload, err := decode(f.Body, "")
		switch {
		case err != nil:
			l.t.Fatal(err)
		case h.Kind == kindAck && h.Durable.File > 0:
			return true, ""
		case h.Kind == kindEnd && h.Answer == stream.Refused:
			var r result
			if err := json.Unmarshal(payload, &r); err != nil {
				l.t.Fatal(err)
			}
			return false, r.Reason
		}
	}
}

func TestManifestsThatLeaveTheRootOrLieAreRefused(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, c := range []struct{ name, manifest, want string }{
		{"up", `{"files":[{"name":"../x","mode":420}]}`, "not a path below"},
		{"up inside", `{"files":[{"name":"a/../../x","mode":420}]}`, "not a path below"},
		{"absolute", `{"files":[{"name":"/etc/x","mode":420}]}`, "not a path below"},
		{"empty", `{"files":[{"name":"","mode":420}]}`, "not a path below"},
		{"zero byte", `{"files":[{"name":"a\u0000b","mode":420}]}`, "not a path below"},
		{"directory up", `{"dirs":["../d"],"files":[{"name":"x","mode":420}]}`, "not a path below"},
		{"orphan directory", `{"dirs":["a/b"],"files":[{"name":"x","mode":420}]}`, "before its parent"},
		{"orphan file", `{"files":[{"name":"a/x","mode":420}]}`, "no directory"},
		{"twice", `{"files":[{"name":"x","mode":420},{"name":"x","mode":420}]}`, "announced"},
		{"file and directory", `{"dirs":["x"],"files":[{"name":"x","mode":420}]}`, "twice"},
		{"long", `{"files":[{"name":"` + long + `","mode":420}]}`, "more than 255"},
		{"setuid", `{"files":[{"name":"x","mode":2541}]}`, "mode"},
		{"negative", `{"files":[{"name":"x","size":-1,"mode":420}]}`, "size"},
		{"part", `{"files":[{"name":".` + strings.Repeat("0", 32) + `.1.1.part","mode":420}]}`, "part file"},
		{"no JSON", `{"files":[`, "not readable"},
		{"more than announced", `{"files":[{"name":"x","mode":420},{"name":"y","mode":420}]}`, "announced"},
		{"bigger than announced", `{"files":[{"name":"x","size":5,"mode":420}]}`, "announced"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			l, _ := newLiar(t, Options{WriteRoot: root})
			accepted, reason := l.manifest([]byte(c.manifest), 1, 0)
			if accepted || c.name != "twice" && !strings.Contains(reason, c.want) {
				t.Errorf("accepted %v, %q; want %q", accepted, reason, c.want)
			}
			if names, _ := os.ReadDir(root); len(names) > 0 {
				t.Errorf("something was written: %v", names)
			}
		})
	}
}

func TestAbsurdAnnouncementIsRefused(t *testing.T) {
	for _, payload := range []string{
		`{"manifest":9223372036854775807,"files":1}`, `{"manifest":-1,"files":1}`, `{"manifest":1,"files":-1}`,
		`{"manifest":1,"files":2000000000}`, `{"manifest":1,"bytes":-1}`, `nonsense`, ``,
	} {
		l, _ := newLiar(t, Options{WriteRoot: t.TempDir()})
		l.send(header{Kind: kindOpen, Nonce: 1, Frames: 1}, []byte(payload))
		h, body := l.expect(kindEnd)
		var r result
		err := json.Unmarshal(body, &r)
		if h.Answer != stream.Refused || err != nil || !strings.Contains(r.Reason, "absurd announcement") && !strings.Contains(r.Reason, "not readable") {
			t.Errorf("%s: answer %d %s, %v", payload, h.Answer, body, err)
		}
	}
}

// TestDataThatDoesNotFitItsFileIsDropped: bytes beyond the size in the manifest, an end before it,
// and files that are not in it change nothing; the honest bytes after them arrive.
func TestDataThatDoesNotFitItsFileIsDropped(t *testing.T) {
	root := t.TempDir()
	l, _ := newLiar(t, Options{WriteRoot: root})
	m := []byte(`{"files":[{"name":"x","size":4,"mode":384,"mtime":1}]}`)
	if ok, reason := l.manifest(m, 1, 4); !ok {
		t.Fatal(reason)
	}
	at := stream.Pos{File: 1}
	l.send(header{Kind: kindData, Nonce: 1, Pos: at}, []byte("12345"))
	l.send(header{Kind: kindData, Nonce: 1, Pos: at, Flags: flagFin}, []byte("12"))
	l.send(header{Kind: kindData, Nonce: 1, Pos: at}, nil)
	l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 9}, Flags: flagFin}, nil)
	l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 1, Offset: 1 << 62}}, []byte("1"))
	l.send(header{Kind: kindData, Nonce: 1, Pos: at}, []byte("12"))
	l.send(header{Kind: kindData, Nonce: 1, Pos: at.Advance(2), Flags: flagFin, Digest: digestOf([]byte("1234"))}, []byte("34"))
	if h, _ := l.expect(kindEnd); h.Answer != stream.Completed {
		t.Errorf("answer %d", h.Answer)
	}
	if b, err := os.ReadFile(filepath.Join(root, "x")); err != nil || string(b) != "1234" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestWrongDigestFailsTheFileAndDeliversNothing(t *testing.T) {
	root := t.TempDir()
	l, _ := newLiar(t, Options{WriteRoot: root})
	m := []byte(`{"files":[{"name":"x","size":4,"mode":384}]}`)
	if ok, reason := l.manifest(m, 1, 4); !ok {
		t.Fatal(reason)
	}
	l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 1}, Flags: flagFin}, []byte("1234"))
	_, body := l.expect(kindEnd)
	var r result
	if err := json.Unmarshal(body, &r); err != nil || r.Failed != 1 || !strings.Contains(r.Failures[0].Reason, "digest") {
		t.Errorf("%s, %v", body, err)
	}
	if names, _ := os.ReadDir(root); len(names) > 0 {
		t.Errorf("something was left: %v", names)
	}
}

// TestLinkPlantedInTheDestinationLeadsNowhere: a directory of the manifest is replaced by a link
// that leaves the root, between the manifest and the data.
func TestLinkPlantedInTheDestinationLeadsNowhere(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	l, _ := newLiar(t, Options{WriteRoot: root})
	m := []byte(`{"dirs":["d"],"files":[{"name":"d/x","size":1,"mode":384}]}`)
	if ok, reason := l.manifest(m, 1, 1); !ok {
		t.Fatal(reason)
	}
	if err := os.Remove(filepath.Join(root, "d")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(root, "d")); err != nil {
		t.Skipf("needs symbolic links: %v", err)
	}
	l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 1}, Flags: flagFin, Digest: digestOf([]byte("1"))}, []byte("1"))
	_, body := l.expect(kindEnd)
	var r result
	if err := json.Unmarshal(body, &r); err != nil || r.Failed != 1 {
		t.Errorf("%s, %v", body, err)
	}
	if names, _ := os.ReadDir(outside); len(names) > 0 {
		t.Errorf("written outside of the root: %v", names)
	}
}

func TestOlderEpochsAndRetiredIncarnationsAreNotHeard(t *testing.T) {
	dropped := make(chan string, 10)
	l, _ := newLiar(t, Options{WriteRoot: t.TempDir(), OnEvent: func(e Event) {
		if e.Kind == EventDropped {
			dropped <- e.Reason
		}
	}})
	l.send(header{Kind: kindAsk, Nonce: 1}, nil)
	l.expect(kindAnswer)
	newest := l.head
	l.head.Epoch = 6
	l.send(header{Kind: kindAsk, Nonce: 100}, nil)
	l.head = newest
	l.head.Incarnation = [16]byte{2}
	l.send(header{Kind: kindAsk, Nonce: 2}, nil)
	if h, _ := l.expect(kindAnswer); h.Nonce != 2 {
		t.Errorf("the old epoch was answered: nonce %d", h.Nonce)
	}
	l.head = newest
	l.head.Epoch = 1000
	l.send(header{Kind: kindAsk, Nonce: 200}, nil)
	l.head.Incarnation, l.head.Epoch = [16]byte{2}, 7
	l.send(header{Kind: kindAsk, Nonce: 3}, nil)
	if h, _ := l.expect(kindAnswer); h.Nonce != 3 {
		t.Errorf("the retired incarnation was answered: nonce %d", h.Nonce)
	}
	for _, epoch := range []string{"6", "1000"} {
		if reason := <-dropped; !strings.Contains(reason, "a message of epoch "+epoch) {
			t.Errorf("said of epoch %s: %s", epoch, reason)
		}
	}
}

// TestConfirmedTransferNeverBeginsAgain replays the announcement of a transfer that is over.
func TestConfirmedTransferNeverBeginsAgain(t *testing.T) {
	root := t.TempDir()
	l, _ := newLiar(t, Options{WriteRoot: root})
	m := []byte(`{"files":[{"name":"x","mode":384}]}`)
	if ok, reason := l.manifest(m, 1, 0); !ok {
		t.Fatal(reason)
	}
	l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 1}, Flags: flagFin, Digest: digestOf(nil)}, nil)
	l.expect(kindEnd)
	l.send(header{Kind: kindConfirm}, nil)
	if err := os.Remove(filepath.Join(root, "x")); err != nil {
		t.Fatal(err)
	}
	l.send(header{Kind: kindAsk, Nonce: 2, Frames: 1}, nil)
	l.expect(kindAnswer)
	l.announce(m, 1, 0)
	if h, _ := l.expect(kindEnd); h.Answer != stream.Refused {
		t.Errorf("answer %d", h.Answer)
	}
}
