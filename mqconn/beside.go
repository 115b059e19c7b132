package mqconn

import (
	"context"
	"time"
)

// Prober is implemented by a Dialer that can ask whether the host of an endpoint answers, without the MQ client and within
// the time of ctx. Nil says that it does, or that the Dialer cannot tell.
//
// The MQ client cannot be interrupted while a host swallows its packets, and goes on waiting after the host is back. A
// Connector that finds a dial hanging asks every second, and when a host that was silent answers, it dials once more beside
// it: the program is back within about a second all the same. The queue manager sees one connection more that says
// nothing, for each such outage.
type Prober interface {
	Probe(ctx context.Context, endpoint string) error
}

// probeEvery is how long a dial may hang before the Prober is asked, how long each answer may take, and how often it is asked.
const probeEvery = time.Second

// dialWatched is dial with the help of a Prober. Of two dials the first good one counts, and the other is given up.
func (c *Connector) dialWatched(ctx context.Context, o DialOptions) dialled {
	p, ok := c.cfg.Dialer.(Prober)
	if !ok {
		return c.dial(ctx, o)
	}
	ctx, decided := context.WithCancel(ctx)
	defer decided()
	results := make(chan dialled)
	begin := func() {
		c.beside.Go(func() {
			d := c.dial(ctx, o)
			select {
			case results <- d:
			case <-ctx.Done():
				if d.err == nil {
					// Too late, and nobody is left who could be told. Run waits for it: within bounds, and counted.
					_ = startWorker(c, d.transport).stop()
				}
			}
		})
	}
	returned := make(chan struct{})
	c.beside.Go(func() { awaitReturn(ctx, p, o.Endpoint, returned) })
	begin()
	for running := 1; ; {
		select {
		case d := <-results:
			if running--; d.err == nil || running == 0 {
				return d
			}
		case <-returned:
			returned = nil
			running++
			begin()
		case <-ctx.Done():
			return dialled{err: context.Cause(ctx)}
		}
	}
}

// awaitReturn closes returned when the host answers after it was silent. One that answers from the beginning is only slow.
func awaitReturn(ctx context.Context, p Prober, endpoint string, returned chan<- struct{}) {
	pause(ctx, probeEvery)
	for silent := false; ctx.Err() == nil; {
		begun := time.Now()
		bounded, cancel := context.WithTimeout(ctx, probeEvery)
		err := p.Probe(bounded, endpoint)
		cancel()
		switch {
		case err != nil:
			silent = true
			pause(ctx, probeEvery-time.Since(begun))
		case silent:
			close(returned)
			return
		default:
			return
		}
	}
}
