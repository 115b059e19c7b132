package mqconn

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// grace is how much longer a call may take once the context that it was made under, or its Session,
// has ended: a Get that has just begun its slice ends by itself. A call that takes longer is given up.
const grace = 2 * MaxSlice

// firstRole is the role of the connection that Run dials before it calls fn.
const firstRole = "main"

// errNothingDialled is what becomes of a Dialer's nil with a nil error: an outage, said in each event.
var errNothingDialled = errors.New("mqconn: the Dialer returned neither a connection nor an error")

// callState counts a call that was given up, for as long as it stays in the MQ client.
type callState struct {
	stuck *atomic.Int64 // the Connector's count
	state atomic.Int32  // 0 under way, 1 given up, 2 returned
}

// giveUp is called at most once. It returns false when the call has returned after all.
func (s *callState) giveUp() bool {
	s.stuck.Add(1)
	if s.state.CompareAndSwap(0, 1) {
		return true
	}
	s.stuck.Add(-1)
	return false
}

func (s *callState) returned() {
	if s.state.Swap(2) == 1 {
		s.stuck.Add(-1)
	}
}

type dialled struct {
	transport Transport
	info      Info
	err       error
}

// dialFirst dials the connection that the first transacted Open returns.
func (c *Connector) dialFirst(ctx context.Context, endpoint int) (*Conn, error) {
	o := DialOptions{Endpoint: c.cfg.Endpoints[endpoint], Role: firstRole, Transacted: true}
	d := c.dialWatched(ctx, o)
	if d.err != nil {
		return nil, d.err
	}
	return newConn(c, o, d.transport, d.info), nil
}

// dial dials on its own goroutine: a client library may hang on a host that does not answer, and
// cannot be interrupted. What comes too late is closed there. An error is an *Error, or wraps
// ErrNotBuilt, or is the cause of ctx.
func (c *Connector) dial(ctx context.Context, o DialOptions) dialled {
	if err := context.Cause(ctx); err != nil {
		return dialled{err: err}
	}
	if n := c.stuck.Load(); n >= maxStuck {
		err := fmt.Errorf("%d earlier calls: %w", n, ErrStuck)
		return dialled{err: &Error{Verb: VerbConnect, Endpoint: o.Endpoint, Class: Retry, cause: err}}
	}
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if c.cfg.DialLimit > 0 {
		bounded, cancel = context.WithTimeoutCause(ctx, c.cfg.DialLimit, ErrStuck)
	}
	defer cancel()

	state := callState{stuck: &c.stuck}
	result, late, ended := make(chan dialled), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer state.returned()
		var d dialled
		d.transport, d.err = c.cfg.Dialer.Dial(bounded, o)
		if d.err == nil && d.transport == nil {
			d.err = errNothingDialled
		}
		if d.err == nil {
			d.info = d.transport.Info()
		}
		select {
		case result <- d:
		case <-late:
			if d.err == nil {
				_ = d.transport.Close() // nobody is left who could be told
			}
		}
	}()

	var d dialled
	select {
	case d = <-result:
		<-ended
	case <-bounded.Done():
		close(late)
		state.await(ended, MaxSlice)
		d.err = context.Cause(bounded)
	}
	if d.err != nil {
		d.err = c.dialError(ctx, d.err, o)
	}
	return d
}

// await gives a call that was told to end the time to do so. It returns false when it gave it up.
func (s *callState) await(ended <-chan struct{}, limit time.Duration) bool {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-ended:
		return true
	case <-t.C:
		return !s.giveUp()
	}
}

func (c *Connector) dialError(ctx context.Context, err error, o DialOptions) error {
	var f *Fault
	switch {
	case errors.Is(err, ErrNotBuilt):
		return err
	case errors.As(err, &f):
		return c.classify(err, VerbConnect, o.Endpoint, "", false)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded):
		err = ErrStuck // the Dialer obeyed the limit
	}
	return c.classify(err, VerbConnect, o.Endpoint, "", false)
}
