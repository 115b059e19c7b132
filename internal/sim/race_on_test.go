//go:build race

package sim

// One goroutine runs everything here, so the race detector has nothing to find and makes it slow.
const few = true
