package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The crash matrix has stopped holders on a disk in memory. Here are a real process, a real disk and SIGSTOP: a process
// with an engine asks its fence, which says yes and stops the process before it answers. The next instance, another
// process, takes over and ends the transfer. Then the first one goes on, and makes the call that the answer was for.

// lateResults are the functions that ask the fence before a call that changes something, with the call, and what it comes
// to when everything it was for has been done by another instance.
var lateResults = map[string]struct {
	op, err string
}{
	"(*Engine).writeFrame":            {"pwrite", "done"}, // the same bytes, wherever they are by now
	"(*Engine).newPart":               {"preallocate", "done"},
	"(*Engine).beginWriteBack":        {"writeback", "done"},
	"(*Engine).setMeta":               {"", "done"}, // chmod or utimes, as the successor did
	"(*tree).deliver":                 {"deliver", "ENOENT"},
	"(*tree).replace":                 {"rename", "ENOENT"},
	"(*tree).unlink":                  {"unlink", "ENOENT"},
	"(*tree).create":                  {"create", "done"}, // under a name that nobody looks for
	"(*tree).reopen":                  {"open", "ENOENT"},
	"(*tree).mkdir":                   {"mkdir", "EEXIST"},
	"(*tree).sync":                    {"sync", "done"},
	"(*tree).syncData":                {"sync", "done"},
	"(*tree).syncDir":                 {"sync", "done"},
	"(*Engine).takeAgain":             {"pwrite", "done"}, // the same bytes, which it has just read there
	"(*fencedWriter).Write":           {"pwrite", "done"}, // into a temporary file that has no name any more
	"(*tailLog).write":                {"pwrite", "done"}, // likewise
	"(*journal).append":               {"pwrite", "done"}, // likewise
	"(*journal).mark":                 {"pwrite", "done"}, // likewise
	"rotation: (*fencedWriter).Write": {"pwrite", "done"},
	"rotation: (*tree).create":        {"create", "done"},
	"rotation: (*tree).sync":          {"sync", "done"},
	"rotation: (*tree).replace":       {"rename", "ENOENT"},
	"rotation: (*tree).syncDir":       {"sync", "done"},
	"rotation: (*tree).reopen":        {"open", "ENOENT"},
	"rotation: (*tree).unlink":        {"unlink", "ENOENT"},
	"source: (*tree).mkdir":           {"mkdir", "done"}, // an empty directory that only this transfer uses
	"source: (*tree).setAside":        {"deliver", "ENOENT"},
	"source: (*tree).putBack":         {"put back", "ENOENT"},
	"source: (*tree).unlink":          {"unlink", "ENOENT"},
	"source: (*tree).syncDir":         {"sync", "done"},
}

// bareChecks are the functions that ask the fence and then change nothing on a disk. What (*Engine).transmit sends late is a
// frame of an epoch that the peer has left behind.
var bareChecks = []string{"openOn", "(*Engine).fail", "(*Engine).notDurable", "(*Engine).transmit", "(*Engine).recheck.func1", "(*remover).run"}

func TestLateCallsOfAStoppedProcessDoNoHarm(t *testing.T) {
	if text := os.Getenv(lateVariable); text != "" {
		playLate(text)
		os.Exit(0)
	}
	// An instance that begins makes directories, one that takes over opens and renames parts, one that moves deletes sources,
	// and puts back what is not a source any more.
	kinds := []lateTask{{Epoch: 2, After: true}, {Epoch: 2}, {Epoch: 2, Move: true}, {Epoch: 2, Move: true, Swap: true}}
	counts := make([]map[string]int, len(kinds))
	for i, k := range kinds {
		w := newLateWorld(t)
		w.move, w.swap = k.Move, k.Swap
		r := w.start(t, k).report(t)
		w.expectEnded(t, r)
		w.expectDelivered(t, true)
		w.expectSources(t, false)
		counts[i] = r.Checks
		for call := range r.Checks {
			if _, listed := lateResults[call]; !listed && !slices.Contains(bareChecks, call) {
				t.Errorf("%s asks the fence, and nobody says what comes of its call when it is late", call)
			}
		}
	}
	stopped, cases := 0, 0
	for _, call := range slices.Sorted(maps.Keys(lateResults)) {
		kind := slices.IndexFunc(counts, func(c map[string]int) bool { return c[call] > 0 })
		if kind < 0 {
			t.Errorf("%s never asked", call)
			continue
		}
		count := counts[kind][call]
		n := min(count, mostOfAKind)
		for i := range n {
			k := kinds[kind]
			k.Call, k.At = call, 1+i*count/n
			cases++
			t.Run(fmt.Sprintf("%s %d of %d", call, k.At, count), func(t *testing.T) {
				if lateCase(t, k, i%3) {
					stopped++
				}
			})
		}
	}
	t.Logf("stopped in %d of %d cases", stopped, cases)
	if stopped < cases*9/10 {
		t.Errorf("stopped in %d of %d cases only", stopped, cases)
	}
}

// lateCase stops an instance before one call, has the next one end the transfer, and lets the first go on.
func lateCase(t *testing.T, k lateTask, variant int) (stopped bool) {
	w := newLateWorld(t)
	w.move, w.swap = k.Move, k.Swap
	holder := w.start(t, k)
	if !holder.stops(t) {
		if k.At == 1 {
			t.Error("it has not stopped")
		}
		t.Log("this time it asked less often") // the scheduler decides
		return false
	}
	w.expectEnded(t, w.start(t, lateTask{Epoch: 3, Move: k.Move, Swap: k.Swap}).report(t))
	w.expectDelivered(t, true)
	consumer := []func(*testing.T){
		func(*testing.T) {}, // leaves the files
		w.takeAll,
		func(t *testing.T) {
			w.takeAll(t)
			for name := range w.files {
				w.write(t, "B.got", name, []byte("next"))
			}
		},
	}[variant]
	consumer(t)
	if k.Move && variant > 0 {
		for name := range w.files { // a producer uses the names again
			w.write(t, "read", name, []byte("new"))
		}
	}
	if err := holder.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	w.woken = true
	r := holder.report(t)
	if closing := r.Err == "" && r.Status.State.Ended(); !closing && !strings.Contains(r.Err, ErrFenced.Error()) {
		t.Errorf("the late instance ended with %q", r.Err)
	}
	expectLate(t, k.Call, r.Late)
	expect := []func(){
		func() {
			w.expectDelivered(t, !slices.ContainsFunc(r.Late, func(c lateCall) bool {
				return (c.Op == "pwrite" || c.Op == "preallocate") && strings.HasSuffix(c.Name, ".part")
			}))
		},
		func() { w.expectNames(t, nil) },
		func() { w.expectNext(t) },
	}[variant]
	expect()
	w.expectSources(t, k.Move && variant > 0)
	w.expectAgain(t)
	expect()
	w.expectSources(t, k.Move && variant > 0)
	return true
}

func expectLate(t *testing.T, call string, late []lateCall) {
	t.Helper()
	want, guarded, by := lateResults[call], 0, map[string]int{}
	for _, c := range late {
		if by[c.Goroutine]++; by[c.Goroutine] > 1 {
			t.Errorf("%s, which is not the first late call of that goroutine", c)
		}
		if !c.Guarded {
			continue // another goroutine was in it, or about to
		}
		guarded++
		if want.op != "" && c.Op != want.op || c.Err != want.err || c.Op == "pwrite" && c.N == 0 {
			t.Errorf("%s, want %s, %s", c, want.op, want.err)
		}
	}
	if guarded != 1 {
		t.Errorf("%d calls after the answer: %v", guarded, late)
	}
	t.Logf("late: %v", late)
}

// lateWorld is the directories of two agents.
type lateWorld struct {
	root  string
	files map[string][]byte
	woken bool // the first instance
	move  bool
	swap  bool // other files have the names of the sources
}

// taken is a name that somebody else has at the receiver: that file cannot be delivered, and its part is removed.
const taken = "taken"

func newLateWorld(t *testing.T) *lateWorld {
	t.Helper()
	w := &lateWorld{root: t.TempDir(), files: map[string][]byte{}}
	for _, dir := range []string{"A", "B", "read", "A.got", "B.got"} {
		if err := os.Mkdir(filepath.Join(w.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, size := range map[string]int{"a/empty": 0, "a/one": 1, "b/c/frames": 40_000, "big": smallestPreallocated + 12345, "last": 700, "z/more": 100_000} {
		w.files[name] = bytes.Repeat([]byte(name+"|"), size/(len(name)+1)+1)[:size]
		w.write(t, "read", name, w.files[name])
	}
	w.write(t, "read", taken, []byte("theirs"))
	w.write(t, "B.got", taken, []byte("mine"))
	return w
}

var lateTime = time.Date(2020, 1, 2, 3, 4, 5, 678901000, time.UTC)

func (w *lateWorld) write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	p := filepath.Join(w.root, dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, data, 0o640), os.Chmod(p, 0o640), os.Chtimes(p, lateTime, lateTime)); err != nil {
		t.Fatal(err)
	}
}

// takeAll is a consumer that takes every file away.
func (w *lateWorld) takeAll(t *testing.T) {
	t.Helper()
	for name := range w.files {
		if err := os.Remove(filepath.Join(w.root, "B.got", name)); err != nil {
			t.Error(err)
		}
	}
}

func (w *lateWorld) expectEnded(t *testing.T, r lateReport) {
	t.Helper()
	if s := r.Status; r.Err != "" || s.State != Completed || s.Failed != 1 || s.Failures[0].Name != taken {
		t.Fatalf("ended with %q, %+v", r.Err, s)
	}
}

// expectDelivered holds every file against its source.
func (w *lateWorld) expectDelivered(t *testing.T, alsoTime bool) {
	t.Helper()
	for name, want := range w.files {
		p := filepath.Join(w.root, "B.got", name)
		got, err := os.ReadFile(p)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v, want %d", name, len(got), err, len(want))
			continue
		}
		fi, err := os.Stat(p)
		if err != nil || fi.Mode() != 0o640 || alsoTime && !fi.ModTime().Equal(lateTime) {
			t.Errorf("%s: %v, %v, %v", name, fi.Mode(), fi.ModTime(), err)
		}
	}
	w.expectNames(t, slices.Collect(maps.Keys(w.files)))
}

// expectSources: a transfer that moves has deleted what it has sent and nothing else, though the names are used again, or
// were so when their files were about to be deleted.
func (w *lateWorld) expectSources(t *testing.T, again bool) {
	t.Helper()
	got, want := map[string]string{}, map[string]string{taken: "theirs"}
	for name, content := range w.files {
		switch {
		case again:
			content = []byte("new")
		case w.swap:
			content = []byte(swapped)
		}
		if again || !w.move || w.swap {
			want[name] = string(content)
		}
	}
	root := filepath.Join(w.root, "read")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(p)
		rel, relErr := filepath.Rel(root, p)
		got[rel] = string(content)
		return errors.Join(err, relErr)
	})
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("sources: %q, %v, want %q", slices.Sorted(maps.Keys(got)), err, slices.Sorted(maps.Keys(want)))
	}
}

// expectNext: what the consumer has put there is untouched.
func (w *lateWorld) expectNext(t *testing.T) {
	t.Helper()
	for name := range w.files {
		if got, err := os.ReadFile(filepath.Join(w.root, "B.got", name)); err != nil || string(got) != "next" {
			t.Errorf("%s: %.20q, %v", name, got, err)
		}
	}
	w.expectNames(t, slices.Collect(maps.Keys(w.files)))
}

// expectNames: beside these there is what was there before and, late, an empty part that nobody looks for.
func (w *lateWorld) expectNames(t *testing.T, want []string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(filepath.Join(w.root, "B.got"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		if part, ok := parsePart(d.Name()); ok && w.woken && part.epoch == 2 && err == nil && fi.Size() == 0 {
			return nil
		}
		rel, relErr := filepath.Rel(filepath.Join(w.root, "B.got"), p)
		got = append(got, rel)
		return errors.Join(err, relErr)
	})
	want = slices.Sorted(slices.Values(append(slices.Clone(want), taken)))
	if slices.Sort(got); err != nil || !slices.Equal(got, want) {
		t.Errorf("at the receiver: %q, %v, want %q", got, err, want)
	}
	if got, err := os.ReadFile(filepath.Join(w.root, "B.got", taken)); err != nil || string(got) != "mine" {
		t.Errorf("%s: %q, %v", taken, got, err)
	}
}

// expectAgain: the instance after all of them knows that the transfer has ended, delivers nothing again, and leaves
// nothing but its journal.
func (w *lateWorld) expectAgain(t *testing.T) {
	t.Helper()
	s, err := lateTask{Root: w.root, Epoch: 4, Move: w.move}.run(goodLease(4), nil)
	r := lateReport{Status: s}
	if err != nil {
		r.Err = err.Error()
	}
	w.expectEnded(t, r)
	for _, agent := range []string{"A", "B"} {
		entries, err := os.ReadDir(filepath.Join(w.root, agent))
		if err != nil || len(entries) != 2 || entries[0].Name() != incarnationFile || entries[1].Name() != "journal.4.1" {
			t.Errorf("agent %s has %v, %v", agent, entries, err)
		}
	}
}

// lateProcess is a process that plays a lateTask.
type lateProcess struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

func (w *lateWorld) start(t *testing.T, k lateTask) *lateProcess {
	t.Helper()
	k.Root = w.root
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	p := &lateProcess{cmd: exec.Command(os.Args[0], "-test.run=^TestLateCallsOfAStoppedProcessDoNoHarm$")}
	// The race detector sleeps for a second before a process ends, and these are hundreds.
	p.cmd.Env = append(os.Environ(), lateVariable+"="+string(text), "GORACE=atexit_sleep_ms=0")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	return p
}

// stops waits until every thread of the process has stopped; false: it has ended.
func (p *lateProcess) stops(t *testing.T) bool {
	t.Helper()
	const stopped = 5 // CLD_STOPPED, sigaction(2)
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, &info, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return info.Code == stopped
	}
}
