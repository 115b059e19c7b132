package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mqha/mqha/transfer"
)

// move sends all of a.read to B and deletes what arrived.
func move(t *testing.T, a, b *agent, change func(*transfer.Options), prepare func()) (transfer.Status, []transfer.Event) {
	t.Helper()
	w := newWatcher()
	ea, eb := a.openWith(t, newLease(1), w, change), b.open(t, 1, nil)
	defer closeEngines(t, eb)
	id := submitMove(t, ea, a.read)
	if prepare != nil {
		prepare()
	}
	stop := runBoth(t, ea, eb)
	s := wait(t, ea, id)
	stop()
	closeEngines(t, ea)
	return s, w.all
}

func submitMove(t *testing.T, e *transfer.Engine, source string) transfer.ID {
	t.Helper()
	id, err := e.Submit(t.Context(), transfer.Request{
		To: "B", Items: []transfer.Item{{Source: source, Destination: "in"}}, SourceDisposition: transfer.DeleteSource,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// names lists what is in a directory, with all below it.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for n := range facts(t, dir) {
		if n != "./" {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, names(t, dir)); d != "" {
		t.Errorf("%s: %s", dir, d)
	}
}

// Directories stay, and so does a link; of a file with two names the one that was sent goes.
func TestMovedFilesAreGoneAndDirectoriesStay(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	for name, size := range map[string]int{"one": 1, "d/empty": 0, "d/big": 3 << 20, "d/e/deep": 100} {
		writeFile(t, a.read, name, size, 0o640)
	}
	want := facts(t, a.read)
	elsewhere := filepath.Join(t.TempDir(), "second name")
	left := []string{"d/", "d/e/"}
	if err := os.Link(filepath.Join(a.read, "one"), elsewhere); err != nil {
		t.Skipf("needs hard links: %v", err)
	}
	if runtime.GOOS != "windows" { // links need a privilege there
		if err := os.Symlink(elsewhere, filepath.Join(a.read, "link")); err != nil {
			t.Fatal(err)
		}
		left = append(left, "link")
	}
	s, _ := move(t, a, b, nil, nil)
	if s.State != transfer.Completed || s.Left != 0 || s.LeftFiles != nil {
		t.Errorf("%+v", s)
	}
	wantNames(t, a.read, left...)
	if d := cmp.Diff(want, facts(t, filepath.Join(b.got, "in"))); d != "" {
		t.Error(d)
	}
	if fi, err := os.Stat(elsewhere); err != nil || fi.Size() != 1 {
		t.Errorf("the other name: %v", err)
	}
}

// A file that was not delivered is never deleted, whichever side failed it.
func TestFilesThatDidNotArriveAreNotDeleted(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	for _, n := range []string{"good", "taken", "changed", "d/blocked"} {
		writeFile(t, a.read, n, 1000, 0o600)
	}
	writeFile(t, b.got, "in/taken", 3, 0o600)
	writeFile(t, b.got, "in/d", 3, 0o600) // no directory can be made
	s, _ := move(t, a, b, nil, func() { writeFile(t, a.read, "changed", 1001, 0o600) })
	wantFailures(t, s, map[string]string{"in/taken": "there already", "in/changed": "changed after", "in/d": "", "in/d/blocked": ""})
	if s.Left != 0 {
		t.Errorf("%d left: %v", s.Left, s.LeftFiles)
	}
	wantNames(t, a.read, "changed", "d/", "d/blocked", "taken")
}

// More failed than the last word has room for: nobody knows which, and all stay.
func TestNothingIsDeletedWhenTheFailuresAreNotAllNamed(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	for i := range 120 {
		writeFile(t, a.read, fmt.Sprintf("f%03d", i), 1, 0o600)
		if i < 110 {
			writeFile(t, b.got, fmt.Sprintf("in/f%03d", i), 2, 0o600)
		}
	}
	before := names(t, a.read)
	s, events := move(t, a, b, nil, nil)
	if s.State != transfer.Completed || s.Failed != 110 || s.Left != 120 || len(s.LeftFiles) != 100 || !strings.Contains(s.LeftFiles[0].Reason, "does not name all") {
		t.Errorf("%s, %d failed, %d left: %.300v", s.State, s.Failed, s.Left, s.LeftFiles)
	}
	if !slices.ContainsFunc(events, func(e transfer.Event) bool { return e.Kind == transfer.EventLeft }) {
		t.Error("no event")
	}
	wantNames(t, a.read, before...)
}

func TestCancelledOrRefusedMoveDeletesNothing(t *testing.T) {
	for _, refused := range []bool{false, true} {
		a, b := newAgent(t, "A"), newAgent(t, "B")
		writeFile(t, a.read, "x", 1000, 0o600)
		ea := a.open(t, 1, nil)
		eb := b.open(t, 1, func(o *transfer.Options) {
			if refused {
				o.WriteRoot = ""
			}
		})
		id := submitMove(t, ea, a.read)
		if !refused {
			if err := ea.Cancel(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		stop := runBoth(t, ea, eb)
		if s := wait(t, ea, id); s.State == transfer.Completed {
			t.Errorf("%+v", s)
		}
		stop()
		closeEngines(t, ea, eb)
		closeEngines(t, a.open(t, 2, nil))
		wantNames(t, a.read, "x")
	}
}

func TestUnknownDispositionIsRefused(t *testing.T) {
	a := newAgent(t, "A")
	writeFile(t, a.read, "x", 1, 0o600)
	e := a.open(t, 1, nil)
	defer closeEngines(t, e)
	_, err := e.Submit(t.Context(), transfer.Request{
		To: "B", Items: []transfer.Item{{Source: a.read, Destination: "in"}}, SourceDisposition: "burn",
	})
	if !errors.Is(err, transfer.ErrRequest) {
		t.Errorf("%v", err)
	}
}

// TestSuccessorGoesOnDeleting: the lease of one sender after another is lost while sources are being deleted, in several
// batches; meanwhile Status says so.
func TestSuccessorGoesOnDeleting(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	for i := range 700 {
		writeFile(t, a.read, fmt.Sprintf("d%d/f%d", i%7, i), 10, 0o600)
	}
	first, w := newLease(1), newWatcher()
	ea, eb := a.openWith(t, first, w, nil), b.open(t, 1, nil)
	defer closeEngines(t, eb)
	id := submitMove(t, ea, a.read)
	stop := runBoth(t, ea, eb)
	deleting := false
	for epoch := uint64(2); ; epoch++ {
		s, err := ea.Status(id)
		for err == nil && s.State != transfer.Deleting && s.State != transfer.Completed {
			s, err = ea.Status(id)
		}
		deleting = deleting || s.State == transfer.Deleting
		if err == nil && s.State == transfer.Completed {
			if s.Left > 0 || s.Durable != s.Bytes {
				t.Errorf("%+v", s)
			}
			break
		}
		if epoch > 10 { // let it come to its end
			wait(t, ea, id)
			continue
		}
		close(first.lost)
		stop()
		ea.Close()
		first = newLease(epoch)
		ea = a.openWith(t, first, w, nil)
		stop = runBoth(t, ea, eb)
	}
	stop()
	closeEngines(t, ea)
	if !deleting {
		t.Error("nobody saw it delete")
	}
	var dirs []string
	for i := range 7 {
		dirs = append(dirs, fmt.Sprintf("d%d/", i))
	}
	wantNames(t, a.read, dirs...)
}

// TestDrainLeavesTheRestToTheSuccessor: a drained engine deletes nothing more.
func TestDrainLeavesTheRestToTheSuccessor(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	for i := range 500 {
		writeFile(t, a.read, fmt.Sprintf("f%d", i), 1, 0o600)
	}
	ea, eb := a.open(t, 1, nil), b.open(t, 1, nil)
	defer closeEngines(t, eb)
	id := submitMove(t, ea, a.read)
	stop := runBoth(t, ea, eb)
	for s, err := ea.Status(id); err == nil && s.State != transfer.Deleting && !s.State.Ended(); {
		s, err = ea.Status(id)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := ea.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	after := names(t, a.read)
	s, err := ea.Status(id)
	if err != nil || s.State == transfer.Deleting && len(after) == 0 {
		t.Errorf("%v, %v, %d files", s.State, err, len(after))
	}
	stop()
	closeEngines(t, ea)
	wantNames(t, a.read, after...)
	ea = a.open(t, 2, nil)
	if s := wait(t, ea, id); s.State != transfer.Completed || s.Left != 0 {
		t.Errorf("%+v", s)
	}
	closeEngines(t, ea)
	wantNames(t, a.read)
}
