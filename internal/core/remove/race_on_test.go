//go:build race

package remove

// checks is how many histories are tried. The race detector makes them ten times as slow, and finds nothing in a
// package without goroutines.
const checks = "5000"
