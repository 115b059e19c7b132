package transfer

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// The crash matrix of a transfer that moves files. Whatever happens: each file is delivered once and
// identical; none is unlinked at its sender that is not durable at its receiver; and what a producer puts under
// a name of it stays.

// moves makes the transfer of a world one that deletes its sources, and watches it do so.
func moves(w *crashWorld) {
	w.disposition = DeleteSource
	w.a.watch = w.onlyWhatArrived
}

// onlyWhatArrived holds each unlink of a source against what a loss of power would leave at the receiver.
func (w *crashWorld) onlyWhatArrived(op crashdisk.Op) {
	dir, entry := path.Split(op.Name)
	if op.Kind != "Remove" || !isAside(path.Base(dir)) {
		return
	}
	e, ok := parseAside(entry, 0)
	l, there := w.a.disk.Files("/out")[op.Name]
	if !ok || !there {
		return
	}
	name := slices.Sorted(maps.Keys(w.files.want))[e.File-1]
	got, durable := w.b.disk.Durable("/got")[name]
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.taken[name]); n > 0 {
		got, durable = w.taken[name][n-1], true
	}
	if !durable || describe(got) != describe(w.files.want[name]) || describe(l) != describe(w.files.want[name]) {
		w.problems = append(w.problems, fmt.Sprintf("%s is unlinked as %s (%s), at the receiver it is %v %s", name, op.Name, describe(l), durable, describe(got)))
	}
}

// producer puts a new file under each name of the transfer as soon as it is free, or as the old file is gone, once. The
// new file has the size and the time of the old one, and its inode number if that is free.
type producer struct {
	w     *crashWorld
	waits bool
	mu    sync.Mutex
	put   map[string]crashdisk.Found
}

func (p *producer) works(op crashdisk.Op) {
	p.w.onlyWhatArrived(op)
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, f := range p.w.files.want {
		if _, again := p.put[name]; again || p.w.a.disk.Has("/out/"+name) || p.waits && p.aside(name) {
			continue
		}
		f.Data = append([]byte(nil), f.Data...)
		if len(f.Data) > 0 {
			f.Data[0]++
		}
		p.put[name] = f
		p.w.a.disk.Put(path.Join("/out", name), f.Data, f.Mode, f.Modified)
	}
}

// aside says whether the old file is still in a private directory, whoever has put it there.
func (p *producer) aside(name string) bool {
	dir := path.Join("/out", path.Dir(name), asideDir(ID{15: 1}))
	file := slices.Index(slices.Sorted(maps.Keys(p.w.files.want)), name) + 1
	return p.w.a.disk.Has(fmt.Sprintf("%s/%d.1", dir, file)) || p.w.a.disk.Has(fmt.Sprintf("%s/%d.2", dir, file))
}

// sources holds what is left at the sender against what may be: nothing of the transfer, and all that the producer
// has put.
func (w *crashWorld) sources(r *crashResult, put map[string]crashdisk.Found, lateCalls bool) {
	bad := func(format string, args ...any) { r.problems = append(r.problems, fmt.Sprintf(format, args...)) }
	left := w.a.disk.Files("/out")
	for name, f := range put {
		if l, there := left[name]; !there || describe(l) != describe(f) {
			bad("the producer's new %s is %v %s", name, there, describe(l))
		}
		delete(left, name)
	}
	for name := range left {
		bad("%s is still at its sender; left are %v", name, r.status.LeftFiles)
	}
	for _, d := range w.a.disk.Dirs("/out") {
		if isAside(path.Base(d)) && !lateCalls { // one more empty directory is what a late call may make
			bad("directory %s is left", d)
		}
	}
}

// runMove runs a case with or without a producer.
func (c crashCase) runMove(t *testing.T, files *crashFiles, produces bool) crashResult {
	t.Helper()
	var w *crashWorld
	p := &producer{waits: c.seed%2 == 0, put: map[string]crashdisk.Found{}}
	c.prepare = func(world *crashWorld) {
		w = world
		p.w = world
		moves(world)
		if produces {
			world.a.watch = p.works
		}
	}
	r := c.run(t, files)
	w.sources(&r, p.put, c.second != nil)
	if produces && len(p.put) != len(files.want) {
		r.problems = append(r.problems, fmt.Sprintf("only %d names were ever free", len(p.put)))
	}
	if !produces && r.status.Left != 0 {
		r.problems = append(r.problems, fmt.Sprintf("%d sources were left: %v", r.status.Left, r.status.LeftFiles))
	}
	return r
}

// moveOperations lists the operations of each side in a run to which nothing happens.
func moveOperations(t *testing.T, files *crashFiles) map[string][]crashdisk.Op {
	t.Helper()
	ops := map[string][]crashdisk.Op{}
	for _, side := range []string{"A", "B"} {
		var mu sync.Mutex
		c := crashCase{side: side, consumer: stays, first: func(*crashLife) crashdisk.Plan {
			return func(op crashdisk.Op) crashdisk.Fate {
				mu.Lock()
				defer mu.Unlock()
				ops[side] = append(ops[side], op)
				return crashdisk.Goes
			}
		}}
		c.runMove(t, files, false).report(t, "nothing happens")
	}
	return ops
}

// TestMoveStoppedAtEveryOperation: each side, killed or without power, before, after and within each operation; with
// a producer that uses each name again at once, and without.
func TestMoveStoppedAtEveryOperation(t *testing.T) {
	files := newCrashFiles(t)
	ops := moveOperations(t, files)
	ways := []struct {
		what string
		fate crashdisk.Fate
		kept crashdisk.Kept
	}{
		{"killed before", crashdisk.Fate{Stop: true}, crashdisk.All},
		{"killed after", crashdisk.Fate{Done: true, Stop: true}, crashdisk.All},
		{"power lost after", crashdisk.Fate{Done: true, Stop: true}, crashdisk.None},
		{"power lost within", crashdisk.Fate{Torn: true, Stop: true}, crashdisk.Some},
	}
	for _, side := range []string{"A", "B"} {
		for _, way := range ways {
			for _, produces := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s, producer %v", side, way.what, produces), func(t *testing.T) {
					count := len(ops[side])
					// What is moved concerns the receiver less: each of its operations is met with a producer or
					// without one.
					skip := func(at int) bool { return side == "B" && (at%2 == 0) == produces }
					y := matrix(t, count, skip, func(at int) (crashResult, int64, bool) {
						c, made, struck := crashCase{seed: uint64(at), side: side, kept: way.kept, consumer: stays}.stopped(at, way.fate)
						r := c.runMove(t, files, produces)
						r.report(t, "operation %d", at)
						return r, made.Load(), struck.Load()
					})
					t.Logf("%d operations, stopped at %d, %d runs had fewer", count, y.struck, y.late)
				})
			}
		}
	}
}

// TestMoveWithStoppedHolderThatWakes: the first instance is stopped before each of its operations, and makes that
// call at some time of its successor, while a producer uses each name again at once. Before its renames it is stopped
// for every time that there is.
func TestMoveWithStoppedHolderThatWakes(t *testing.T) {
	files := newCrashFiles(t)
	ops := moveOperations(t, files)["A"]
	var y tally
	calls, renames, early := 0, 0, 0
	for _, at := range pointsOf(len(ops)) {
		chance := rand.New(rand.NewPCG(uint64(at), 3))
		wakes := []int{1 + chance.IntN(len(ops)+20), 1 + chance.IntN(len(ops)+20)}
		if op := ops[at-1]; op.Kind == "RenameNoReplace" && strings.Contains(op.Name, asideSuffix) {
			if renames++; renames%3 == 1 {
				wakes = wakes[:0]
				for n := 1; n <= len(ops)+5; n++ {
					wakes = append(wakes, n)
				}
			}
		}
		for _, wakeAt := range wakes {
			c, late, struck := wakesLate(uint64(at*1000+wakeAt), at, wakeAt)
			r := c.runMove(t, files, true)
			r.report(t, "stopped at %d (%s %s), wakes at %d", at, ops[at-1].Kind, ops[at-1].Name, wakeAt)
			y.add(struck.Load(), r)
			calls += int(late.Load())
			if n := late.deletes.Load(); n > 1 {
				t.Errorf("stopped at %d, wakes at %d: %d late calls on the sources", at, wakeAt, n)
			}
			if wakeAt <= len(ops) {
				early++
			}
		}
	}
	t.Logf("%d operations, %d of them renames of a source; %d times stopped, %d late calls, %d runs had fewer", len(ops), renames, y.struck, calls, y.late)
	if renames < len(files.want)/pointStride || y.struck < early*9/10 || calls < y.struck {
		t.Errorf("stopped %d times, %d late calls", y.struck, calls)
	}
}

// lateCalls counts what a stopped instance does when it wakes. deletes are those of them that change something
// among the sources: of these there is one, because the next one asks the fence.
// Its looks harm nobody.
type lateCalls struct {
	atomic.Int64
	deletes atomic.Int64
}

var changes = []string{"Mkdir", "RenameNoReplace", "PutBack", "Remove"}

// wakesLate is a case in which A's first instance is stopped before its operation at, and from then on before
// each; it makes those calls when its successor is before its operation wakeAt, or when all is over.
func wakesLate(seed uint64, at, wakeAt int) (c crashCase, late *lateCalls, struck *atomic.Bool) {
	late, struck = new(lateCalls), new(atomic.Bool)
	var wake func()
	c = crashCase{seed: seed, side: "A", consumer: takesAtOnce}
	c.first = func(l *crashLife) crashdisk.Plan {
		woken := make(chan struct{})
		wake = sync.OnceFunc(func() { close(woken) })
		go func() { <-l.node.w.over; wake() }()
		return func(op crashdisk.Op) crashdisk.Fate {
			if op.Number >= at {
				struck.Store(true)
				l.end()
				<-woken
				late.Add(1)
				if strings.Contains(op.Name, asideSuffix) && slices.Contains(changes, op.Kind) {
					late.deletes.Add(1)
				}
			}
			return crashdisk.Goes
		}
	}
	c.second = func(old *crashLife) crashdisk.Plan {
		return func(op crashdisk.Op) crashdisk.Fate {
			if op.Number == wakeAt {
				wake()
				<-old.closed
			}
			return crashdisk.Goes
		}
	}
	return c, late, struck
}

// TestMoveWhoseProducerChangesAFileAtEveryOperation: replaced, or written on; what it has written is at its
// sender, or has arrived.
func TestMoveWhoseProducerChangesAFileAtEveryOperation(t *testing.T) {
	files := newCrashFiles(t)
	ops := moveOperations(t, files)["A"]
	ends := map[string]int{}
	points := pointsOf(len(ops))
	for _, at := range points {
		for i, name := range []string{"a/one", "big", "z"} {
			appends := (at+i)%2 == 0
			f := files.want[name]
			f.Data, f.Modified = append(append([]byte(nil), f.Data...), "new"...), f.Modified.Add(time.Second)
			did := false
			var w *crashWorld
			c := crashCase{seed: uint64(at), side: "A", consumer: stays}
			c.first = func(*crashLife) crashdisk.Plan {
				return func(op crashdisk.Op) crashdisk.Fate {
					if op.Number == at {
						if appends {
							did = w.a.disk.Append("/out/"+name, []byte("new"), f.Modified)
						} else {
							did = true
							w.a.disk.Put("/out/"+name, f.Data, f.Mode, f.Modified)
						}
					}
					return crashdisk.Goes
				}
			}
			c.prepare = func(world *crashWorld) {
				w = world
				world.disposition = DeleteSource
			}
			c.run(t, files) // its own judgement is of the old file
			if !did {
				ends["nothing was changed"]++
				continue
			}
			here, stays := w.a.disk.Files("/out")[name]
			there, arrived := w.b.disk.Files("/got")[name]
			switch {
			case stays && describe(here) == describe(f):
				ends["stays"]++
			case arrived && describe(there) == describe(f):
				ends["arrived"]++
			default:
				t.Errorf("operation %d (%s %s): %s was changed (append %v) and is lost: here %v %s, there %v %s",
					at, ops[at-1].Kind, ops[at-1].Name, name, appends, stays, describe(here), arrived, describe(there))
			}
		}
	}
	t.Logf("%v", ends)
	if ends["stays"] < len(points) || ends["arrived"] == 0 {
		t.Errorf("%v", ends)
	}
}

// TestMoveWhoseAnswersAreLost: as TestAnswerLostAtEveryName, on the sender's side. A source may then stay, and that is
// said; or an answer that was lost lets one stay in silence that is there no more.
func TestMoveWhoseAnswersAreLost(t *testing.T) {
	files := newCrashFiles(t)
	ops := moveOperations(t, files)["A"]
	struck := map[string]int{}
	for at := 1; at <= len(ops); at++ {
		for n := range 3 {
			hit := ""
			var w *crashWorld
			c := crashCase{seed: uint64(at), side: "A", consumer: stays}
			c.first = func(*crashLife) crashdisk.Plan {
				return func(op crashdisk.Op) crashdisk.Fate {
					if op.Number != at || n >= len(unknown[op.Kind]) {
						return crashdisk.Goes
					}
					hit = fmt.Sprintf("%s, answer %v", op.Kind, unknown[op.Kind][n])
					return crashdisk.Fate{Done: true, Err: unknown[op.Kind][n]}
				}
			}
			c.prepare = func(world *crashWorld) {
				w = world
				moves(world)
			}
			r := c.run(t, files)
			if hit == "" {
				break
			}
			struck[hit]++
			said := map[string]bool{}
			for _, f := range r.status.LeftFiles {
				said[f.Name] = true
			}
			for name := range w.a.disk.Files("/out") {
				if !said[name] {
					r.problems = append(r.problems, name+" is left, and that is not said")
				}
			}
			r.report(t, "operation %d (%s %s), %s", at, ops[at-1].Kind, ops[at-1].Name, hit)
		}
	}
	t.Logf("%v", struck)
	if len(struck) < 7 {
		t.Errorf("only %v was struck", struck)
	}
}
