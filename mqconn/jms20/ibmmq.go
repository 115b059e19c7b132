//go:build ibmmq && cgo

package jms20

import (
	"fmt"

	// Not used yet. It keeps the version of the client library in go.mod and proves, when built with
	// the tag, that the IBM MQ client is installed.
	_ "github.com/ibm-messaging/mq-golang-jms20/mqjms"

	"github.com/mqha/mqha/mqconn"
)

// New returns an error that wraps mqconn.ErrNotBuilt: the tag is set, but this version of the module
// does not contain the adapter yet.
func New(o Options) (mqconn.Dialer, error) {
	return nil, fmt.Errorf("mqconn/jms20: %w: built with -tags ibmmq, but this version does not contain the adapter yet",
		mqconn.ErrNotBuilt)
}
