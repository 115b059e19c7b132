//go:build ibmmq && cgo

package ibmmq

import (
	"context"
	"net"
	"strings"
)

// Probe says whether a host of the endpoint answers; see mqconn.Prober. It connects and closes again, of which the queue
// manager's error log may tell. In bindings and with a definition table there is nothing to ask, and it answers nil.
func Probe(ctx context.Context, o Options, endpoint string) error {
	name, err := connectionName(endpoint)
	if err != nil || name == "" || o.Bindings || o.CCDTURL != "" {
		return nil
	}
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	addresses := strings.Split(name, ",")
	answers := make(chan error)
	for _, address := range addresses { // together: one that swallows everything takes all the time there is
		go func() { answers <- ask(ctx, address) }()
	}
	answered := false
	for range addresses {
		answer := <-answers
		if answer == nil {
			answered = true
			enough()
		}
		err = answer
	}
	if answered {
		return nil
	}
	return err
}

// ask connects to one address of a CONNAME.
func ask(ctx context.Context, address string) error {
	host, port, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(address), ")"), "(")
	if port == "" {
		port = "1414"
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(strings.TrimSpace(host), strings.TrimSpace(port)))
	if err != nil {
		return err
	}
	return conn.Close()
}

// Probe is for the Connector.
func (d *dialer) Probe(ctx context.Context, endpoint string) error {
	return Probe(ctx, d.options, endpoint)
}
