package mqtest

import (
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// batch sends up to BATCHSZ messages, of which first is one, and has the receiver commit them. Fast non-persistent
// messages are not part of it: they are off the queue before they are sent, and the receiver shows them at once. So
// they overtake the others, and are gone if the connection breaks.
func (c *conversation) batch(first *message) error {
	var held []*message
	sequence := c.qm.syncState(syncKey{channel: c.name}).Sequence
	until, stop := optionalTimer(c.qm.milliseconds(c.definition.batchInterval))
	defer stop()
	for m, n := first, 1; m != nil; n++ {
		inBatch, err := c.send(m, following(sequence, c.definition.wrap))
		if inBatch {
			held = append(held, m)
			sequence = following(sequence, c.definition.wrap)
		}
		if err == nil && n < c.agreed.batchSize {
			m, err = c.more(until, len(held) > 0)
		} else {
			m = nil
		}
		if err != nil {
			c.giveBack(held)
			return err
		}
	}
	if len(held) == 0 {
		return nil
	}
	return c.confirm(held, sequence)
}

// giveBack shows the messages of a batch that was not confirmed again, in their old places. Not so those of a batch
// in doubt.
func (c *conversation) giveBack(held []*message) {
	for _, m := range held {
		c.queue.show(m)
	}
}

// more gives the next message of the batch: one that is there or, with BATCHINT, one that comes in time.
func (c *conversation) more(until <-chan time.Time, open bool) (*message, error) {
	m, err := c.take(nil)
	if m != nil || err != nil || until == nil || !open {
		return m, err
	}
	c.queue.mu.Lock()
	w := c.queue.wait(selection{})
	c.queue.mu.Unlock()
	defer func() {
		c.queue.mu.Lock()
		c.queue.leave(w)
		c.queue.mu.Unlock()
	}()
	for {
		if m, err := c.take(w); m != nil || err != nil {
			return m, err
		}
		select {
		case <-w.signal:
		case <-until:
			return nil, nil
		case <-c.nudge:
			if c.isStopping() {
				return nil, nil
			}
		case <-c.link.broken:
			return nil, c.link.err
		}
	}
}

// send sends one message. False with no error: it was a fast one, or has gone to the dead-letter queue.
func (c *conversation) send(m *message, sequence int) (inBatch bool, err error) {
	h, ok := m.unwrap()
	switch {
	case !ok:
		return false, c.deadLetterHere(m, mqconn.Address{}, xmitQMsgError)
	case len(m.body.data)-xqhLength > c.agreed.maxLength:
		return false, c.deadLetterHere(m, h.address(), mqrc.MsgTooBigForChannel)
	}
	if !m.expires.IsZero() {
		left := (time.Until(m.expires) + expiryUnit - 1) / expiryUnit
		putLong(h[:], xqhDescriptor+mdExpiry, int32(max(left, 1)))
	}
	frame := header{verb: wireChannelMessage, call: uint32(sequence)}
	head := h[:]
	if len(m.body.properties) > 0 {
		frame.flags = flagProperties
		head = append(head, 0, 0, 0, 0)
		putLong(head, xqhLength, int32(len(m.body.properties)))
		head = append(head, m.body.properties...)
	}
	if c.agreed.fast && !m.persistent {
		frame.call = 0
		c.queue.remove(m)
		defer m.body.release()
	}
	if err := c.link.send(frame, c.silence, head, m.body.data[xqhLength:]); err != nil {
		return frame.call != 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Messages++
	return frame.call != 0, nil
}

// confirm asks the receiver to commit. From before the question until the answer the batch is in doubt, durably.
func (c *conversation) confirm(held []*message, sequence int) error {
	state := c.qm.syncState(syncKey{channel: c.name})
	state.Batch, state.Doubtful, state.DoubtSequence = c.qm.newID(), true, sequence
	state.DoubtMessages = nil
	for _, m := range persistent(held) {
		if m.logged != 0 {
			state.DoubtMessages = append(state.DoubtMessages, m.logged)
		}
	}
	if r := c.qm.keepSync(state, nil, nil); r != mqrc.None {
		c.giveBack(held)
		return &reasonError{"the batch cannot be logged", r}
	}
	c.doubt = held
	c.mu.Lock()
	c.status.InDoubt = true
	c.mu.Unlock()
	if err := c.link.send(header{verb: wireChannelConfirm}, c.silence, state.Batch[:], nil); err != nil {
		return err
	}
	f, err := c.link.await(wireChannelConfirm, c.silence)
	switch {
	case err != nil:
		return err
	case f.verb == wireChannelError:
		if r := c.settleDoubt(false); r != mqrc.None { // it says that it has not committed
			return &reasonError{"the batch cannot be given back", r}
		}
		return c.refused(f)
	}
	if r := c.settleDoubt(true); r != mqrc.None {
		return &reasonError{"the messages that were sent cannot be removed", r}
	}
	return nil
}
