//go:build ibmmq && cgo

package jms20

import (
	"context"

	"github.com/mqha/mqha/mqconn/ibmmq"
)

// Probe is for the Connector; see mqconn.Prober.
func (d *dialer) Probe(ctx context.Context, endpoint string) error {
	return ibmmq.Probe(ctx, d.options, endpoint)
}
