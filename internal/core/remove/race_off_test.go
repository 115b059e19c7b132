//go:build !race

package remove

const checks = "20000"
