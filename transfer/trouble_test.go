package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mqha/mqha/transfer"
)

// lossyLink loses, repeats and delays frames that are not persistent, under a seed.
type lossyLink struct {
	transfer.Link
	mu      sync.Mutex
	rnd     *rand.Rand
	delayed []transfer.Frame
	faults  [3]int
}

func (l *lossyLink) Send(ctx context.Context, f *transfer.Frame) error {
	if f.Persistent {
		return l.Link.Send(ctx, f)
	}
	l.mu.Lock()
	fault := l.rnd.IntN(100)
	var late []transfer.Frame
	switch {
	case fault < 1:
		l.faults[0]++
		l.mu.Unlock()
		return nil
	case fault < 3:
		l.faults[1]++
		late = append(late, transfer.Frame{Peer: f.Peer, Body: append([]byte(nil), f.Body...)})
	case fault < 4:
		l.faults[2]++
		l.delayed = append(l.delayed, transfer.Frame{Peer: f.Peer, Body: append([]byte(nil), f.Body...)})
		l.mu.Unlock()
		return nil
	case fault < 10:
		late, l.delayed = l.delayed, nil
	}
	l.mu.Unlock()
	for i := range late {
		if err := l.Link.Send(ctx, &late[i]); err != nil {
			return err
		}
	}
	return l.Link.Send(ctx, f)
}

func TestFilesArriveOverALinkThatLosesRepeatsAndDelays(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	for i := range 200 {
		writeFile(t, a.read, fmt.Sprintf("d%d/f%d", i%7, i), i*37, 0o600)
	}
	writeFile(t, a.read, "big", 30<<20, 0o600)
	ea, eb := a.open(t, 1, nil), b.open(t, 1, nil)
	defer closeEngines(t, ea, eb)
	la, lb := transfer.Pipe()
	bad := []*lossyLink{{Link: la, rnd: rand.New(rand.NewPCG(1, 1))}, {Link: lb, rnd: rand.New(rand.NewPCG(2, 2))}}
	defer runOver(t, ea, eb, bad[0], bad[1])()
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: a.read, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	if s := wait(t, ea, id); s.State != transfer.Completed || s.Failed != 0 {
		t.Errorf("status %+v", s)
	}
	if d := cmp.Diff(facts(t, a.read), facts(t, b.got)); d != "" {
		t.Error(d)
	}
	if f := bad[0].faults; f[0] == 0 || f[1] == 0 || f[2] == 0 {
		t.Errorf("the link did nothing bad: lost, repeated, delayed %v", f)
	}
}

// submitAndWait sends all of a.read to B and returns how it ended.
func submitAndWait(t *testing.T, a, b *agent, prepare func(id transfer.ID, ea *transfer.Engine)) transfer.Status {
	t.Helper()
	ea, eb := a.open(t, 1, nil), b.open(t, 1, nil)
	defer closeEngines(t, ea, eb)
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: a.read, Destination: "in"}}})
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(id, ea)
	}
	defer runBoth(t, ea, eb)()
	return wait(t, ea, id)
}

func wantFailures(t *testing.T, s transfer.Status, want map[string]string) {
	t.Helper()
	if s.State != transfer.Completed || s.Failed != len(want) || len(s.Failures) != len(want) {
		t.Fatalf("status %+v, want failures %v", s, want)
	}
	for _, f := range s.Failures {
		if part, ok := want[f.Name]; !ok || !strings.Contains(f.Reason, part) {
			t.Errorf("%s failed: %s; want %q", f.Name, f.Reason, part)
		}
	}
}

func TestOneFileThatFailsDoesNotStopTheOthers(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	for _, n := range []string{"a", "changed", "gone", "m/taken", "z"} {
		writeFile(t, a.read, n, 700<<10, 0o600)
	}
	writeFile(t, b.got, "in/m/taken", 3, 0o600)
	writeFile(t, b.got, "in/notadir", 3, 0o600)
	writeFile(t, a.read, "notadir/x", 3, 0o600)
	want := map[string]string{
		"in/changed": "changed after", "in/gone": "no such file", "in/m/taken": "there already",
		"in/notadir": "", "in/notadir/x": "",
	}
	if runtime.GOOS != "windows" { // links need a privilege there
		if err := os.Symlink("a", filepath.Join(a.read, "link")); err != nil {
			t.Fatal(err)
		}
		want["in/link"] = "symbolic link"
	}
	before := facts(t, b.got)
	s := submitAndWait(t, a, b, func(transfer.ID, *transfer.Engine) {
		writeFile(t, a.read, "changed", 800<<10, 0o600)
		if err := os.Remove(filepath.Join(a.read, "gone")); err != nil {
			t.Fatal(err)
		}
	})
	wantFailures(t, s, want)
	got := facts(t, b.got)
	sent := facts(t, a.read)
	for _, n := range []string{"a", "z"} {
		if got["in/"+n] != sent[n] {
			t.Errorf("%s: %v, want %v", n, got["in/"+n], sent[n])
		}
	}
	if got["in/m/taken"] != before["in/m/taken"] {
		t.Error("a file that was there was replaced")
	}
	for name := range got {
		if strings.HasSuffix(name, ".part") {
			t.Errorf("left behind: %s", name)
		}
	}
}

func TestReceiverWithoutWriteRootRefuses(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	writeFile(t, a.read, "x", 1, 0o600)
	ea, eb := a.open(t, 1, nil), b.open(t, 1, func(o *transfer.Options) { o.WriteRoot = "" })
	defer closeEngines(t, ea, eb)
	defer runBoth(t, ea, eb)()
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: a.read, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	if s := wait(t, ea, id); s.State != transfer.Refused || !strings.Contains(s.Reason, "WriteRoot") {
		t.Errorf("status %+v", s)
	}
}

func TestBadRequestsAreRefusedWithASentence(t *testing.T) {
	a := newAgent(t, "A")
	writeFile(t, a.read, "x", 1, 0o600)
	e := a.open(t, 1, nil)
	defer closeEngines(t, e)
	x := filepath.Join(a.read, "x")
	for _, c := range []struct {
		r    transfer.Request
		want string
	}{
		{transfer.Request{To: "b", Items: []transfer.Item{{Source: x, Destination: "x"}}}, "agent name"},
		{transfer.Request{To: "B"}, "no Items"},
		{transfer.Request{To: "B", Items: []transfer.Item{{Source: "x", Destination: "x"}}}, "absolute"},
		{transfer.Request{To: "B", Items: []transfer.Item{{Source: x, Destination: "../x"}}}, "Destination"},
		{transfer.Request{To: "B", Items: []transfer.Item{{Source: x, Destination: "/x"}}}, "Destination"},
		{transfer.Request{To: "B", Items: []transfer.Item{{Source: x, Destination: "."}}}, "must be a name"},
		{transfer.Request{To: "B", Items: []transfer.Item{{Source: a.state, Destination: "."}}}, "ReadRoots"},
		{transfer.Request{To: "B", Items: []transfer.Item{{Source: x + "y", Destination: "y"}}}, "no such file"},
		{transfer.Request{To: "B", Items: []transfer.Item{{Source: x, Destination: "y"}, {Source: x, Destination: "y"}}}, "twice"},
	} {
		_, err := e.Submit(t.Context(), c.r)
		if !errors.Is(err, transfer.ErrRequest) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.r, err, c.want)
		}
	}
	if _, err := e.Status(transfer.NewID()); !errors.Is(err, transfer.ErrUnknown) {
		t.Errorf("status of an unknown transfer: %v", err)
	}
}

func TestSubmitIsIdempotentAcrossEpochs(t *testing.T) {
	a := newAgent(t, "A")
	writeFile(t, a.read, "x", 1, 0o600)
	r := transfer.Request{ID: transfer.NewID(), To: "B", Items: []transfer.Item{{Source: a.read, Destination: "."}}}
	for epoch := uint64(1); epoch < 4; epoch++ {
		e := a.open(t, epoch, nil)
		for range 2 {
			if id, err := e.Submit(t.Context(), r); err != nil || id != r.ID {
				t.Errorf("epoch %d: %v, %v", epoch, id, err)
			}
		}
		if s, err := e.Status(r.ID); err != nil || s.State != transfer.Waiting || s.Files != 1 {
			t.Errorf("epoch %d: %+v, %v", epoch, s, err)
		}
		closeEngines(t, e)
	}
}

func TestDrainLeavesNothingInFlight(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	writeFile(t, a.read, "big", 64<<20, 0o600)
	w := newWatcher()
	ea := a.openWith(t, newLease(1), w, nil)
	eb := b.open(t, 1, nil)
	link, stop := runUpTo(t, ea, eb, 16<<20)
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: a.read, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	w.wait(t, "8 MiB durable", durableAbove(8<<20))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, e := range []*transfer.Engine{ea, eb} {
		if err := e.Drain(ctx); err != nil {
			t.Error(err)
		}
	}
	s, err := ea.Status(id)
	if err != nil || s.State.Ended() {
		t.Errorf("a drained transfer went on to its end: %+v, %v", s, err)
	}
	left := link.left.Load()
	stop()
	closeEngines(t, ea, eb)
	if sent := left - link.left.Load(); sent != 0 {
		t.Errorf("%d bytes were sent after the drain", sent)
	}
	ea, eb = a.open(t, 2, nil), b.open(t, 2, nil)
	defer closeEngines(t, ea, eb)
	defer runBoth(t, ea, eb)()
	wait(t, ea, id)
	if d := cmp.Diff(facts(t, a.read), facts(t, b.got)); d != "" {
		t.Error(d)
	}
}

func TestStateDirectoryThatCannotBeUsedIsSaid(t *testing.T) {
	a := newAgent(t, "A")
	o := transfer.Options{Name: "A"}
	if _, err := transfer.Open(t.Context(), filepath.Join(a.state, "nothing"), newLease(1), o); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	e := a.open(t, 5, nil)
	if _, err := transfer.Open(t.Context(), a.state, newLease(5), o); !errors.Is(err, transfer.ErrInUse) {
		t.Errorf("second engine of one epoch: %v", err)
	}
	if _, err := transfer.Open(t.Context(), a.state, newLease(4), o); !errors.Is(err, transfer.ErrStale) {
		t.Errorf("lower epoch: %v", err)
	}
	closeEngines(t, e)
	if n, err := transfer.HighestEpoch(a.state); err != nil || n != 5 {
		t.Errorf("highest epoch %d, %v", n, err)
	}
	if n, err := transfer.HighestEpoch(filepath.Join(a.state, "nothing")); err != nil || n != 0 {
		t.Errorf("highest epoch of nothing %d, %v", n, err)
	}
	inside := transfer.Options{Name: "A", WriteRoot: filepath.Dir(a.state)}
	if _, err := transfer.Open(t.Context(), a.state, newLease(6), inside); err == nil || !strings.Contains(err.Error(), "below Options.WriteRoot") {
		t.Errorf("state directory below WriteRoot: %v", err)
	}
	gone := newLease(6)
	close(gone.lost)
	if _, err := transfer.Open(t.Context(), a.state, gone, o); !errors.Is(err, transfer.ErrFenced) {
		t.Errorf("lost lease: %v", err)
	}
	if _, err := transfer.Open(t.Context(), a.state, newLease(6), transfer.Options{Name: "bad name"}); err == nil {
		t.Error("a bad agent name was taken")
	}
}

// TestFilesProvenByCRC: the digest goes with the transfer, across a takeover of the sender whose own setting
// is another by then.
func TestFilesProvenByCRC(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	manyFiles(t, a.read)
	first, w1 := newLease(1), newWatcher()
	byCRC := func(o *transfer.Options) { o.Digest = transfer.CRC32C }
	ea, eb := a.openWith(t, first, w1, byCRC), b.open(t, 1, nil)
	defer closeEngines(t, eb)
	_, stop := runUpTo(t, ea, eb, 30<<20)
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: a.read, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	w1.wait(t, "20 MiB durable", durableAbove(20<<20))
	close(first.lost)
	stop()
	ea.Close()
	ea = a.open(t, 2, nil)
	defer closeEngines(t, ea)
	defer runBoth(t, ea, eb)()
	if s := wait(t, ea, id); s.State != transfer.Completed || s.Failed != 0 {
		t.Errorf("status %+v", s)
	}
	if d := cmp.Diff(facts(t, a.read), facts(t, b.got)); d != "" {
		t.Error(d)
	}
}
