package credit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testConfig = Config{Queue: 640, Source: Limit{Bytes: 320, Frames: 128}, Idle: time.Minute}

var (
	want  = Limit{Bytes: 80, Frames: 32}
	least = Limit{Bytes: 2, Frames: 1}
	start = time.Unix(1, 0)
)

func TestTransferThatIsAloneHasAllThatItWants(t *testing.T) {
	l := New[int](testConfig)
	for range 3 {
		if got := l.Grant(start, 1, "A", want, least); got != want {
			t.Errorf("granted %+v", got)
		}
	}
}

// The transfers of one agent have filled a queue that others share: credit was counted for each transfer alone.
func TestManyTransfersShareWhatTheirSourceMayHave(t *testing.T) {
	l := New[int](testConfig)
	shared := func() (bytes int64, frames int) {
		for k := range 25 {
			g := l.Grant(start, k, "A", want, least)
			bytes, frames = bytes+g.Bytes, frames+g.Frames
		}
		return bytes, frames
	}
	if bytes, frames := shared(); bytes > 320+25*2 || frames > 128+25 {
		t.Errorf("granted at first %d bytes, %d frames", bytes, frames)
	}
	// Each has come down, or up, to its share.
	if bytes, frames := shared(); bytes > 320 || frames > 128 || bytes < 300 || frames < 100 {
		t.Errorf("granted in the end %d bytes, %d frames", bytes, frames)
	}
}

func TestSourcesShareTheQueue(t *testing.T) {
	l := New[string](testConfig)
	var bytes int64
	for range 2 {
		bytes = 0
		for _, source := range []string{"A", "B", "C", "D"} {
			for _, k := range []string{"1", "2", "3", "4"} {
				bytes += l.Grant(start, source+k, source, want, least).Bytes
			}
		}
	}
	if bytes != 640 {
		t.Errorf("granted %d bytes", bytes)
	}
}

// A sender that has vanished would keep its share for ever.
func TestShareOfASenderThatIsGoneComesBack(t *testing.T) {
	l := New[int](testConfig)
	for k := range 100 {
		l.Grant(start, k, "gone", want, least)
	}
	now := start.Add(testConfig.Idle)
	for k := range 8 {
		source := "A"
		if k > 3 {
			source = "B"
		}
		if got := l.Grant(now, 100+k, source, want, least); got != want {
			t.Errorf("granted %+v", got)
		}
	}
}

// TestBoundsHoldWhateverHappens compares the ledger with a plain list of what was granted.
func TestBoundsHoldWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New[int](testConfig)
		now, books := start, map[int]Limit{}
		source := func(k int) string { return string(rune('A' + k%3)) }
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			k := rapid.IntRange(0, 40).Draw(t, "transfer")
			switch rapid.IntRange(0, 12).Draw(t, "what") {
			case 0:
				l.Clear()
				clear(books)
			case 1, 2:
				l.Release(k)
				delete(books, k)
			case 3:
				now = now.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Second)).Draw(t, "jump")))
			default:
				g := l.Grant(now, k, source(k), want, least)
				if books[k] = g; g.Bytes < least.Bytes || g.Bytes > want.Bytes || g.Frames < least.Frames || g.Frames > want.Frames {
					t.Fatalf("granted %+v", g)
				}
			}
			var bytes int64
			bySource, transfers := map[string]Limit{}, map[string]int{}
			for k, g := range books {
				s := bySource[source(k)]
				bySource[source(k)] = Limit{s.Bytes + g.Bytes, s.Frames + g.Frames}
				transfers[source(k)]++
				bytes += g.Bytes
			}
			if over := int64(len(books)) * least.Bytes; bytes > testConfig.Queue+over {
				t.Fatalf("%d bytes granted", bytes)
			}
			for s, sum := range bySource {
				if sum.Bytes > testConfig.Source.Bytes+int64(transfers[s])*least.Bytes || sum.Frames > testConfig.Source.Frames+transfers[s]*least.Frames {
					t.Fatalf("%s was granted %+v", s, sum)
				}
			}
		}
	})
}
