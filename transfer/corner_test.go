package transfer_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mqha/mqha/transfer"
)

// loopLink is a link of an agent to itself, as a queue is: it takes whatever is sent.
type loopLink struct {
	frames chan transfer.Frame
}

func (l *loopLink) Send(_ context.Context, f *transfer.Frame) error {
	l.frames <- transfer.Frame{Persistent: f.Persistent, Body: append([]byte(nil), f.Body...)}
	return nil
}

func (l *loopLink) Receive(ctx context.Context, f *transfer.Frame) error {
	select {
	case c := <-l.frames:
		f.Persistent, f.Body = c.Persistent, c.Body
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *loopLink) Commit(context.Context) error { return nil }
func (l *loopLink) MaxBody() int                 { return 1 << 20 }

func TestAgentSendsToItself(t *testing.T) {
	a := newAgent(t, "A")
	for _, n := range []string{"x", "d/y", "d/z"} {
		writeFile(t, a.read, n, 3<<20, 0o640)
	}
	e := a.open(t, 1, nil)
	defer closeEngines(t, e)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx, &loopLink{frames: make(chan transfer.Frame, 100_000)}) }()
	defer func() { cancel(); <-done }()
	id, err := e.Submit(t.Context(), transfer.Request{To: "A", Items: []transfer.Item{{Source: a.read, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	if s := wait(t, e, id); s.State != transfer.Completed || s.Failed != 0 {
		t.Errorf("status %+v", s)
	}
	if d := cmp.Diff(facts(t, a.read), facts(t, a.got)); d != "" {
		t.Error(d)
	}
}

func sendItems(t *testing.T, a, b *agent, items ...transfer.Item) transfer.Status {
	t.Helper()
	ea, eb := a.open(t, 1, nil), b.open(t, 1, nil)
	defer closeEngines(t, ea, eb)
	defer runBoth(t, ea, eb)()
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: items})
	if err != nil {
		t.Fatal(err)
	}
	return wait(t, ea, id)
}

func TestDirectoryWithoutFilesArrives(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	if err := os.MkdirAll(filepath.Join(a.read, "d", "e"), 0o755); err != nil {
		t.Fatal(err)
	}
	if s := sendItems(t, a, b, transfer.Item{Source: a.read, Destination: "."}); s.State != transfer.Completed || s.Files != 0 || s.Failed != 0 {
		t.Errorf("status %+v", s)
	}
	if d := cmp.Diff(facts(t, a.read), facts(t, b.got)); d != "" {
		t.Error(d)
	}
}

// TestNothingAtAllArrives: an empty directory whose contents go into the root.
func TestNothingAtAllArrives(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	if s := sendItems(t, a, b, transfer.Item{Source: a.read, Destination: "."}); s.State != transfer.Completed {
		t.Errorf("status %+v", s)
	}
}

func TestFileBesideTheRootAndStrangeNamesArrive(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	names := []string{"plain", "frames"}
	if runtime.GOOS == "linux" {
		names = append(names, `back\slash`, "C:", "a:b", " ", "new\nline", "...", "-rf", "<&>", ".hidden.part")
	}
	var items []transfer.Item
	for i, n := range names {
		writeFile(t, a.read, n, i*256<<10, 0o600) // whole frames
		items = append(items, transfer.Item{Source: filepath.Join(a.read, n), Destination: n})
	}
	if s := sendItems(t, a, b, items...); s.State != transfer.Completed || s.Failed != 0 {
		t.Errorf("status %+v", s)
	}
	if d := cmp.Diff(facts(t, a.read), facts(t, b.got)); d != "" {
		t.Error(d)
	}
}

// TestTwoTransfersToTheSameNames: each file arrives once, from one of the two, and the other reports it.
func TestTwoTransfersToTheSameNames(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	for _, n := range []string{"one/x", "one/y", "two/x", "two/y"} {
		writeFile(t, a.read, n, 3<<20, 0o600)
	}
	ea, eb := a.open(t, 1, nil), b.open(t, 1, nil)
	defer closeEngines(t, ea, eb)
	failed := 0
	var ids []transfer.ID
	for _, n := range []string{"one", "two"} {
		id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: filepath.Join(a.read, n), Destination: "in"}}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	defer runBoth(t, ea, eb)()
	for _, id := range ids {
		s := wait(t, ea, id)
		if s.State != transfer.Completed {
			t.Errorf("status %+v", s)
		}
		failed += s.Failed
	}
	if failed != 2 {
		t.Errorf("%d failed, want 2", failed)
	}
	sent, got := facts(t, a.read), facts(t, b.got)
	for _, n := range []string{"x", "y"} {
		if f := got["in/"+n]; f != sent["one/"+n] && f != sent["two/"+n] {
			t.Errorf("%s: %v is neither", n, f)
		}
	}
	if len(got) != 4 {
		t.Errorf("left behind: %v", got)
	}
}
