//go:build !race

package mqtest_test

const raceDetector = false
