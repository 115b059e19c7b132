package mqconn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// PoisonOptions configure a Poison.
type PoisonOptions struct {
	// Queue gets the messages that failed too often. Required.
	Queue Address
	// Threshold is how often a message is given to the program; when it comes back after that, it is moved. Default
	// 5; negative: never. IBM MQ calls this BOTHRESH, and Queue BOQNAME.
	Threshold int
	// Journal is the file in which the attempts at each message are kept for transports that cannot tell the backout
	// count (Info.BackoutCount), such as jms20. It belongs to one process at a time; instances on several machines
	// need it on a disk that moves with them, or each counts by itself. Empty: attempts are counted in memory, and a
	// message that ends the process every time is never moved.
	Journal string
}

// Poison moves messages that fail again and again out of the way of those behind them. A message fails when the unit of
// work that it was got in is backed out, or when the program ends before it commits.
//
// Where the queue manager counts, a lost connection counts as well, because it backs out like everything else; where
// the Journal counts, it does not.
//
// One Poison serves the queues of one Connector, over all its Sessions. It may be used by several goroutines.
type Poison struct {
	options  PoisonOptions
	attempts *attempts
}

const defaultThreshold = 5

// errNotTransacted is for a get that takes the message away for good: there is nothing that could fail again.
var errNotTransacted = errors.New("mqconn: a poison message can be moved on a transacted connection only")

// NewPoison reads the Journal, or makes it.
func NewPoison(o PoisonOptions) (*Poison, error) {
	if o.Queue.Queue == "" {
		return nil, errors.New("mqconn: PoisonOptions.Queue is missing")
	}
	if o.Threshold == 0 {
		o.Threshold = defaultThreshold
	}
	a, err := openAttempts(o.Journal)
	if err != nil {
		return nil, fmt.Errorf("mqconn: poison journal: %w", err)
	}
	return &Poison{options: o, attempts: a}, nil
}

// Get is conn.Get on a transacted connection, except that it moves messages that failed too often to the poison queue
// and goes on to the next. The move is a part of the unit of work that is open, or is committed at once where none is.
// The message there has the same body, persistence, priority and reply-to queue, and the old message identifier as
// its correlation identifier unless it had one. It does not ask for reports of arrival and delivery any more.
//
// An error is as that of conn.Get, or says why the message could not be moved: full, inhibited or missing is the
// poison queue then, which is named in it, and the message is where it was unless a unit of work was open, which has to
// be backed out. It will come again; wait before the next call.
//
// A Journal that cannot be written to does not stop the work: an event says so (PoisonFailed), and counts go on in memory.
// A disk that hangs holds this call up, but not the end of the connection.
func (p *Poison) Get(ctx context.Context, conn *Conn, queue string, m *Message, o GetOptions) error {
	if !conn.transacted {
		return errNotTransacted
	}
	begun := time.Now()
	wait := o.Wait
	for {
		open := conn.watch(p)
		if err := conn.Get(ctx, queue, m, o); err != nil {
			return err
		}
		failed := p.failures(conn, queue, m)
		if p.options.Threshold < 0 || failed < p.options.Threshold {
			return nil
		}
		if err := p.move(ctx, conn, queue, m, failed, open); err != nil {
			return err
		}
		if wait > 0 {
			o.Wait = max(0, wait-time.Since(begun))
		}
	}
}

// failures says how often m has failed before, and counts that it is tried again.
func (p *Poison) failures(conn *Conn, queue string, m *Message) int {
	if conn.info.BackoutCount || p.options.Threshold < 0 {
		return m.BackoutCount
	}
	failed := p.attempts.begin(conn, m.ID, p.options.Threshold)
	if conn.over() { // after the get and before the count: nobody else ends this attempt
		p.attempts.ended(conn, conn.fate())
	}
	if err := p.attempts.flush(); err != nil {
		conn.session.say(Event{Kind: PoisonFailed, Queue: queue, MessageID: m.ID, Err: err})
	}
	return failed
}

// confirmations are MQRO_COA and MQRO_COD, each also with data or full data. The message has arrived, and was delivered: its
// sender is not told so again of the move.
const confirmations Report = 0x3f00

func (p *Poison) move(ctx context.Context, conn *Conn, queue string, m *Message, failed int, open bool) error {
	copied := *m
	if copied.CorrelationID == (ID{}) {
		copied.CorrelationID = m.ID
	}
	copied.Report &^= confirmations
	id := m.ID
	err := conn.Put(ctx, p.options.Queue, &copied)
	if err == nil && !open {
		err = conn.once(ctx, call{op: opCommit, atomic: true})
	}
	if err == nil {
		conn.session.say(Event{Kind: PoisonMoved, Queue: queue, To: p.options.Queue.Queue, MessageID: id, Attempt: failed})
		return nil
	}
	conn.session.say(Event{Kind: PoisonFailed, Queue: queue, MessageID: id, Err: err})
	var e *Error
	if !open && errors.As(err, &e) && !e.EndsSession() {
		return errors.Join(err, conn.Backout(ctx))
	}
	return err
}

// Close closes the Journal, when no Get is under way.
func (p *Poison) Close() error {
	return errors.Join(p.attempts.flush(), p.attempts.close())
}
