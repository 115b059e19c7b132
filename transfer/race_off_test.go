//go:build !race

package transfer

const (
	// pointStride is how far apart the operations of the crash matrix lie that are tried.
	pointStride = 1
	// mostOfAKind late calls of one function are tried, the others lie between them.
	mostOfAKind = 4
)
