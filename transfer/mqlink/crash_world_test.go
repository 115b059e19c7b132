package mqlink_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/loopback"
	"github.com/mqha/mqha/transfer"
)

// crashWorld is three processes with their directories, which outlive them, and a consumer.
type crashWorld struct {
	t       *testing.T
	dir     string
	address string
	bytes   uint64
	victim  string

	processes map[string]*process
	lines     chan line
	waiting   []line // read already, for whoever calls next
	readers   sync.WaitGroup
	epoch     uint64
	armed     bool // the victim is to die, and still lives
	kills     int
	number    int          // of transfers
	moving    map[int]bool // those that delete their sources
	consumer  *consumer
}

// process is one that lives.
type process struct {
	role   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	stderr bytes.Buffer
}

// killed says that it did not end because something failed, which it would have written.
func (p *process) killed() bool { return !p.cmd.ProcessState.Success() && p.stderr.Len() == 0 }

// line is what a process wrote; the last one of each says that it has ended.
type line struct {
	from *process
	text string
	end  error
}

// stayingDir has the sources of the transfers that leave them.
const stayingDir = "staying"

// crashSizes are the files of each transfer: empty, less than a frame, whole frames, many checkpoints.
var crashSizes = map[string]int{"empty": 0, "little": 3000, "frames": 2 * frameBytes, "much": 600_000, "rest": frameBytes + 1}

func newCrashWorld(t *testing.T, victim string) *crashWorld {
	t.Helper()
	w := &crashWorld{t: t, dir: t.TempDir(), address: loopback.Any(), victim: victim, processes: map[string]*process{}, lines: make(chan line), moving: map[int]bool{}}
	for _, d := range []string{sender, receiver, "out/" + stayingDir, "in", "taken", "qm"} {
		if err := os.MkdirAll(filepath.Join(w.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, size := range crashSizes {
		w.put(filepath.Join("out", stayingDir, name), name, size)
		w.bytes += uint64(size)
	}
	t.Cleanup(w.end)
	for _, role := range []string{queueManager, receiver, sender} {
		w.start(role)
	}
	w.consumer = startConsumer(filepath.Join(w.dir, "in"), filepath.Join(w.dir, "taken"))
	return w
}

// put writes a source. All of one name are alike, their times too.
func (w *crashWorld) put(path, name string, size int) {
	w.t.Helper()
	b := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(b)
	path, modified := filepath.Join(w.dir, path), time.Unix(1_700_000_000, 123456700)
	if err := errors.Join(os.WriteFile(path, b, 0o640), os.Chtimes(path, modified, modified)); err != nil {
		w.t.Fatal(err)
	}
}

// blocked is the name of a file that cannot arrive: where it is to lie is a directory.
const blocked = "blocked"

// sources gives the directory that the next transfer sends. One that moves has its own, with a file more.
func (w *crashWorld) sources(moves bool) string {
	w.t.Helper()
	if !moves {
		return stayingDir
	}
	name := transferName(w.number)
	w.moving[w.number] = true
	if err := errors.Join(os.Mkdir(filepath.Join(w.dir, "out", name), 0o700), os.MkdirAll(filepath.Join(w.dir, "in", name, blocked), 0o700)); err != nil {
		w.t.Fatal(err)
	}
	for n, size := range crashSizes {
		w.put(filepath.Join("out", name, n), n, size)
	}
	w.put(filepath.Join("out", name, blocked), blocked, 100)
	return name
}

// start starts a process as the successor of the one of that role, and waits until it is ready.
func (w *crashWorld) start(role string) {
	w.t.Helper()
	w.epoch++
	order, err := json.Marshal(task{Role: role, Dir: w.dir, Address: w.address, Epoch: w.epoch})
	if err != nil {
		w.t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	p := &process{role: role, cmd: exec.Command(exe)}
	p.cmd.Env = append(os.Environ(), taskVariable+"="+string(order))
	p.cmd.Stderr = &p.stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		w.t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.processes[role] = p
	w.readers.Go(func() {
		for l := bufio.NewScanner(out); l.Scan(); {
			w.lines <- line{from: p, text: l.Text()}
		}
		w.lines <- line{from: p, end: errors.Join(errors.New("ended"), p.cmd.Wait())}
	})
	w.await(role, "ready", func(rest string) {
		if role == queueManager {
			w.address = rest
		}
	})
}

// end ends all processes.
func (w *crashWorld) end() {
	for _, p := range w.processes {
		_ = p.cmd.Process.Kill() // it may have ended
	}
	go func() { w.readers.Wait(); close(w.lines) }()
	for range w.lines {
	}
	if w.consumer != nil {
		w.consumer.stop()
	}
}

// say writes a line to a process. One that was killed meanwhile does not read it.
func (w *crashWorld) say(role, format string, args ...any) {
	_, _ = fmt.Fprintf(w.processes[role].in, format+"\n", args...)
}

// patience is for a test that would hang.
const patience = 2 * time.Minute

// next gives the next line. It carries out what concerns the victim alone: the kill that it asks for, and its
// successor once it is dead; again is then called, because the successor was told nothing yet.
func (w *crashWorld) next(again func()) line {
	w.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		var l line
		if len(w.waiting) > 0 {
			l, w.waiting = w.waiting[0], w.waiting[1:]
		} else {
			select {
			case l = <-w.lines:
			case <-timer.C:
				w.t.Fatalf("nothing happens any more; victim %s, killed %d times, transfer %d", w.victim, w.kills, w.number)
			}
		}
		victim := w.armed && l.from == w.processes[w.victim]
		switch {
		case victim && l.text == "now":
			if err := l.from.cmd.Process.Kill(); err != nil {
				w.t.Fatal(err)
			}
		case victim && l.end != nil && l.from.killed():
			w.armed = false
			w.kills++
			w.start(w.victim)
			again()
		case l.end != nil:
			w.t.Fatalf("%s: %v; it wrote\n%s", l.from.role, l.end, l.from.stderr.String())
		default:
			return l
		}
	}
}

// await waits for a line of a process that begins with that word. The others wait for next.
func (w *crashWorld) await(role, word string, found func(rest string)) {
	w.t.Helper()
	var others []line
	for {
		l := w.next(func() {})
		if first, rest, _ := strings.Cut(l.text, " "); l.from == w.processes[role] && first == word {
			w.waiting = append(others, w.waiting...)
			found(rest)
			return
		}
		others = append(others, l)
	}
}

// count is how many operations the victim has made.
func (w *crashWorld) count() (n int64) {
	w.t.Helper()
	w.say(w.victim, "count")
	w.await(w.victim, "counted", func(rest string) {
		if _, err := fmt.Sscan(rest, &n); err != nil {
			w.t.Fatal(err)
		}
	})
	return n
}

// transfer submits one transfer, again to each successor of the sender, and waits for its end. plan says when the victim is to
// die; empty: as it was told before, or not at all. It gives the bytes of files that were sent.
func (w *crashWorld) transfer(plan string, moves bool) (name string, sent uint64) {
	w.t.Helper()
	r := transfer.Request{ID: transfer.NewID(), To: receiver}
	files, failed := len(crashSizes), 0
	if moves {
		r.SourceDisposition = transfer.DeleteSource
		files, failed = files+1, 1
	}
	source := w.sources(moves)
	name = transferName(w.number)
	w.number++
	before := w.sent()
	r.Items = []transfer.Item{{Source: filepath.Join(w.dir, "out", source), Destination: name}}
	request, err := json.Marshal(r)
	if err != nil {
		w.t.Fatal(err)
	}
	if plan != "" {
		w.armed = true
		w.say(w.victim, "%s", plan)
	}
	submit := func() { w.say(sender, "submit %s", request) }
	submit()
	for {
		l := w.next(func() {
			if w.victim == sender {
				submit()
			}
		})
		rest, ended := strings.CutPrefix(l.text, "ended ")
		if l.from != w.processes[sender] || !ended {
			continue
		}
		var s transfer.Status
		if err := json.Unmarshal([]byte(rest), &s); err != nil {
			w.t.Fatal(err)
		}
		if s.State != transfer.Completed || s.Failed != failed || s.Files != files || s.Left != 0 {
			w.t.Errorf("transfer %s ended as %+v", name, s)
		}
		return name, w.sent() - before
	}
}

func transferName(n int) string { return fmt.Sprintf("t%04d", n) }

func (w *crashWorld) sent() uint64 {
	w.t.Helper()
	n, err := readSent(filepath.Join(w.dir, sender+".sent"))
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// judge holds what the consumer has taken against the sources.
func (w *crashWorld) judge() {
	w.t.Helper()
	taken, err := w.consumer.stop()
	if err != nil {
		w.t.Error(err)
	}
	for n := range w.number {
		for name := range crashSizes {
			full := filepath.Join(transferName(n), name)
			want := describe(w.t, filepath.Join(w.dir, "out", stayingDir, name))
			if len(taken[full]) != 1 {
				w.t.Errorf("%s was delivered %d times", full, len(taken[full]))
			}
			for _, path := range taken[full] {
				if got := describe(w.t, path); got != want {
					w.t.Errorf("%s: %s, want %s", full, got, want)
				}
			}
			delete(taken, full)
		}
		if w.moving[n] {
			w.judgeMove(transferName(n))
		}
	}
	for name := range taken {
		w.t.Errorf("delivered, and not sent: %s", name)
	}
	err = filepath.WalkDir(filepath.Join(w.dir, "in"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			w.t.Errorf("left behind: %s", p)
		}
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}

// judgeMove: the sources of a transfer that moves are gone if they arrived, and only then.
func (w *crashWorld) judgeMove(name string) {
	w.t.Helper()
	left, err := os.ReadDir(filepath.Join(w.dir, "out", name))
	if err != nil || len(left) != 1 || left[0].Name() != blocked {
		w.t.Errorf("the sources of %s: %v, %v; want only the one that did not arrive", name, left, err)
		return
	}
	if fi, err := left[0].Info(); err != nil || fi.Size() != 100 {
		w.t.Errorf("the source of %s that did not arrive has %d bytes, %v", name, fi.Size(), err)
	}
}

func describe(t *testing.T, path string) string {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d bytes, sha256 %.8x, %v, %d", len(b), sha256.Sum256(b), fi.Mode(), fi.ModTime().UnixNano())
}
