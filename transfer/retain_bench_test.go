package transfer

import (
	"runtime"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/core/stream"
	"github.com/mqha/mqha/internal/vfs"
)

// BenchmarkEnded measures what the transfers cost that an agent has sent and remembers: a takeover, with memory and journal
// after it, and how long the loop does nothing else when the journal is written anew.
func BenchmarkEnded(b *testing.B) {
	b.Run("remembered=1", func(b *testing.B) { benchmarkEnded(b, 1) })
	b.Run("remembered=10000", func(b *testing.B) { benchmarkEnded(b, 10_000) })
	b.Run("remembered=100000", func(b *testing.B) { benchmarkEnded(b, 100_000) })
}

func benchmarkEnded(b *testing.B, n int) {
	state, epoch := b.TempDir(), uint64(1)
	size := endedJournal(b, state, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var stall time.Duration
	for b.Loop() {
		epoch++
		e, err := Open(b.Context(), state, goodLease(epoch), Options{Name: "A", KeepEnded: -1})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		_ = e.call(b.Context(), func() {
			begun := time.Now()
			e.rotateJournal()
			stall += time.Since(begun)
			if len(e.out) != n {
				b.Errorf("%d are remembered, want %d", len(e.out), n)
			}
		})
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(stall.Microseconds())/float64(b.N), "stall-µs/op")
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(n), "heap-B/transfer")
	b.ReportMetric(float64(size)/float64(n), "journal-B/transfer")
}

// endedJournal writes a journal of n transfers that have ended, and tells its size.
func endedJournal(b *testing.B, state string, n int) int64 {
	b.Helper()
	dir, err := openTree(vfs.OpenRoot, state, goodLease(1))
	if err != nil {
		b.Fatal(err)
	}
	defer dir.Close()
	j, s, err := openJournal(dir, 1, NewestFormat, -1)
	if err != nil {
		b.Fatal(err)
	}
	for range n {
		id := NewID()
		s.apply(record{Out: &outRecord{ID: id, Number: s.next, To: "AN.AGENT.WITH.A.NAME", Lists: 1, Manifest: 300, Digest: SHA256, Files: 3, Bytes: 123456789}})
		s.apply(record{OutEnd: &endRecord{ID: id, Answer: stream.Completed}})
	}
	entries, err := appendEntries(s.snapshot())
	if err == nil {
		err = j.rotate(entries)
	}
	if err != nil {
		b.Fatal(err)
	}
	if err := j.close(); err != nil {
		b.Fatal(err)
	}
	return j.size
}
