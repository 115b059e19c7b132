//go:build ibmmq && cgo

package jms20

import (
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/ibmmq"
)

// Describe says what a connection would be; see mqconn.Describer.
func (d *dialer) Describe(endpoint string) mqconn.Info {
	return mqconn.Info{
		Library: Library, Version: ibmmq.Version(Library),
		QueueManager: d.options.QueueManager, Channel: d.options.Channel, Endpoint: endpoint, Bindings: d.options.Bindings,
	}
}
