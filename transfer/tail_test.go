package transfer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/stream"
	"github.com/mqha/mqha/internal/vfs"
	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

func testEntry(number uint64) tailEntry {
	n := tailEntry{number: number, transfer: ID{1, 15: 2}, epoch: 7, pos: stream.Pos{File: 3, Offset: int64(number) << 33}, length: 256 << 10, crc: 0xdeadbeef}
	if n.fin = number%2 == 0; n.fin {
		n.digest[31] = 1
	}
	return n
}

// FuzzTailEntry: what is read is what was written, and nothing that was damaged is read at all.
func FuzzTailEntry(f *testing.F) {
	for i := range uint64(3) {
		n := testEntry(i + 1)
		f.Add(appendTailEntry(nil, &n), uint16(i*400))
	}
	f.Add([]byte(tailMagic), uint16(0))
	f.Add(make([]byte, tailEntryBytes), uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, flip uint16) {
		n, ok := parseTailEntry(b)
		if !ok {
			return
		}
		again := appendTailEntry(nil, &n)
		if m, ok := parseTailEntry(again); !ok || m != n {
			t.Errorf("%+v is read again as %+v, %v", n, m, ok)
		}
		damaged := bytes.Clone(again)
		damaged[int(flip/8)%tailEntryBytes] ^= 1 << (flip % 8)
		if m, ok := parseTailEntry(damaged); ok {
			t.Errorf("bit %d damaged, and read as %+v", flip, m)
		}
	})
}

// ring opens the log of an engine on a disk in memory.
func ring(t *testing.T) (*crashdisk.Disk, *tailLog) {
	t.Helper()
	d := crashdisk.New()
	tr, err := openTree(crashdisk.NewMachine(nil).Mount(d), "/", goodLease(7))
	if err != nil {
		t.Fatal(err)
	}
	l := beginTail(tr, journalName{epoch: 7, sequence: 1})
	return d, &l
}

// TestTailLogIsARing: the newest entries are there, in pieces of any size, and the file does not grow.
func TestTailLogIsARing(t *testing.T) {
	d, l := ring(t)
	r := rand.New(rand.NewPCG(1, 1))
	for l.number < 3*tailEntries {
		for range 1 + r.IntN(700) {
			l.add(testEntry(l.number + 1))
		}
		l.flush()
	}
	b := d.Files("/")["tail.7.1"].Data
	if len(b) != tailEntries*tailEntryBytes {
		t.Errorf("%d bytes", len(b))
	}
	oldest := l.number
	seen := map[uint64]bool{}
	for _, n := range readTail(b, 7) {
		if n != testEntry(n.number) {
			t.Fatalf("entry %d is %+v", n.number, n)
		}
		oldest, seen[n.number] = min(oldest, n.number), true
	}
	if len(seen) != tailEntries || oldest != l.number-tailEntries+1 {
		t.Errorf("%d entries, the oldest %d of %d", len(seen), oldest, l.number)
	}
	if other := readTail(b, 6); len(other) > 0 {
		t.Errorf("%d entries for another epoch", len(other))
	}
}

// TestGatheringTakesTheNewestEntryThatFitsTheJournal: none from before the journal's point, of an epoch before that
// point, of an ended or unknown transfer; of two at one place the later; no more bytes than may be read again; and
// nothing that does not fit the manifest.
func TestGatheringTakesTheNewestEntryThatFitsTheJournal(t *testing.T) {
	files := []manifestFile{{Name: "a", Size: 30}, {Name: "b", Size: 25}, {Name: "c", Size: 5}}
	in := &incoming{rec: &inRecord{ID: ID{1}, Epoch: 3, Point: point{Pos: stream.Pos{File: 1, Offset: 10}}}, layout: newLayout(&manifest{Files: files})}
	over := &incoming{rec: &inRecord{ID: ID{2}, Answer: stream.Completed}, layout: in.layout}
	e := &Engine{in: map[ID]*incoming{{1}: in, {2}: over}}
	entry := func(number, epoch uint64, id byte, file uint32, offset int64, length uint32, fin bool) tailEntry {
		return tailEntry{number: number, epoch: epoch, transfer: ID{id}, pos: stream.Pos{File: file, Offset: offset}, length: length, fin: fin}
	}
	newest := map[ID]map[stream.Pos]tailEntry{}
	e.gather(newest, []tailEntry{
		entry(4, 3, 1, 1, 10, 10, false), entry(2, 3, 1, 1, 10, 20, true), entry(1, 3, 1, 1, 0, 10, false), entry(10, 2, 1, 1, 20, 3, false),
		entry(6, 3, 2, 1, 0, 10, false), entry(7, 3, 9, 1, 0, 10, false), entry(8, 3, 1, 1, 20, 10, true),
		entry(9, 3, 1, 2, 0, 25, true), entry(11, 3, 1, 3, 0, 6, true),
	})
	if len(newest) != 1 || len(newest[ID{1}]) != 4 {
		t.Errorf("gathered %v", newest)
	}
	want := []receive.Noted{
		{Pos: stream.Pos{File: 1, Offset: 10}, Length: 10}, {Pos: stream.Pos{File: 1, Offset: 20}, Length: 10, Fin: true, Name: 1},
		{Pos: stream.Pos{File: 2}, Length: 25, Fin: true, Name: 2},
	}
	for checkpointBytes, n := range map[int64]int{10: 2, 100: 3} {
		e.opt.CheckpointBytes = checkpointBytes
		e.carry(in, newest[ID{1}])
		if d := cmp.Diff(want[:n], in.tail.noted()); d != "" {
			t.Errorf("checkpoints of %d bytes: %s", checkpointBytes, d)
		}
	}
}

// TestBytesOfAFailedSyncAreWrittenAgain: the receiver is killed when a sync of a part has failed and before it could
// say so. The cache has the bytes and takes them for written; what the successor finds there is not on the disk.
func TestBytesOfAFailedSyncAreWrittenAgain(t *testing.T) {
	files := newCrashFiles(t)
	struck := 0
	for at := 1; at <= operations(t, files)["B"]; at++ {
		synctest.Test(t, func(t *testing.T) {
			w := newCrashWorld(t, uint64(at), files, stays)
			w.b.first = func(l *crashLife) crashdisk.Plan {
				return func(op crashdisk.Op) crashdisk.Fate {
					if op.Number != at || !strings.HasPrefix(op.Kind, "Sync") || !strings.HasSuffix(op.Name, ".part") {
						return crashdisk.Goes
					}
					struck++
					l.end()
					return crashdisk.Fate{Torn: true, Stop: true}
				}
			}
			s, err := w.run()
			w.b.disk.PowerOff(crashdisk.None, w.chance)
			w.check(s, err).report(t, "sync that is operation %d failed", at)
		})
	}
	if t.Logf("%d syncs failed", struck); struck < 5 {
		t.Errorf("only %d syncs failed", struck)
	}
}

// TestTransferGoesOnWithoutATailLog: a log that cannot be written is said once, and files arrive.
func TestTransferGoesOnWithoutATailLog(t *testing.T) {
	files := newCrashFiles(t)
	for _, kind := range []string{"Create", "WriteAt"} {
		synctest.Test(t, func(t *testing.T) {
			w := newCrashWorld(t, 1, files, stays)
			tries := 0
			w.b.first = func(*crashLife) crashdisk.Plan {
				return func(op crashdisk.Op) crashdisk.Fate {
					if op.Kind == kind && strings.HasPrefix(op.Name, "tail.") {
						tries++
						return crashdisk.Fate{Err: syscall.ENOSPC}
					}
					return crashdisk.Goes
				}
			}
			said := 0
			w.b.onEvent = func(ev Event) {
				if ev.Kind == EventDegraded && strings.Contains(ev.Reason, "tail log") {
					said++
				}
			}
			w.check(w.run()).report(t, "%s fails", kind)
			if tries != 1 || said != 1 {
				t.Errorf("%s failed %d times, and was said %d times", kind, tries, said)
			}
		})
	}
}

// BenchmarkNoteFrames is what the tail log costs a frame, alone and in batches as the lane hands them over.
func BenchmarkNoteFrames(b *testing.B) {
	for _, batch := range []int{1, 8} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			tr, err := openTree(vfs.OpenRoot, b.TempDir(), goodLease(7))
			if err != nil {
				b.Fatal(err)
			}
			defer tr.Close()
			l := beginTail(tr, journalName{epoch: 7, sequence: 1})
			defer l.close()
			entry := testEntry(1)
			b.ReportAllocs()
			for b.Loop() {
				l.add(entry)
				if l.number%uint64(batch) == 0 {
					l.flush()
				}
			}
			if l.trouble != nil {
				b.Fatal(l.trouble)
			}
		})
	}
}
