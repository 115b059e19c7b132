package mqconn

import (
	"time"

	"github.com/mqha/mqha/internal/core/connect"
)

// Status describes a Connector at one moment.
type Status struct {
	Connected    bool
	Endpoint     string    // connected to, or dialled last
	QueueManager string    // the name that the last queue manager gave
	Generation   uint64    // sessions so far
	Attempt      int       // dials since the last good connection
	Since        time.Time // when it became connected, or disconnected; zero before the first Run
	NextTry      time.Time // when the wait before the next dial ends; zero while there is none
	LastError    error     // of the last dial or session; nil while connected
	Info         Info      // of the last connection; before there was one, what the Dialer says of it
	Connections  int       // open now, each of which counts for MAXINST, MAXINSTC and MaxChannels
	Stuck        int       // calls given up that are still in the MQ client, each with a thread
}

// Status is a snapshot.
func (c *Connector) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{
		Connected:   c.core.Phase() == connect.Live,
		Endpoint:    c.cfg.Endpoints[c.core.Endpoint()],
		Generation:  c.core.Generation(),
		Attempt:     c.core.Attempt(),
		Since:       c.since,
		LastError:   c.last,
		Connections: int(c.open.Load()),
		Stuck:       int(c.stuck.Load()),
	}
	if c.core.Phase() == connect.Waiting {
		s.NextTry = c.next
	}
	if c.session != nil {
		s.QueueManager, s.Info = c.session.queueManager, c.session.info
	} else {
		s.Info = c.said[s.Endpoint]
	}
	return s
}
