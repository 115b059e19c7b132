//go:build race

package transfer

// The race detector makes the crash matrix five times slower, and has seen every kind of operation after a
// fraction of it. Without it every point is tried.
const (
	pointStride = 11
	mostOfAKind = 1
)
