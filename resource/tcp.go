package resource

import (
	"context"
	"fmt"
	"net"
	"time"
)

// TCP is a service that answers at a TCP address, run by somebody else: online while a connection can
// be made. Every check makes one and closes it at once, so a service that counts or logs connections
// sees them.
type TCP struct {
	Address string // host:port
	// RunHere says that the service belongs to this node, so that its silence is a failure: the group
	// starts it again by what it depends on, or moves. False: the service is elsewhere, a queue manager
	// on another machine, and its silence is trouble elsewhere, see Elsewhere: it uses up no restart
	// for however long it lasts.
	RunHere bool
	// Limit is how long one connection may take; default 5 s, also for a negative one: it cannot be off.
	Limit time.Duration
	// Poll is the time between two looks while Online waits; default 1 s, negative: Online looks once
	// and does not wait.
	Poll time.Duration
	// Check is asked by IsAlive on the new connection, which has a deadline, for a service whose port
	// is open before it works. Nil: a connection is enough.
	Check func(net.Conn) error
	// Dial makes the connection. Nil: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Online waits until a connection can be made: for a service elsewhere without limit, as each look is
// Progress.
func (t *TCP) Online(ctx context.Context) error {
	return t.blame(await(ctx, t.Poll, func(ctx context.Context) error {
		err := t.IsAlive(ctx)
		if err != nil && !t.RunHere {
			Progress(ctx, "waits: "+err.Error())
		}
		return err
	}))
}

// LooksAlive makes a connection.
func (t *TCP) LooksAlive(ctx context.Context) error { return t.blame(t.connect(ctx, nil)) }

// IsAlive makes a connection and calls Check.
func (t *TCP) IsAlive(ctx context.Context) error { return t.blame(t.connect(ctx, t.Check)) }

// Offline has nothing to do: whoever runs the service stops it.
func (t *TCP) Offline(context.Context) error { return nil }

// Terminate has nothing to do.
func (t *TCP) Terminate() {}

func (t *TCP) blame(err error) error {
	if t.RunHere {
		return err
	}
	return Elsewhere(err)
}

func (t *TCP) connect(ctx context.Context, check func(net.Conn) error) error {
	limit := t.Limit
	if limit <= 0 {
		limit = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dial := t.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", t.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if check == nil {
		return nil
	}
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if err := check(conn); err != nil {
		return fmt.Errorf("%s: %w", t.Address, err)
	}
	return nil
}
