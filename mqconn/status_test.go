package mqconn

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// While it waits, Status names the endpoint that was dialled last, as its last error does, and not the next one.
func TestStatusNamesTheEndpointDialledLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{dial: func(context.Context, DialOptions, int) error { return fault(VerbConnect, mqrc.HostNotAvailable) }}
		ctx, cancel := context.WithCancel(t.Context())
		c := newConnector(t, Config{Dialer: m, Endpoints: []string{"a", "b", "c"}, Min: time.Hour})
		ended := make(chan error)
		go func() { ended <- c.Run(ctx, nil) }()
		synctest.Wait()
		if s := c.Status(); s.NextTry.IsZero() || s.Endpoint != "c" || asError(t, s.LastError).Endpoint != "c" {
			t.Errorf("%+v", s)
		}
		cancel()
		<-ended
	})
}
