//go:build ibmmq && cgo

package ibmmq

import (
	"testing"

	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/mqconn/mqtest/faultrows"
)

func TestEveryFault(t *testing.T) {
	d, err := New(Options{QueueManager: "QM1", Channel: mqtest.DefaultChannel})
	if err != nil {
		t.Fatal(err)
	}
	faultrows.Run(t, d)
}
