package mqtest

import (
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// A receiver is one connection of a receiver channel, from one queue manager.
type receiver struct {
	*link
	key        syncKey
	definition receiverChannel
	mca        *session // puts, and holds the batch as its unit of work
	agreed     channelAnswer
	silence    time.Duration
	sequence   int // of the last message of the open batch
	status     *ChannelStatus

	cutOnce sync.Once
	cut     chan struct{} // closed when the channel is to end
	over    chan struct{} // closed when it has
}

// end breaks the connection.
func (r *receiver) end() {
	r.cutOnce.Do(func() {
		close(r.cut)
		_ = r.conn.Close()
	})
}

// endReceivers ends every connection of a receiver channel and waits for that.
func (q *QueueManager) endReceivers(name string) {
	q.mu.Lock()
	var all []*receiver
	for key, r := range q.receivers {
		if key.channel == name {
			all = append(all, r)
		}
	}
	q.mu.Unlock()
	for _, r := range all {
		r.end()
		<-r.over
	}
}

// receiveChannel serves a queue manager that sends. The link has read the header of its first frame.
func (l *link) receiveChannel(h header) {
	b := make([]byte, channelOpenLength)
	if h.rest() != channelOpenLength {
		return
	}
	if _, err := readInto(l.reader, h.rest(), b); err != nil {
		return
	}
	var open channelOpen
	open.read(b)
	r, reason := l.admitChannel(open)
	if reason != mqrc.None {
		l.refuse(h, reason)
		return
	}
	defer r.leave()
	if reason := r.agree(open); reason != mqrc.None {
		l.refuse(h, reason)
		return
	}
	if r.write(h, mqrc.None, r.agreed.append(nil)) != nil {
		return
	}
	r.run()
}

// admitChannel makes a receiver and puts it into the place of an earlier one for the same sender: that one's
// connection is broken, or else the sender would not have called again (AdoptMCA). It has ended before the
// new one looks at what was committed.
func (l *link) admitChannel(open channelOpen) (*receiver, mqrc.Reason) {
	q := l.qm
	key := syncKey{channel: open.channel, partner: open.queueManager, receiver: true}
	for {
		q.mu.Lock()
		definition, defined := q.objects.receivers[open.channel]
		earlier := q.receivers[key]
		switch {
		case !defined:
			q.mu.Unlock()
			return nil, mqrc.UnknownChannelName
		case definition.stopped:
			q.mu.Unlock()
			return nil, mqrc.ChannelNotAvailable
		case q.stopped || q.quiescing():
			q.mu.Unlock()
			return nil, mqrc.QMgrQuiescing
		case earlier == nil:
			defer q.mu.Unlock()
			return l.enterChannel(key, definition), mqrc.None
		}
		q.mu.Unlock()
		earlier.end()
		<-earlier.over
	}
}

// enterChannel is called with the queue manager's mutex held.
func (l *link) enterChannel(key syncKey, definition receiverChannel) *receiver {
	r := &receiver{
		link: l, key: key, definition: definition, mca: l.qm.channelSession(key.channel),
		cut: make(chan struct{}), over: make(chan struct{}),
	}
	r.status = l.qm.received[key]
	if r.status == nil {
		r.status = new(ChannelStatus)
		l.qm.received[key] = r.status
	}
	r.status.State, r.status.Err = ChannelStarting, nil
	r.status.Connections++
	l.qm.receivers[key] = r
	return r
}

// leave backs out what is not committed.
func (r *receiver) leave() {
	r.mca.unit.backOut(r.qm)
	r.note(func(s *ChannelStatus) { s.State = ChannelInactive })
	r.qm.mu.Lock()
	delete(r.qm.receivers, r.key)
	r.qm.mu.Unlock()
	close(r.over)
}

func (r *receiver) note(change func(*ChannelStatus)) {
	r.qm.mu.Lock()
	defer r.qm.mu.Unlock()
	change(r.status)
}

// agree takes the smaller of each, and says where this side is.
func (r *receiver) agree(open channelOpen) mqrc.Reason {
	state := r.qm.syncState(r.key)
	if open.reset {
		state.Sequence = open.sequence
		if reason := r.qm.keepSync(state, nil, nil); reason != mqrc.None {
			return reason
		}
	}
	d := r.definition
	r.sequence = state.Sequence
	r.silence = r.qm.silence(d.heartbeat)
	r.agreed = channelAnswer{
		queueManager: r.qm.name, batchSize: min(d.batchSize, open.batchSize), fast: d.fast && open.fast,
		maxLength: min(r.qm.longest(d.maxLength), open.maxLength), sequence: state.Sequence, batch: state.Batch,
	}
	return mqrc.None
}

func (r *receiver) write(h header, reason mqrc.Reason, arguments []byte) error {
	h.length, h.version, h.reason, h.completion = uint32(headerLength+len(arguments)), protocolVersion, reason, completion(reason)
	h.flags = 0
	if r.silence > 0 {
		_ = r.conn.SetWriteDeadline(time.Now().Add(r.silence))
	}
	return writeFrame(r.conn, append(h.append(nil), arguments...), nil)
}

// run takes messages until the connection ends.
func (r *receiver) run() {
	r.note(func(s *ChannelStatus) { s.State = ChannelRunning })
	for {
		if r.silence > 0 {
			_ = r.conn.SetReadDeadline(time.Now().Add(r.silence))
		} else {
			_ = r.conn.SetReadDeadline(time.Time{})
		}
		if r.qm.isEnded() {
			return // hangUp may have come before the deadline just set
		}
		h, err := readHeader(r.reader)
		if err != nil {
			return
		}
		if err := r.next(h); err != nil {
			return
		}
	}
}

func (r *receiver) next(h header) error {
	switch h.verb {
	case wireChannelMessage:
		reason, err := r.take(h)
		if err == nil && reason != mqrc.None {
			return r.fail(reason)
		}
		return err
	case wireChannelConfirm:
		return r.commit(h)
	case wireHeartbeat:
		if h.rest() != 0 {
			return &frameError{"a heartbeat has no arguments"}
		}
		return r.write(h, mqrc.None, nil)
	default:
		return &frameError{"unknown verb"}
	}
}

// commit makes the batch durable together with its name, and only then says so.
func (r *receiver) commit(h header) error {
	state := r.qm.syncState(r.key)
	if h.rest() != idLength {
		return &frameError{"a batch without a name"}
	}
	if _, err := readInto(r.reader, h.rest(), state.Batch[:]); err != nil {
		return err
	}
	state.Sequence = r.sequence
	if reason := r.mca.unit.commitSync(r.qm, state); reason != mqrc.None {
		return fmt.Errorf("commit: %s", reason) // nobody knows whether it is durable: the sender stays in doubt
	}
	r.note(func(s *ChannelStatus) { s.Batches++ })
	return r.write(h, mqrc.None, nil)
}

// fail tells the sender why the channel ends, and then waits for it to hang up: what it sends meanwhile must not make
// the system throw the explanation away with the connection.
func (r *receiver) fail(reason mqrc.Reason) error {
	r.mca.unit.backOut(r.qm)
	r.note(func(s *ChannelStatus) {
		s.Err = &ChannelError{Channel: r.key.channel, Reason: reason, Text: "a message could be put neither to its queue nor to a dead-letter queue"}
	})
	if err := r.write(header{verb: wireChannelError}, reason, nil); err != nil {
		return err
	}
	_ = r.conn.SetReadDeadline(time.Now().Add(leastSilence))
	_, _ = io.Copy(io.Discard, r.reader)
	return net.ErrClosed
}

// take reads one message and puts it.
func (r *receiver) take(h header) (mqrc.Reason, error) {
	var head xqh
	left, err := readInto(r.reader, h.rest(), head[:])
	if err != nil {
		return 0, err
	}
	if !head.valid() {
		return 0, &frameError{"a message without a header"}
	}
	b, err := r.readBody(h, left)
	if err != nil {
		return 0, err
	}
	if len(b.data) > r.agreed.maxLength {
		b.release()
		return 0, &frameError{"a message is longer than was agreed"}
	}
	fast := h.call == 0
	if !fast {
		if int(h.call) != following(r.sequence, r.definition.wrap) {
			b.release()
			return 0, &frameError{"a message is missing"}
		}
		r.sequence = int(h.call)
	}
	m := &message{md: head.descriptor(), body: b}
	m.persistent = getLong(m.md[:], mdPersistence) == 1
	if e := getLong(m.md[:], mdExpiry); e > 0 {
		m.expires = time.Now().Add(time.Duration(e) * expiryUnit)
	}
	r.note(func(s *ChannelStatus) { s.Messages++ })
	reason, err := r.put(m, head.address(), !fast)
	if err == nil && reason == mqrc.None {
		return reason, nil
	}
	b.release()
	if err != nil {
		return reason, err
	}
	if fast {
		return mqrc.None, nil // lost, as a fast message may be
	}
	return reason, nil
}

// put puts a message to its queue, which may again be on the way to another queue manager; after MRRTY tries to the
// dead-letter queue. A channel that is to end while it waits between two tries has not failed to put: the sender keeps
// the message and comes again.
func (r *receiver) put(m *message, to mqconn.Address, syncpoint bool) (mqrc.Reason, error) {
	reason := r.try(m, to, syncpoint)
	for n := 0; n < r.definition.retries && (reason == mqrc.QFull || reason == mqrc.PutInhibited); n++ {
		if !r.pause() {
			return reason, net.ErrClosed
		}
		reason = r.try(m, to, syncpoint)
	}
	if reason == mqrc.None || !r.definition.useDeadLetter {
		return reason, nil
	}
	if r.mca.deadLetter(m, to, reason, syncpoint) == mqrc.None {
		return mqrc.None, nil
	}
	return reason, nil
}

func (r *receiver) try(m *message, to mqconn.Address, syncpoint bool) mqrc.Reason {
	t, reason := r.qm.target(to, ooOutput)
	if reason != mqrc.None {
		return reason
	}
	return r.mca.deliver(t, m, syncpoint)
}

// pause waits for MRTMR and tells the sender now and then that this side is alive. False: the channel is to end.
func (r *receiver) pause() bool {
	r.note(func(s *ChannelStatus) { s.State = ChannelPaused })
	defer r.note(func(s *ChannelStatus) { s.State = ChannelRunning })
	wait := r.qm.milliseconds(r.definition.retryTimer)
	for wait > 0 {
		slice := min(wait, leastSilence/3)
		wait -= slice
		if r.write(header{verb: wireHeartbeat}, mqrc.None, nil) != nil {
			return false
		}
		timer := time.NewTimer(slice)
		select {
		case <-timer.C:
		case <-r.cut:
			timer.Stop()
			return false
		case <-r.qm.ended:
			timer.Stop()
			return false
		}
	}
	return true
}
