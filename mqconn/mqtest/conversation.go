package mqtest

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// A conversation is one connection of a sender channel, from the first call to its end.
type conversation struct {
	*sender
	definition senderChannel
	queue      *queue
	tries      *retries

	link    *channelLink
	agreed  channelAnswer
	silence time.Duration
	mca     *session // for what the channel puts itself, to the dead-letter queue
}

// run returns nil when the channel has been idle for DISCINT or is to stop. The transmission queue is held exclusively
// all the time, so that nobody else sends from it.
func (c *conversation) run() (err error) {
	defer func() { err = c.explain(err) }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.begin(cancel)
	if c.queue == nil {
		return &ChannelError{Channel: c.name, Text: c.definition.transmission + " is no transmission queue"}
	}
	h := &handle{options: ooInputExclusive, input: true}
	if r := c.queue.admit(h); r != mqrc.None {
		return &reasonError{"transmission queue " + c.queue.name, r}
	}
	defer c.queue.dismiss(h)
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	c.link = newChannelLink(conn)
	defer c.link.close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	c.mca = c.qm.channelSession(c.name)
	if err := c.bind(); err != nil {
		return err
	}
	return c.sendAll()
}

// begin makes the connection to come one that can be cut.
func (c *conversation) begin(cut context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut, c.hurry = cut, false
	c.status.State, c.status.Err = ChannelStarting, nil
	if c.qm.isEnded() {
		cut()
	}
}

// reasonError is something that a queue manager has refused.
type reasonError struct {
	text   string
	reason mqrc.Reason
}

func (e *reasonError) Error() string { return e.text + ": " + e.reason.String() }

func (c *conversation) explain(err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *fatalError:
		return &fatalError{c.explain(e.error)}
	case *ChannelError:
		return e
	case *reasonError:
		return &ChannelError{Channel: c.name, Text: e.text, Reason: e.reason}
	default:
		return &ChannelError{Channel: c.name, Text: "the connection has ended", Err: err}
	}
}

// bindTime bounds how long the other side may take to become a connection.
const bindTime = 10 * time.Second

// dial takes the first address of CONNAME that answers.
func (c *conversation) dial(ctx context.Context) (conn net.Conn, err error) {
	dialer := net.Dialer{Timeout: bindTime}
	for _, address := range addresses(c.definition.connectionName) {
		if conn, err = dialer.DialContext(ctx, "tcp", address); err == nil {
			enlarge(conn)
			return conn, nil
		}
	}
	return nil, err
}

// bind agrees with the receiver on how to send and on where they are: it settles a batch in doubt, and both must count
// the same messages.
func (c *conversation) bind() error {
	state := c.qm.syncState(syncKey{channel: c.name})
	c.mu.Lock()
	reset := c.reset
	c.mu.Unlock()
	if reset > 0 && !state.Doubtful {
		state.Sequence = reset - 1
	}
	d := c.definition
	open := channelOpen{
		channel: c.name, queueManager: c.qm.name, reset: reset > 0 && !state.Doubtful, batchSize: d.batchSize, fast: d.fast,
		maxLength: c.qm.longest(d.maxLength), sequence: state.Sequence,
	}
	if err := c.link.send(header{verb: wireChannelOpen}, bindTime, open.append(nil), nil); err != nil {
		return err
	}
	f, err := c.link.await(wireChannelOpen, bindTime)
	switch {
	case err != nil:
		return err
	case f.reason != mqrc.None:
		return &reasonError{"the other queue manager refuses", f.reason}
	case len(f.body) != channelAnswerLength:
		return &frameError{"the answer to a call is too short"}
	}
	c.agreed.read(f.body)
	c.silence = c.qm.silence(d.heartbeat)
	if err := c.agree(state, open.reset); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.tries = retries{}
	c.status.State, c.status.QueueManager = ChannelRunning, c.agreed.queueManager
	c.status.ShortLeft, c.status.LongLeft = d.shortRetries, d.longRetries
	c.status.Connections++
	return nil
}

func (c *conversation) agree(state syncState, reset bool) error {
	switch {
	case state.Doubtful:
		if r := c.settleDoubt(c.agreed.batch == state.Batch); r != mqrc.None {
			return &reasonError{"the batch in doubt cannot be settled", r}
		}
		state = c.qm.syncState(syncKey{channel: c.name})
	case reset:
		if r := c.qm.keepSync(state, nil, nil); r != mqrc.None {
			return &reasonError{"the sequence number cannot be kept", r}
		}
		c.mu.Lock()
		c.reset, c.status.Sequence = 0, state.Sequence
		c.mu.Unlock()
	}
	if c.agreed.sequence != state.Sequence {
		return &ChannelError{Channel: c.name, Text: fmt.Sprintf(
			"the last message sent is number %d, the last received number %d; RESET CHANNEL makes them agree",
			state.Sequence, c.agreed.sequence)}
	}
	return nil
}

// sendAll sends batch after batch.
func (c *conversation) sendAll() error {
	for {
		m, err := c.first()
		if m == nil || err != nil {
			return err
		}
		if err := c.batch(m); err != nil {
			return err
		}
	}
}

// first waits for a message; nil: the channel is to end, in order.
func (c *conversation) first() (*message, error) {
	c.queue.mu.Lock()
	w := c.queue.wait(selection{})
	c.queue.mu.Unlock()
	defer func() {
		c.queue.mu.Lock()
		c.queue.leave(w)
		c.queue.mu.Unlock()
	}()
	idle, stopIdle := optionalTimer(c.qm.seconds(c.definition.disconnect))
	defer stopIdle()
	beat, stopBeat := optionalTicker(c.qm.seconds(c.definition.heartbeat))
	defer stopBeat()
	for {
		if c.isStopping() {
			return nil, nil
		}
		if m, err := c.take(w); m != nil || err != nil {
			return m, err
		}
		select {
		case <-w.signal:
		case <-c.nudge:
		case <-idle:
			return nil, nil
		case <-beat:
			if err := c.heartbeat(); err != nil {
				return nil, err
			}
		case <-c.link.broken:
			return nil, c.link.err
		case f := <-c.link.answers:
			if f.verb == wireChannelError {
				return nil, c.refused(f)
			}
		}
	}
}

func optionalTimer(d time.Duration) (<-chan time.Time, func() bool) {
	if d == 0 {
		return nil, func() bool { return false }
	}
	t := time.NewTimer(d)
	return t.C, t.Stop
}

func optionalTicker(d time.Duration) (<-chan time.Time, func()) {
	if d == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(d)
	return t.C, t.Stop
}

func (c *conversation) heartbeat() error {
	if err := c.link.send(header{verb: wireHeartbeat}, c.silence, nil, nil); err != nil {
		return err
	}
	f, err := c.link.await(wireHeartbeat, c.silence)
	if err == nil && f.verb == wireChannelError {
		return c.refused(f)
	}
	return err
}

// take takes the next message off the transmission queue, hidden from everybody else; w, if any, sleeps again.
func (c *conversation) take(w *waiter) (*message, error) {
	q := c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if w != nil {
		w.sleep()
	}
	if q.attrs.getInhibited {
		return nil, &reasonError{"transmission queue " + q.name, mqrc.GetInhibited}
	}
	m := q.find(selection{}, time.Now())
	if m != nil {
		q.hold(m)
	}
	return m, nil
}

// refused is why the receiver has ended the channel. It would do so again with the same message.
func (c *conversation) refused(f channelFrame) error {
	return &fatalError{&reasonError{"the other queue manager could not take a message, and has no dead-letter queue that could", f.reason}}
}

// channelSession is what a channel puts with. It is no connection of a program, so that nobody counts it.
func (q *QueueManager) channelSession(name string) *session {
	return &session{
		qm: q, application: "channel " + name, user: defaultUser,
		done: make(chan struct{}), handles: make(map[int32]*handle),
	}
}

// deadLetterHere puts a message that cannot be sent on the dead-letter queue of this queue manager.
func (c *conversation) deadLetterHere(m *message, to mqconn.Address, why mqrc.Reason) error {
	refuse := func(r mqrc.Reason) error {
		c.queue.show(m)
		return &fatalError{&reasonError{"a message cannot be sent (" + why.String() + ") nor put on the dead-letter queue", r}}
	}
	if !c.definition.useDeadLetter {
		return refuse(why)
	}
	q, r := c.qm.deadLetterQueue()
	if r != mqrc.None {
		return refuse(r)
	}
	dead := c.qm.bury(m, to, why)
	if r := q.put(dead, putting); r != mqrc.None {
		dead.body.release()
		return refuse(r)
	}
	if r := c.qm.log.write([]*message{dead}, []*message{m}); r != mqrc.None {
		q.remove(dead)
		dead.body.release()
		return refuse(r)
	}
	q.show(dead)
	c.queue.remove(m)
	m.body.release()
	return nil
}
