//go:build !ibmmq || !cgo

package jms20_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/jms20"
)

func TestNewSaysHowToBuild(t *testing.T) {
	d, err := jms20.New(jms20.Options{QueueManager: "QMA"})
	if d != nil {
		t.Errorf("dialer %v: a program would wait for a connection that cannot come", d)
	}
	if !errors.Is(err, mqconn.ErrNotBuilt) {
		t.Fatalf("error %v does not wrap ErrNotBuilt", err)
	}
	if !strings.Contains(err.Error(), "-tags ibmmq") {
		t.Errorf("error %q does not say how to build", err)
	}
}
