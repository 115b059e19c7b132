package mqlink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/transfer"
)

// InputQueue is the queue that an agent's frames are sent to: MQHA.<AGENT>.IN.
func InputQueue(agent string) string { return "MQHA." + agent + ".IN" }

const (
	// A unit of work is committed after so many messages or so long, whichever is first. Whether
	// file data is in it depends on the transport (mq-golang-jms20 gets everything in syncpoint).
	commitMessages = 64
	commitAfter    = 500 * time.Millisecond
)

// forgottenAfter is how long a frame that is not persistent waits for an agent, or a channel, that is away. Each transfer
// asks it where to go on every ten seconds or so: without an end these questions would lie there by the hundred
// thousand when it comes back after days, and each be answered. What a slow line takes longer for is asked for again.
const forgottenAfter = 10 * time.Minute

// MaxFrame is the longest frame in bytes on any Link. It leaves room for what MQ adds to a message of 4 MiB, the
// default MAXMSGL of queues and channels: on the way to a remote queue that is the MQXQH of 428 bytes, which
// counts for the transmission queue and the sender channel, and which no client sees.
const MaxFrame = 4<<20 - 64<<10

// Link is a transfer.Link over one mqconn.Session.
type Link struct {
	in, out *mqconn.Conn
	queue   string
	maxBody int

	// used by the goroutine of Receive and Commit
	message   mqconn.Message
	unsettled int
	since     time.Time // of the first unsettled message
}

// New opens the connections "in" and "out" of s and holds the input queue of agent. While another
// connection holds the queue New waits, bounded by ctx; the error is then of class mqconn.InUse and
// means that another instance of the agent is active, or was on a host that vanished less than twice
// the heartbeat interval ago.
func New(ctx context.Context, s *mqconn.Session, agent string) (*Link, error) {
	l := &Link{queue: InputQueue(agent), maxBody: MaxFrame}
	if err := l.open(ctx, s); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *Link) open(ctx context.Context, s *mqconn.Session) (err error) {
	if l.in, err = s.Open(ctx, "in", true); err != nil {
		return err
	}
	if err := l.in.Hold(ctx, l.queue); err != nil {
		return err
	}
	if l.out, err = s.Open(ctx, "out", false); err != nil {
		return err
	}
	for _, c := range []*mqconn.Conn{l.in, l.out} {
		if m := c.Info().MaxMessage; m > 0 {
			l.maxBody = min(l.maxBody, m)
		}
	}
	return nil
}

// close gives back what a New that failed has opened: in a Session that goes on it would stand in the way of the next New.
func (l *Link) close() error {
	if l.in == nil {
		return nil
	}
	return l.in.Close()
}

// Send puts a frame on the input queue of f.Peer. When that queue cannot be put to (it is not
// defined, full, or inhibited) the error matches transfer.ErrPeer and concerns that peer alone.
func (l *Link) Send(ctx context.Context, f *transfer.Frame) error {
	m := mqconn.Message{Body: f.Body, Persistent: f.Persistent}
	if !f.Persistent {
		m.Expiry = forgottenAfter
	}
	err := l.out.Put(ctx, mqconn.Address{Queue: InputQueue(f.Peer)}, &m)
	var e *mqconn.Error
	if errors.As(err, &e) && !e.EndsSession() {
		return fmt.Errorf("%w %s: %w", transfer.ErrPeer, f.Peer, err)
	}
	return err
}

// Receive gets the next frame, and commits what is settled when it has waited long enough.
func (l *Link) Receive(ctx context.Context, f *transfer.Frame) error {
	for {
		if l.due() {
			if err := l.Commit(ctx); err != nil {
				return err
			}
		}
		l.message.Body = f.Body
		err := l.in.Get(ctx, l.queue, &l.message, mqconn.GetOptions{Wait: l.wait()})
		if errors.Is(err, mqconn.ErrNoMessage) {
			f.Body = l.message.Body
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			continue
		}
		if err != nil {
			return err
		}
		f.Body, f.Persistent, f.Attempts = l.message.Body, l.message.Persistent, max(0, l.message.BackoutCount)
		if l.unsettled++; l.unsettled == 1 {
			l.since = time.Now()
		}
		return nil
	}
}

func (l *Link) due() bool {
	return l.unsettled >= commitMessages || l.unsettled > 0 && time.Since(l.since) >= commitAfter
}

// wait is how long a get may take: not beyond the next commit.
func (l *Link) wait() time.Duration {
	if l.unsettled == 0 {
		return -1
	}
	return max(0, commitAfter-time.Since(l.since))
}

// Commit settles what was received. After an error it is open whether that has happened; what is not
// settled comes again on the next Link, and every frame allows for that.
func (l *Link) Commit(ctx context.Context) error {
	if l.unsettled == 0 {
		return nil
	}
	err := l.in.Commit(ctx)
	if err == nil {
		l.unsettled = 0
	}
	return err
}

// MaxBody is the longest frame in bytes: MaxFrame, or less where the connections take less.
func (l *Link) MaxBody() int { return l.maxBody }
