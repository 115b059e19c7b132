//go:build !ibmmq || !cgo

package jms20

import (
	"fmt"

	"github.com/mqha/mqha/mqconn"
)

// New returns an error that wraps mqconn.ErrNotBuilt and tells how the transport is built in.
func New(o Options) (mqconn.Dialer, error) {
	return nil, fmt.Errorf("mqconn/jms20: %w: build with CGO_ENABLED=1, the IBM MQ client and -tags ibmmq", mqconn.ErrNotBuilt)
}
