package stress

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mqha/mqha/mqconn"
)

const (
	queue = "WORK"
	// backoutShare of the units of work are backed out on purpose.
	backoutShare = 0.2
	// longestUnit is how many messages a unit of work has at the most.
	longestUnit = 5
	// enough messages on their way are as many as a producer does not add to.
	enough = 400
	// patience is how long a consumer waits before it looks whether all is done.
	patience = 200 * time.Millisecond
)

// worker is a producer or a consumer.
type worker struct {
	number  int
	ledger  *ledger
	random  *rand.Rand
	credit  chan struct{} // a token for each message that may be on its way
	stop    <-chan struct{}
	last    int
	pending []identity // a producer's, to be put until that is certain
	again   bool       // a commit of pending has failed
}

// follow works in one session after another.
func (w *worker) follow(ctx context.Context, d mqconn.Dialer, endpoint, role string, work func(context.Context, *mqconn.Conn) error) error {
	connector, err := mqconn.New(mqconn.Config{Dialer: d, Endpoints: []string{endpoint}, Repeatable: true, Max: 100 * time.Millisecond})
	if err != nil {
		return err
	}
	err = connector.Run(ctx, func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, role, true)
		if err != nil {
			return err
		}
		return work(ctx, conn)
	})
	if stuck := connector.Status().Stuck; stuck != 0 {
		err = errors.Join(err, fmt.Errorf("%d calls are stuck", stuck))
	}
	if err != nil {
		return fmt.Errorf("%s %d: %w", role, w.number, err)
	}
	return nil
}

func (w *worker) backsOut() bool { return w.random.Float64() < backoutShare }

// produce puts until stop is closed and nothing is pending.
func (w *worker) produce(ctx context.Context, c *mqconn.Conn) error {
	for {
		if len(w.pending) == 0 && !w.next(ctx) {
			return context.Cause(ctx) // nil after stop
		}
		if err := put(ctx, c, w.pending); err != nil {
			return err // nothing of it counts
		}
		if w.backsOut() {
			w.regret()
			if err := c.Backout(ctx); err != nil {
				return err
			}
			continue
		}
		done, err := w.commit(ctx, c, unit{Put: w.pending})
		if done {
			w.pending = nil
		}
		w.again = !done
		if err != nil {
			return err
		}
	}
}

// regret forgets what is backed out, unless an earlier commit of the same may have been made.
func (w *worker) regret() {
	if w.again {
		w.ledger.BackedOut(nil)
		return
	}
	w.ledger.BackedOut(w.pending)
	w.giveCredit(len(w.pending))
	w.pending = nil
}

// next makes up messages that are not there yet. It returns false when there are to be no more.
func (w *worker) next(ctx context.Context) bool {
	for range 1 + w.random.IntN(longestUnit) {
		select {
		case <-w.stop:
			w.giveCredit(len(w.pending))
			w.pending = nil
			return false
		case <-ctx.Done():
			return false
		case <-w.credit:
			w.last++
			w.pending = append(w.pending, identity{w.number, w.last})
		}
	}
	return true
}

// giveCredit never waits: what was delivered twice gives credit twice.
func (w *worker) giveCredit(n int) {
	for range n {
		select {
		case w.credit <- struct{}{}:
		default:
		}
	}
}

func put(ctx context.Context, c *mqconn.Conn, ids []identity) error {
	for _, id := range ids {
		m := mqconn.Message{Body: encode(id), Persistent: true}
		if err := c.Put(ctx, mqconn.Address{Queue: queue}, &m); err != nil {
			return err
		}
	}
	return nil
}

// commit enters the commit of u. It was done, and counts, if it was answered.
func (w *worker) commit(ctx context.Context, c *mqconn.Conn, u unit) (done bool, err error) {
	u.Worker = w.number
	err = c.Commit(ctx)
	var e *mqconn.Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.Class == mqconn.OutcomeUnknown:
		u.Outcome = unknown
	default:
		return false, err // it was not made: the connection had ended before, or 2003
	}
	w.ledger.Add(u)
	return err == nil, err
}

// consume gets until stop is closed and there is nothing any more.
func (w *worker) consume(ctx context.Context, c *mqconn.Conn) error {
	for {
		got, err := w.get(ctx, c, 1+w.random.IntN(longestUnit))
		if err != nil {
			return err
		}
		switch {
		case len(got) == 0:
			select {
			case <-w.stop:
				return nil
			default:
			}
		case w.backsOut():
			w.ledger.BackedOut(nil)
			if err := c.Backout(ctx); err != nil {
				return err
			}
		default:
			_, err := w.commit(ctx, c, unit{Got: got})
			w.giveCredit(len(got))
			if err != nil {
				return err
			}
		}
	}
}

func (w *worker) get(ctx context.Context, c *mqconn.Conn, n int) (got []identity, err error) {
	var m mqconn.Message
	for len(got) < n {
		err := c.Get(ctx, queue, &m, mqconn.GetOptions{Wait: patience})
		if errors.Is(err, mqconn.ErrNoMessage) {
			break
		}
		if err != nil {
			return nil, err
		}
		id, err := decode(m.Body)
		if err != nil {
			return nil, err
		}
		w.ledger.Saw(id)
		got = append(got, id)
	}
	return got, nil
}

const bodyLength = 1 << 10

func encode(id identity) []byte {
	b := make([]byte, bodyLength)
	binary.BigEndian.PutUint32(b, uint32(id.Producer))
	binary.BigEndian.PutUint32(b[bodyLength-4:], uint32(id.Number))
	return b
}

func decode(b []byte) (identity, error) {
	if len(b) != bodyLength {
		return identity{}, fmt.Errorf("a message of %d bytes", len(b))
	}
	return identity{int(binary.BigEndian.Uint32(b)), int(binary.BigEndian.Uint32(b[bodyLength-4:]))}, nil
}
