//go:build ibmmq && cgo

package ibmmq

import (
	"testing"

	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/mqconn/mqtest/stress"
)

func TestNothingIsLostAndNothingComesTwiceWithoutAReason(t *testing.T) {
	d, err := New(Options{QueueManager: "QM1", Channel: mqtest.DefaultChannel})
	must(t, err)
	stress.Run(t, stress.Options{Dialer: d})
}
