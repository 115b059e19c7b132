package mqtest_test

import (
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// A configuration that is written for the other transports, host(port), once met 2538 here for ever.
func TestEndpointMayBeWrittenAsAConnectionName(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	address := serve(t, qm)
	for _, endpoint := range []string{address, connectionName(address)} {
		c := dial(t, mqtest.TCP{}, endpoint, false)
		if got := c.Info().Endpoint; got != endpoint {
			t.Errorf("%s is called %s", endpoint, got)
		}
	}
	for _, list := range []string{connectionName(address) + "," + connectionName(address), ""} {
		if _, err := (mqtest.TCP{}).Dial(t.Context(), mqconn.DialOptions{Endpoint: list}); err == nil {
			t.Errorf("%q was taken for an address", list)
		}
	}
}
