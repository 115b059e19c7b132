package mqtest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// A sender runs one sender channel: it waits to be started, sends, and tries again. Its goroutine lives as long as the
// queue manager.
type sender struct {
	qm    *QueueManager
	name  string
	nudge chan struct{} // capacity 1: something has changed

	mu       sync.Mutex
	wanted   wish
	stopping bool // STOP CHANNEL has not been obeyed yet
	hurry    bool // START CHANNEL: a wait between tries is over
	cut      context.CancelFunc
	reset    int // the sequence number that RESET CHANNEL gives the next message; zero: none
	settle   wishToSettle
	status   ChannelStatus

	doubt []*message // of the batch in doubt; the goroutine's
}

type wishToSettle int

const (
	leaveDoubt wishToSettle = iota
	commitDoubt
	backOutDoubt
)

// launchSenders starts the goroutine of each sender channel that has none, and lets the others look at their
// definitions again.
func (q *QueueManager) launchSenders() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	for name := range q.objects.senders {
		s := q.senders[name]
		if s == nil {
			s = &sender{qm: q, name: name, nudge: make(chan struct{}, 1), doubt: q.doubtful[name]}
			s.status = ChannelStatus{Name: name, Type: "SDR", State: ChannelInactive}
			state := q.sync[syncKey{channel: name}]
			s.status.Sequence, s.status.InDoubt = state.Sequence, state.Doubtful
			q.senders[name] = s
			q.channels.Add(1)
			go s.run()
		}
		s.wake()
	}
}

// stopSenders ends every sender channel and waits for it.
func (q *QueueManager) stopSenders() {
	for _, s := range q.senders { // complete: launchSenders adds none to a stopped queue manager
		s.cutNow()
	}
	q.channels.Wait()
}

func (s *sender) wake() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

func (s *sender) cutNow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut != nil {
		s.cut()
	}
}

// command acts on START, STOP, RESET and RESOLVE CHANNEL.
func (s *sender) command(c channelCommand) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	switch c.verb {
	case "START":
		s.wanted, s.stopping = started, false
		s.hurry = s.status.State == ChannelRetrying
	case "STOP":
		s.wanted, s.stopping = stopped, true
		if c.inactive {
			s.wanted = unasked
		}
		if c.force && s.cut != nil {
			s.cut()
		}
	case "RESET", "RESOLVE":
		return s.repair(c)
	}
	return nil
}

// repair is for a channel that does not run. The caller holds the mutex.
func (s *sender) repair(c channelCommand) error {
	switch {
	case s.status.State == ChannelRunning || s.status.State == ChannelStarting:
		return &ChannelError{Channel: s.name, Text: c.verb + " CHANNEL needs the channel to be stopped"}
	case c.verb == "RESET" && s.status.InDoubt:
		return &ChannelError{Channel: s.name, Text: "the channel is in doubt: RESOLVE CHANNEL first"}
	case c.verb == "RESOLVE" && !s.status.InDoubt:
		return &ChannelError{Channel: s.name, Text: "the channel is not in doubt"}
	case c.verb == "RESET":
		s.reset = c.sequence
	case c.commit:
		s.settle = commitDoubt
	default:
		s.settle = backOutDoubt
	}
	return nil
}

// run waits for a start, keeps the channel running until it is to end, and waits again.
func (s *sender) run() {
	defer s.qm.channels.Done()
	for s.awaitStart() {
		s.keepRunning()
	}
}

// awaitStart returns true when the channel is to run, and false when the queue manager ends.
func (s *sender) awaitStart() bool {
	for !s.qm.isEnded() {
		s.resolve()
		s.obeyStop()
		s.mu.Lock()
		wanted := s.wanted
		s.mu.Unlock()
		if wanted == started {
			return true
		}
		ready, arrived, leave := s.arrival(wanted == unasked)
		if ready {
			return true
		}
		select {
		case <-arrived:
		case <-s.nudge:
		case <-s.qm.ended:
		}
		leave()
	}
	return false
}

func (q *QueueManager) isEnded() bool {
	select {
	case <-q.ended:
		return true
	default:
		return false
	}
}

// arrival is what starts a channel by trigger: a message on its transmission queue, if that is defined with TRIGGER.
func (s *sender) arrival(triggered bool) (ready bool, arrived <-chan struct{}, leave func()) {
	_, q := s.definition()
	if !triggered || q == nil {
		return false, nil, func() {}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.attrs.triggered || q.attrs.getInhibited {
		return false, nil, func() {}
	}
	if q.find(selection{}, time.Now()) != nil {
		return true, nil, func() {}
	}
	w := q.wait(selection{})
	return false, w.signal, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.leave(w)
		q.passOn() // it takes nothing
	}
}

// definition as it is now, and the transmission queue; nil: it is none.
func (s *sender) definition() (senderChannel, *queue) {
	s.qm.mu.Lock()
	defer s.qm.mu.Unlock()
	d := s.qm.objects.senders[s.name]
	q := s.qm.objects.queues[d.transmission]
	if q != nil && !q.transmits() {
		q = nil
	}
	return d, q
}

// keepRunning connects again and again, as long as the channel is wanted and its retries last.
func (s *sender) keepRunning() {
	var tries retries
	for {
		s.resolve()
		d, q := s.definition()
		c := conversation{sender: s, definition: d, queue: q, tries: &tries}
		err := c.run()
		var fatal *fatalError
		switch {
		case s.qm.isEnded() || s.obeyStop():
			return
		case err == nil: // DISCINT is over
			s.rest(unasked, nil)
			return
		case errors.As(err, &fatal):
			s.rest(stopped, fatal.error)
			return
		}
		wait, left := tries.next(d)
		if !left {
			s.rest(stopped, err)
			return
		}
		if !s.pause(s.qm.seconds(wait), err, tries, d) {
			return
		}
	}
}

// fatalError ends a channel that would fail in the same way the next time.
type fatalError struct{ error }

// isStopping says that STOP CHANNEL waits to be obeyed.
func (s *sender) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// obeyStop comes to rest if STOP CHANNEL says so.
func (s *sender) obeyStop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		return false
	}
	s.stopping = false
	s.status.State, s.status.Err = restState(s.wanted), nil
	return true
}

// rest leaves the channel as it is until it is started again.
func (s *sender) rest(wanted wish, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = wanted
	s.status.State, s.status.Err = restState(wanted), err
}

func restState(wanted wish) ChannelState {
	if wanted == stopped {
		return ChannelStopped
	}
	return ChannelInactive
}

// retries counts the tries since the channel ran last.
type retries struct{ short, long int }

// next is the wait before the next try, in seconds; false: there is none left.
func (r *retries) next(d senderChannel) (int, bool) {
	switch {
	case r.short < d.shortRetries:
		r.short++
		return d.shortTimer, true
	case r.long < d.longRetries:
		r.long++
		return d.longTimer, true
	default:
		return 0, false
	}
}

// pause waits between two tries; START CHANNEL ends it. False: the channel is not to go on.
func (s *sender) pause(wait time.Duration, why error, r retries, d senderChannel) bool {
	s.mu.Lock()
	s.status.State, s.status.Err = ChannelRetrying, why
	s.status.ShortLeft, s.status.LongLeft = d.shortRetries-r.short, d.longRetries-r.long
	s.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for !s.qm.isEnded() && !s.obeyStop() {
		s.resolve()
		if s.hurried() {
			return true
		}
		select {
		case <-timer.C:
			return true
		case <-s.nudge:
		case <-s.qm.ended:
		}
	}
	return false
}

func (s *sender) hurried() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	hurry := s.hurry
	s.hurry = false
	return hurry
}

// resolve settles a batch in doubt by command, without the other side.
func (s *sender) resolve() {
	s.mu.Lock()
	what := s.settle
	s.settle = leaveDoubt
	s.mu.Unlock()
	if what != leaveDoubt {
		_ = s.settleDoubt(what == commitDoubt) // not durable: still in doubt, and status says so
	}
}

// settleDoubt removes the messages of the batch in doubt, or gives them back.
func (s *sender) settleDoubt(committed bool) mqrc.Reason {
	state := s.qm.syncState(syncKey{channel: s.name})
	next := syncState{Channel: s.name, Sequence: state.Sequence}
	var gets []*message
	if committed {
		next.Sequence, gets = state.DoubtSequence, s.doubt
	}
	if r := s.qm.keepSync(next, nil, gets); r != mqrc.None {
		return r
	}
	for _, m := range s.doubt {
		if committed {
			m.queue.remove(m)
			m.body.release()
		} else {
			m.queue.show(m)
		}
	}
	s.doubt = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.InDoubt, s.status.Sequence = false, next.Sequence
	if committed {
		s.status.Batches++
	}
	return mqrc.None
}
