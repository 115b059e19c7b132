package lease

import "testing"

func TestLongestClockCounts(t *testing.T) {
	for _, row := range []struct {
		name string
		now  Instant
		want int
	}{
		{"all alike", Instant{Mono: 15, Boot: 105, Wall: 1005}, 5},
		{"suspended", Instant{Mono: 15, Boot: 109, Wall: 1005}, 9},
		{"wall clock set forward", Instant{Mono: 15, Boot: 105, Wall: 1009}, 9},
		{"wall clock set back", Instant{Mono: 15, Boot: 105, Wall: 3}, 5},
		{"no clock for suspend", Instant{Mono: 19, Boot: 100, Wall: 1000}, 9},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.now.Since(Instant{Mono: 10, Boot: 100, Wall: 1000}); int(got) != row.want {
				t.Errorf("%d, want %d", got, row.want)
			}
		})
	}
}
