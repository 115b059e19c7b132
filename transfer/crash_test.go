package transfer

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// The crash matrix stops an agent at every single operation on its disk, sender and receiver, and lets
// the next instance go on with what is then on the disk. However it was stopped, the files arrive once
// and identical.
//
// Go's scheduler decides how the operations of several goroutines fall into each other, so the same
// number is not the same operation in every run: seeds vary what is left to chance, not that.

func describe(f crashdisk.Found) string {
	return fmt.Sprintf("%d bytes, sha256 %.4x, mode %v, %d", len(f.Data), sha256.Sum256(f.Data), f.Mode, f.Modified.UnixNano())
}

// check holds what was delivered against the source: each file once and identical, or not at all and
// named among the failures.
func (w *crashWorld) check(s Status, err error) (r crashResult) {
	bad := func(format string, args ...any) { r.problems = append(r.problems, fmt.Sprintf(format, args...)) }
	left := w.b.disk.Files("/got")
	switch {
	case err != nil:
		bad("no end: %v", err)
	case s.State == Cancelled && w.cancel > 0:
		r.cancelled = true
	case s.State != Completed || s.Failed != len(s.Failures):
		bad("ended as %+v", s)
	}
	times := map[string]int{}
	for name := range w.files.want {
		times[name] = 1
		if _, there := left[name]; r.cancelled && len(w.taken[name]) == 0 && !there {
			times[name] = 0 // what was not delivered before is not
		}
	}
	for _, f := range s.Failures {
		r.failed = append(r.failed, f.Name+": "+f.Reason)
		times[f.Name] = 0
	}
	for name, f := range w.files.want {
		got := w.taken[name]
		if l, there := left[name]; there {
			got = append(got, l)
		}
		delete(left, name)
		if len(got) != times[name] {
			bad("%s was delivered %d times, want %d", name, len(got), times[name])
		}
		for _, g := range got {
			if g, w := describe(g), describe(f); g != w {
				bad("%s: %s, want %s", name, g, w)
			}
		}
	}
	r.left, r.resent, r.forgot, r.status = left, w.queues.sent-w.files.bytes, w.forgot, s
	for _, p := range w.problems {
		bad("%s", p)
	}
	return r
}

// crashResult is what came of a case.
type crashResult struct {
	problems  []string
	failed    []string // files that were not delivered, and why
	cancelled bool
	left      map[string]crashdisk.Found // in the directory of the receiver, beside the files
	resent    int64
	forgot    int64 // of what a killed receiver had written
	status    Status
}

// report says all that is not as it should be when nothing may fail or stay.
func (r crashResult) report(t *testing.T, what string, args ...any) {
	t.Helper()
	for _, f := range r.failed {
		r.problems = append(r.problems, "failed: "+f)
	}
	for name := range r.left {
		r.problems = append(r.problems, "left behind: "+name)
	}
	for _, p := range r.problems {
		t.Errorf("%s: %s", fmt.Sprintf(what, args...), p)
	}
}

// crashCase is one run.
type crashCase struct {
	seed     uint64
	side     string
	first    func(*crashLife) crashdisk.Plan // of the victim's first instance
	second   func(*crashLife) crashdisk.Plan // of its successor, if the first is only stopped meanwhile
	kept     crashdisk.Kept                  // of what was not synced
	consumer consumer
	prepare  func(*crashWorld) // nil: nothing
	cancel   int64             // bytes after which the transfer is cancelled; 0: never
}

// run runs a case in a bubble of its own, where waiting takes no time.
func (c crashCase) run(t *testing.T, files *crashFiles) (r crashResult) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newCrashWorld(t, c.seed, files, c.consumer)
		n := map[string]*crashNode{"A": w.a, "B": w.b}[c.side]
		n.kept, n.first, n.second, w.cancel = c.kept, c.first, c.second, c.cancel
		if c.prepare != nil {
			c.prepare(w)
		}
		r = w.check(w.run())
	})
	return r
}

// operations counts those of each side in a run to which nothing happens.
func operations(t *testing.T, files *crashFiles) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, side := range []string{"A", "B"} {
		var n atomic.Int64
		crashCase{side: side, first: func(*crashLife) crashdisk.Plan {
			return func(crashdisk.Op) crashdisk.Fate {
				n.Add(1)
				return crashdisk.Goes
			}
		}}.run(t, files).report(t, "nothing happens")
		counts[side] = int(n.Load())
	}
	return counts
}

// crashBound is what one crash may cost at these options: what was not durable, what was in flight, and the frame
// that was being read.
const crashBound = 32<<10 + 64<<10 + crashFrame

const crashFrame = 4 << 10

// TestStopAtEveryOperation: stopped before, after and in the middle of each, with all, nothing or some
// of what was not synced left on the disk.
func TestStopAtEveryOperation(t *testing.T) {
	files := newCrashFiles(t)
	counts := operations(t, files)
	ways := []struct {
		what     string
		fate     crashdisk.Fate
		kept     crashdisk.Kept
		consumer consumer
	}{
		{"killed before", crashdisk.Fate{Stop: true}, crashdisk.All, takesAtOnce},
		{"killed after", crashdisk.Fate{Done: true, Stop: true}, crashdisk.All, takesAtOnce},
		{"killed within", crashdisk.Fate{Torn: true, Stop: true}, crashdisk.All, stays},
		{"power lost after", crashdisk.Fate{Done: true, Stop: true}, crashdisk.None, stays},
		{"power lost after, consumer", crashdisk.Fate{Done: true, Stop: true}, crashdisk.None, takesDurably},
		{"power lost within", crashdisk.Fate{Torn: true, Stop: true}, crashdisk.Some, stays},
		{"power lost before, consumer", crashdisk.Fate{Stop: true}, crashdisk.Some, takesDurably},
	}
	for _, side := range []string{"A", "B"} {
		for _, way := range ways {
			t.Run(side+" "+way.what, func(t *testing.T) {
				y := matrix(t, counts[side], all, func(at int) (crashResult, int64, bool) {
					c, made, struck := crashCase{seed: uint64(at), side: side, kept: way.kept, consumer: way.consumer}.stopped(at, way.fate)
					r := c.run(t, files)
					r.report(t, "operation %d", at)
					return r, made.Load(), struck.Load()
				})
				t.Logf("%d operations, stopped at %d, %d runs had fewer; re-sent %d at the most, bound %d; %d of it was written before", counts[side], y.struck, y.late, y.most, crashBound, y.forgot)
				if way.kept == crashdisk.All && y.forgot > crashFrame {
					t.Errorf("%d bytes that a killed process had written were sent again, more than a frame", y.forgot)
				}
				if y.most > crashBound {
					t.Errorf("re-sent %d bytes, at most %d are in flight or not durable", y.most, crashBound)
				}
			})
		}
	}
}

// unknown gives the answers of a network file system whose reply was lost: the operation was done, and the
// repeated call finds it done, or the client gives up.
var unknown = map[string][]error{
	"Create":          {fs.ErrExist, syscall.EIO},
	"Mkdir":           {fs.ErrExist, syscall.EIO},
	"Rename":          {fs.ErrNotExist, syscall.EIO},
	"RenameNoReplace": {fs.ErrNotExist, fs.ErrExist, syscall.EIO},
	"Remove":          {fs.ErrNotExist, syscall.EIO},
}

// TestAnswerLostAtEveryName: each operation on names has its effect, and the answer of one that was
// repeated, or none. The instance may end over it; files arrive once all the same.
func TestAnswerLostAtEveryName(t *testing.T) {
	files := newCrashFiles(t)
	counts := operations(t, files)
	for _, side := range []string{"A", "B"} {
		struck := map[string]int{}
		for at := 1; at <= counts[side]; at++ {
			for n := range 3 {
				hit := ""
				c := crashCase{seed: uint64(at), side: side, consumer: takesAtOnce}
				c.first = func(*crashLife) crashdisk.Plan {
					return func(op crashdisk.Op) crashdisk.Fate {
						if op.Number != at || n >= len(unknown[op.Kind]) {
							return crashdisk.Goes
						}
						hit = fmt.Sprintf("%s, answer %v", op.Kind, unknown[op.Kind][n])
						return crashdisk.Fate{Done: true, Err: unknown[op.Kind][n]}
					}
				}
				r := c.run(t, files)
				if hit == "" {
					break
				}
				struck[hit]++
				if strings.HasPrefix(hit, "Create, answer input") {
					r.failed = nil // a disk that says no fails the file
				}
				r.report(t, "side %s, operation %d, %s", side, at, hit)
			}
		}
		t.Logf("side %s: %v", side, struck)
		if len(struck) == 0 {
			t.Errorf("side %s: nothing was struck", side)
		}
	}
}

// TestStoppedHolderWakesAtEveryOperation: the first instance is stopped between the answer of its fence and
// an operation, every one of them, and so is each of its other goroutines at its next. Its successor takes
// over and works, and at some operation of its own, chosen by the seed, the first wakes and makes the calls
// that it was about to make.
func TestStoppedHolderWakesAtEveryOperation(t *testing.T) {
	files := newCrashFiles(t)
	counts := operations(t, files)
	for _, side := range []string{"A", "B"} {
		t.Run(side, func(t *testing.T) {
			var y tally
			calls := 0
			points := pointsOf(counts[side])
			for _, at := range points {
				for round := range 3 {
					seed := uint64(at*10 + round)
					wakeAt := 1 + rand.New(rand.NewPCG(seed, 3)).IntN(counts[side]+20)
					var struck atomic.Bool
					var late atomic.Int64
					c := crashCase{seed: seed, side: side, consumer: takesAtOnce}
					var wake func()
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
					r := c.run(t, files)
					for name := range r.left { // a part that it creates after all is over stays, empty
						if p, ok := parsePart(path.Base(name)); ok && p.epoch == 1 && len(r.left[name].Data) == 0 {
							delete(r.left, name)
							y.left++
						}
					}
					r.report(t, "stopped at %d, wakes at %d, seed %d", at, wakeAt, seed)
					y.add(struck.Load(), r)
					calls += int(late.Load())
				}
			}
			t.Logf("%d operations, %d times stopped, %d late calls that left %d empty parts, %d runs had fewer; re-sent %d at the most", counts[side], y.struck, calls, y.left, y.late, y.most)
			if y.struck < 3*len(points)*9/10 || calls < y.struck {
				t.Errorf("stopped %d times, %d late calls", y.struck, calls)
			}
		})
	}
}

// TestCancelledWhileEveryOperationFails: the transfer is cancelled early or late, and one side is stopped at every
// operation. It ends as cancelled or completed, nothing is delivered twice, and nothing is left behind.
func TestCancelledWhileEveryOperationFails(t *testing.T) {
	files := newCrashFiles(t)
	counts := operations(t, files)
	for _, side := range []string{"A", "B"} {
		for _, kept := range []crashdisk.Kept{crashdisk.All, crashdisk.Some} {
			t.Run(fmt.Sprintf("%s keeps %v", side, kept), func(t *testing.T) {
				ends := map[bool]int{}
				points := pointsOf(counts[side])
				for _, at := range points {
					c := crashCase{seed: uint64(at), side: side, kept: kept, consumer: takesAtOnce, cancel: 1 + files.bytes*int64(at%7)/8}
					if kept == crashdisk.Some {
						c.consumer = takesDurably
					}
					c.first = func(l *crashLife) crashdisk.Plan {
						return func(op crashdisk.Op) crashdisk.Fate {
							if op.Number != at {
								return crashdisk.Goes
							}
							l.end()
							return crashdisk.Fate{Done: at%2 == 0, Stop: true}
						}
					}
					r := c.run(t, files)
					ends[r.cancelled]++
					r.report(t, "operation %d, cancelled after %d bytes", at, c.cancel)
				}
				t.Logf("%d cancelled, %d completed before", ends[true], ends[false])
				if ends[true] < len(points)/2 {
					t.Errorf("only %d of %d were cancelled", ends[true], len(points))
				}
			})
		}
	}
}
