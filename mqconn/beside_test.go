package mqconn

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// twin is a host that was silent at first, so that it is dialled twice; what the dials give comes at the same moment.
type twin struct {
	*manager
	probes atomic.Int64
}

func (d *twin) Probe(context.Context, string) error {
	if d.probes.Add(1) == 1 {
		return errors.New("silent")
	}
	return nil
}

// Of two dials that succeed one is too late. Its connection is closed; and where the MQ client does not return from
// that, Run does not wait for it longer than for any other call, and says that it is there.
func TestConnectionOfTheDialThatCameTooLateIsClosed(t *testing.T) {
	for i := range 60 { // which of them knows first is the scheduler's choice
		closes := []time.Duration{0, 500 * time.Millisecond, time.Hour}[i%3]
		synctest.Test(t, func(t *testing.T) {
			both := time.Now().Add(10 * time.Second)
			d := &twin{manager: &manager{dial: func(context.Context, DialOptions, int) error { time.Sleep(time.Until(both)); return nil }}}
			var used atomic.Int64
			d.call = func(tr *transport, v Verb, _ string) error {
				if v == VerbDisconnect && int64(tr.number) != used.Load() {
					time.Sleep(closes)
				}
				return nil
			}
			c := newConnector(t, Config{Dialer: d})
			err := c.Run(t.Context(), func(ctx context.Context, s *Session) error {
				used.Store(int64(open(t, ctx, s, true).worker.transport.(*transport).number))
				return errDone
			})
			took := time.Since(both)
			hangs, stuck := closes > grace, 0
			if hangs {
				stuck = 1
			}
			if err != errDone || len(d.records()) != 2 || took > min(closes, grace) {
				t.Errorf("close of %v: %v, %d dials, Run ended %v after its function", closes, err, len(d.records()), took)
			}
			if n := c.Status().Stuck; n != stuck || d.connections() != stuck {
				t.Errorf("close of %v: %d calls stuck, %d connections left", closes, n, d.connections())
			}
			time.Sleep(2 * time.Hour)
			if n := c.Status().Stuck; n != 0 || d.connections() != 0 {
				t.Errorf("close of %v: %d calls stuck and %d connections in the end", closes, n, d.connections())
			}
		})
	}
}

// The ctx of Run ends in the moment in which the dial succeeds, and the connection does not close.
func TestRunEndsAlthoughTheConnectionThatCameWithItsEndDoesNotClose(t *testing.T) {
	for range 20 { // as above
		synctest.Test(t, runEndsWithItsDial)
	}
}

func runEndsWithItsDial(t *testing.T) {
	d := &twin{manager: &manager{}}
	d.dial = func(context.Context, DialOptions, int) error { time.Sleep(1500 * time.Millisecond); return nil }
	d.call = func(_ *transport, v Verb, _ string) error {
		if v == VerbDisconnect {
			time.Sleep(time.Hour)
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	c := newConnector(t, Config{Dialer: d})
	begun := time.Now()
	err := c.Run(ctx, func(context.Context, *Session) error { return nil })
	if took := time.Since(begun); took > 1500*time.Millisecond+grace {
		t.Errorf("%v after %v", err, took)
	}
	time.Sleep(2 * time.Hour)
	if n := c.Status(); n.Stuck != 0 || n.Connections != 0 || d.connections() != 0 {
		t.Errorf("%d calls stuck, %d connections in the end", n.Stuck, d.connections())
	}
}
