package lockfile

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/mqha/mqha/internal/core/lease"
	"golang.org/x/sys/unix"
)

// Four processes take the lock in turn and read and write a register under it: the last entry of a journal that
// is laid out as in layout_test.go. What all of them did is one history. porcupine looks for an order of its
// calls, each between its begin and its end, that a single register, and a single lock with growing epochs,
// could have given. A call counts as done when Verify has said yes after it.

const (
	roleWorker  = "worker"
	workers     = 4
	turns       = 3
	histories   = 100 // of each kind of lock
	verifyTries = 3
)

// brokenLocks are what a file system may do wrong.
var brokenLocks = []string{"", "grants twice", "drops silently", "returns old records", "drops silently and returns old records"}

// task is one history for a worker, result what it did.
type task struct {
	Path   string `json:"path"`
	Broken string `json:"broken"`
	Seed   uint64 `json:"seed"`
	Client int    `json:"client"`
}

type call struct {
	What  string `json:"what"` // acquire, write, read, release; believe: the lease was good all the time
	Value uint64 `json:"value"`
	Begun int64  `json:"begun"`
	Ended int64  `json:"ended"` // math.MaxInt64: nobody knows whether it was done
}

func playWorker() int {
	answers := json.NewEncoder(os.Stdout)
	for requests := json.NewDecoder(bufio.NewReader(os.Stdin)); ; {
		var k task
		if requests.Decode(&k) != nil {
			return 0
		}
		w := worker{task: k, random: rand.New(rand.NewPCG(k.Seed, uint64(k.Client)))}
		for turn := range turns {
			if err := w.turn(uint64(k.Client*turns + turn + 1)); err != nil {
				fmt.Fprintln(os.Stderr, "worker:", err)
				return 1
			}
		}
		if err := answers.Encode(w.calls); err != nil {
			return 1
		}
	}
}

type worker struct {
	task
	random *rand.Rand
	calls  []call
}

// monotonic is one clock for all processes of the machine.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}

// turn takes the lock, writes and reads, and gives it back. With a broken lock an attempt may fail, and the
// lease be lost at any time; then the turn ends.
func (w *worker) turn(value uint64) error {
	begun := monotonic()
	d, l, err := w.acquire()
	if err != nil && w.Broken != "" {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.Release(context.Background())
	w.calls = append(w.calls, call{"acquire", l.Epoch(), begun, monotonic()})
	belief := len(w.calls)
	w.calls = append(w.calls, call{"believe", l.Epoch(), monotonic(), 0})
	y := layout{filepath.Dir(w.Path), l.Epoch()}
	if err := y.takeOver(); err != nil {
		return err
	}
	for step, what := range []string{"read", "write", "read"} {
		if d.drops && w.random.IntN(3) == step {
			unlock(d.f)
		}
		w.pause()
		asked := monotonic()
		if l.Err() != nil {
			return nil
		}
		w.calls[belief].Ended = asked
		begun, found := monotonic(), uint64(0)
		if what == "read" {
			found, err = y.read()
		} else {
			w.calls = append(w.calls, call{"write", value, begun, math.MaxInt64})
			err = appendJournal(y.journal(), strconv.FormatUint(value, 10))
		}
		if err != nil {
			return err
		}
		if w.verify(l) != nil {
			return nil
		}
		if what == "read" {
			w.calls = append(w.calls, call{"read", found, begun, monotonic()})
		} else {
			w.calls[len(w.calls)-1].Ended = monotonic()
		}
	}
	begun = monotonic()
	if err := l.Release(context.Background()); err != nil {
		return err
	}
	w.calls = append(w.calls, call{"release", 0, begun, monotonic()})
	return nil
}

// verify repeats what failed for the moment only: an old record does that.
func (w *worker) verify(l *Lease) (err error) {
	for range verifyTries {
		if err = l.Verify(context.Background()); err == nil || errors.Is(err, ErrLost) {
			return err
		}
	}
	return err
}

// pause is long enough for another one to take over, if the lock lets it.
func (w *worker) pause() {
	longest := 500
	if w.Broken != "" && w.random.IntN(2) == 0 {
		longest = 5000
	}
	time.Sleep(time.Duration(w.random.IntN(longest)) * time.Microsecond)
}

func (y layout) read() (uint64, error) {
	entries, err := readJournal(y.journal())
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	return strconv.ParseUint(entries[len(entries)-1], 10, 64)
}

func (w *worker) acquire() (d *brokenDisk, l *Lease, err error) {
	self, err := identity("")
	if err != nil {
		return nil, nil, err
	}
	o := Options{Poll: time.Millisecond, Heartbeat: 20 * time.Second, Deadline: time.Minute} // only Verify beats
	d = &brokenDisk{files: files{path: w.Path, self: self, opts: o}, random: w.random}
	switch w.Broken {
	case "grants twice":
		d.grants = true
	case "drops silently":
		d.drops = true
	case "returns old records":
		d.old = true
	case "drops silently and returns old records":
		d.drops, d.old = true, true
	}
	l, err = take(context.Background(), w.Path, d, newClock(), true, nil)
	return d, l, err
}

// brokenDisk is a real disk that lies about the lock.
type brokenDisk struct {
	files
	random             *rand.Rand // used by one goroutine at a time: the worker waits while the disk is at work
	grants, drops, old bool
	last               outcome // of a Look
}

func (d *brokenDisk) do(ctx context.Context, a lease.Action) outcome {
	if a.Op == lease.TryLock && d.grants {
		d.self.Since = time.Now().UTC().Round(0)
		return outcome{}
	}
	o := d.files.do(ctx, a)
	if a.Op == lease.Look && d.old {
		o, d.last = d.last, o
		if d.random.IntN(2) == 0 {
			o = d.last
		}
	}
	return o
}

// The lock as a whole.
type lockState struct {
	held            bool
	epoch, register uint64
}

var lockModel = porcupine.Model{
	Init: func() any { return lockState{} },
	Step: func(state, input, output any) (bool, any) {
		s, c := state.(lockState), input.(call)
		switch c.What {
		case "acquire":
			return !s.held && c.Value > s.epoch, lockState{true, c.Value, s.register}
		case "write":
			return s.held, lockState{s.held, s.epoch, c.Value}
		case "read":
			return s.held && c.Value == s.register, s
		}
		return s.held, lockState{false, s.epoch, s.register}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v", input) },
}

// registerModel asks for no lock: what is left when the lock is broken.
var registerModel = porcupine.Model{
	Init: func() any { return uint64(0) },
	Step: func(state, input, output any) (bool, any) {
		c := input.(call)
		if c.What == "write" {
			return true, c.Value
		}
		return c.Value == state.(uint64), state
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v", input) },
}

func TestHistoriesOfFourProcessesAreThoseOfOneRegister(t *testing.T) {
	var processes [workers]*process
	for i := range processes {
		processes[i] = startProcess(t, roleWorker, "")
	}
	for _, broken := range brokenLocks {
		t.Run(cmp.Or(broken, "excludes"), func(t *testing.T) {
			done, unknown, shared := 0, 0, 0
			for seed := range uint64(histories) {
				calls := playHistory(t, processes[:], task{Path: filepath.Join(memoryDir(t), "agent.lck"), Broken: broken, Seed: seed})
				judgeHistory(t, broken, calls)
				shared += overlaps(calls)
				for _, c := range calls {
					if c.What == "write" && c.Ended == math.MaxInt64 {
						unknown++
					} else if c.What == "write" {
						done++
					}
				}
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			// Broken enough to be noticed, and not so much that nothing was written.
			if done < histories/4 || (broken == "") != (unknown == 0) {
				t.Errorf("%d writes done, %d unknown", done, unknown)
			}
			// A lock that returns old records still excludes.
			if excludes := broken == "" || broken == "returns old records"; excludes != (shared == 0) {
				t.Errorf("%d times two believed in a lease", shared)
			}
			t.Logf("%d histories, %d writes done, %d unknown, %d times two believed in a lease", histories, done, unknown, shared)
		})
	}
}

// overlaps counts the pairs of leases that were good at the same time.
func overlaps(calls []call) (pairs int) {
	for i, a := range calls {
		for _, b := range calls[i+1:] {
			if a.What == "believe" && b.What == "believe" && a.Begun <= b.Ended && b.Begun <= a.Ended {
				pairs++
			}
		}
	}
	return pairs
}

// memoryDir is quick with fsync where it can be: here only the order counts.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "lockfile-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// roomyDir is in memory where that has room for size bytes: a container may give it 64 MiB.
func roomyDir(t *testing.T, size uint64) string {
	t.Helper()
	dir := memoryDir(t)
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Bavail*uint64(fs.Bsize) < size+size/4 {
		return t.TempDir()
	}
	return dir
}

// playHistory has every process take its turns, and reads the register in the end.
func playHistory(t *testing.T, processes []*process, k task) (calls []call) {
	t.Helper()
	for i, p := range processes {
		k.Client = i
		if err := json.NewEncoder(p.in).Encode(k); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range processes {
		line, err := p.out.ReadBytes('\n')
		var its []call
		if err == nil {
			err = json.Unmarshal(line, &its)
		}
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, its...)
	}
	last := worker{task: task{Path: k.Path}}
	begun := monotonic()
	_, l, err := last.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer mustRelease(t, l)
	y := layout{filepath.Dir(k.Path), l.Epoch()}
	if err := y.takeOver(); err != nil {
		t.Fatal(err)
	}
	acquired := monotonic()
	value, err := y.read()
	if err != nil {
		t.Fatal(err)
	}
	return append(calls, call{"acquire", l.Epoch(), begun, acquired}, call{"read", value, acquired, monotonic()})
}

func judgeHistory(t *testing.T, broken string, calls []call) {
	t.Helper()
	model, seen := lockModel, map[uint64]bool{}
	if broken != "" {
		model = registerModel
	}
	var ops []porcupine.Operation
	for i, c := range calls {
		if c.What == "acquire" && seen[c.Value] {
			t.Errorf("epoch %d twice", c.Value)
		}
		if c.What == "acquire" {
			seen[c.Value] = true
		}
		if broken == "" && c.What != "believe" || c.What == "read" || c.What == "write" {
			ops = append(ops, porcupine.Operation{ClientId: i, Input: c, Call: c.Begun, Return: c.Ended})
		}
	}
	if result := porcupine.CheckOperationsTimeout(model, ops, time.Minute); result != porcupine.Ok {
		t.Errorf("the history is %s: %+v", result, calls)
	}
}
