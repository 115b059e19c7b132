//go:build !race

package transfer

const pointStride = 1
