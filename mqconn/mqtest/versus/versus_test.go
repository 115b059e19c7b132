package versus

import (
	"errors"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
}

// What is twice as slow, and allocates, comes out as such.
func TestReportTellsWhichIsFaster(t *testing.T) {
	var sink [][]byte
	wait := func(d time.Duration) func() error {
		return func() error { time.Sleep(d); return nil }
	}
	allocating := func() error { sink = append(sink[:0], make([]byte, 1000)); return nil }
	got := testing.Benchmark(func(b *testing.B) {
		Report(b, 1000, Way{wait(4 * time.Millisecond), allocating}, Way{wait(time.Millisecond), func() error { return nil }})
	})
	if x := got.Extra["put-x"]; x <= 0 || x >= 1 {
		t.Errorf("put-x %v of a way that waits four times as long", x)
	}
	// Not exactly none: what the runtime's own goroutines allocate while the library's way runs is counted with it.
	if ours, theirs := got.Extra["B"], got.Extra["library-B"]; ours < 1000 || theirs > ours/10 {
		t.Errorf("%v bytes against %v, want 1000 against next to none", ours, theirs)
	}
	if failed := testing.Benchmark(func(b *testing.B) {
		broken := func() error { return errors.New("broken") }
		Report(b, 1, Way{broken, broken}, Way{broken, broken})
	}); failed.N != 0 && len(failed.Extra) != 0 {
		t.Errorf("a failure was measured: %v", failed)
	}
	_ = sink
}
