// Package versus measures a transport against the client library below it, in turns and in one run, so that
// what else the machine does meets both alike.
package versus

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// Way is one way to put a message and to get one.
type Way struct{ Put, Get func() error }

// burst is how many messages are put before they are got again.
const burst = 32

// leastRounds are needed for a median that says anything.
const leastRounds = 7

// sample is one burst of one way.
type sample struct {
	put, get time.Duration
	mallocs  uint64
	bytes    uint64
}

// Report runs both ways in turns and reports, as metrics of b: how fast ours puts and gets in comparison with the
// library, as the median over all rounds of the library's time divided by ours (put-x, get-x, above 1 is faster); what
// ours takes; and how many allocations and bytes a put with its get makes, of ours and of the library.
func Report(b *testing.B, size int, ours, library Way) {
	b.Helper()
	var puts, gets, times []float64
	var mine, theirs sample
	rounds := 0
	round := func() {
		first, second := ours, library
		if rounds%2 == 1 {
			first, second = library, ours
		}
		f, s := run(b, first), run(b, second)
		if rounds%2 == 1 {
			f, s = s, f
		}
		if rounds++; rounds == 1 {
			return // buffers and handles are being made
		}
		puts = append(puts, ratio(s.put, f.put))
		gets = append(gets, ratio(s.get, f.get))
		times = append(times, float64(f.put+f.get)/burst)
		mine.mallocs, mine.bytes = mine.mallocs+f.mallocs, mine.bytes+f.bytes
		theirs.mallocs, theirs.bytes = theirs.mallocs+s.mallocs, theirs.bytes+s.bytes
	}
	for b.Loop() {
		round()
	}
	for rounds <= leastRounds {
		round()
	}
	messages := float64(len(puts) * burst)
	b.ReportMetric(0, "ns/op") // of a round, which nobody wants to know
	b.ReportMetric(median(puts), "put-x")
	b.ReportMetric(median(gets), "get-x")
	b.ReportMetric(float64(size)/median(times)*1e3, "MB/s")
	b.ReportMetric(float64(mine.mallocs)/messages, "allocs")
	b.ReportMetric(float64(theirs.mallocs)/messages, "library-allocs")
	b.ReportMetric(float64(mine.bytes)/messages, "B")
	b.ReportMetric(float64(theirs.bytes)/messages, "library-B")
}

func run(b *testing.B, w Way) (s sample) {
	b.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	for range burst {
		if err := w.Put(); err != nil {
			b.Fatal(err)
		}
	}
	s.put = time.Since(begun)
	begun = time.Now()
	for range burst {
		if err := w.Get(); err != nil {
			b.Fatal(err)
		}
	}
	s.get = time.Since(begun)
	runtime.ReadMemStats(&after)
	s.mallocs, s.bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	return s
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }

// median of an odd or even number of values.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
