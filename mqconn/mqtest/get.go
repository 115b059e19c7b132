package mqtest

import (
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// get gives the message's body with a reference that the caller releases; limit is the length of the
// caller's buffer. d and o are filled in as by MQGET. With 2080 the body is given too, for its
// length alone, and the message stays.
//
// A message that comes while the get waits may be put straight into memory, which the body then is; nil: it may not.
// beforeWait is called when the message is not there and the get begins to wait; nil: nothing is.
func (s *session) get(number int32, d *md, o *gmo, limit int, memory []byte, beforeWait func()) (*body, mqrc.Reason) {
	var b *body
	r := s.call(mqconn.VerbGet, number, "", func() mqrc.Reason {
		h := s.handles[number]
		switch {
		case h == nil:
			return mqrc.HObjError
		case o.browses() && h.options&ooBrowse == 0:
			return notOpenForBrowse
		case !o.browses() && !h.input:
			return mqrc.NotOpenForInput
		case !o.valid():
			return mqrc.OptionsError
		case getLong(o[:], gmoMatchOptions)&^moKnown != 0:
			return matchOptionsError
		case o.options()&(gmoSyncpoint|gmoSyncpointIfPersistent) != 0 && s.full():
			return mqrc.SyncpointLimitReached
		}
		g := retrieval{session: s, handle: h, options: o.options(), selection: o.selection(d), limit: limit, memory: memory}
		m, r := g.run(o, beforeWait)
		if m != nil {
			b = m.body
			g.describe(m, d, o)
		}
		return r
	})
	if b != nil && r != mqrc.None && r != mqrc.TruncatedMsgAccepted && r != mqrc.TruncatedMsgFailed {
		b.release()
		b = nil
	}
	return b, r
}

// retrieval is one MQGET under way.
type retrieval struct {
	*session
	handle    *handle
	options   int32
	selection selection
	limit     int
	memory    []byte
}

// run looks, waits and looks again.
func (g *retrieval) run(o *gmo, beforeWait func()) (*message, mqrc.Reason) {
	q := g.handle.queue
	defer g.reportExpired(q)
	q.mu.Lock()
	m, r := g.look()
	if r != mqrc.NoMsgAvailable || g.options&gmoWait == 0 {
		q.mu.Unlock()
		return g.settle(m, r)
	}
	w := q.wait(g.selection)
	w.memory = g.takesInto()
	q.mu.Unlock()
	g.reportExpired(q)
	if beforeWait != nil {
		beforeWait()
	}

	timeout, stop := o.timeout()
	defer stop()
	for {
		var over mqrc.Reason
		signalled := false
		select {
		case <-w.signal:
			signalled = true
			if g.gone != nil && g.gone() {
				over = mqrc.ConnectionBroken
			}
		case <-timeout:
			over = mqrc.NoMsgAvailable
		case <-g.done:
			over = g.endReason()
		case <-g.qm.quiesced.wait():
			over = mqrc.QMgrQuiescing
		case <-g.qm.stopping:
			over = mqrc.QMgrStopping
		}
		q.mu.Lock()
		if w.given != nil {
			q.mu.Unlock()
			return w.received(signalled), mqrc.None
		}
		m, r = nil, over
		if over == mqrc.None || over == mqrc.NoMsgAvailable {
			m, r = g.look()
		}
		if over == mqrc.None && r == mqrc.NoMsgAvailable {
			w.woken = false
			q.passOn()
			q.mu.Unlock()
			continue
		}
		q.leave(w)
		if w.woken && m == nil {
			q.passOn()
		}
		q.mu.Unlock()
		return g.settle(m, r)
	}
}

// look takes or browses what is there now. The caller holds the queue's mutex. Every message that it
// gives has a reference for the caller on its body.
func (g *retrieval) look() (*message, mqrc.Reason) {
	q := g.handle.queue
	switch {
	case !g.alive():
		return nil, mqrc.ConnectionBroken
	case g.options&gmoFailQuiescing != 0 && g.qm.quiescing():
		return nil, mqrc.QMgrQuiescing
	case q.attrs.getInhibited:
		return nil, mqrc.GetInhibited
	}
	now := time.Now()
	var m *message
	if g.options&gmoBrowse != 0 {
		if g.options&gmoBrowseFirst != 0 {
			g.handle.cursor = cursor{}
		}
		m = q.browse(&g.handle.cursor, g.selection, now)
	} else {
		m = q.find(g.selection, now)
	}
	if m == nil {
		return nil, mqrc.NoMsgAvailable
	}
	m.body.retain()
	r := mqrc.None
	if len(m.body.data) > g.maxLength { // the channel cannot carry it, whatever the buffer
		m.body.release()
		return nil, mqrc.DataLengthError
	}
	if len(m.body.data) > g.limit {
		if r = mqrc.TruncatedMsgFailed; g.options&gmoAcceptTruncated != 0 {
			r = mqrc.TruncatedMsgAccepted
		}
	}
	if g.options&gmoBrowse == 0 && r != mqrc.TruncatedMsgFailed {
		q.hold(m)
	}
	return m, r
}

// settle decides what becomes of a message that look has held: part of the unit of work, or off the
// queue for good, which for a persistent message must be durable before the client has it.
func (g *retrieval) settle(m *message, r mqrc.Reason) (*message, mqrc.Reason) {
	if m == nil || g.options&gmoBrowse != 0 || r == mqrc.TruncatedMsgFailed {
		return m, r
	}
	if g.options&gmoSyncpoint != 0 || g.options&gmoSyncpointIfPersistent != 0 && m.persistent {
		g.unit.gets = append(g.unit.gets, m)
		g.report(m, confirmDelivery, true)
		return m, r
	}
	if failed := g.qm.log.write(nil, []*message{m}); failed != mqrc.None {
		m.queue.show(m)
		m.body.release()
		return nil, failed
	}
	m.queue.remove(m)
	g.report(m, confirmDelivery, false)
	m.body.release() // the queue's own reference; the caller has another
	return m, r
}

// describe fills in the client's descriptors.
func (g *retrieval) describe(m *message, d *md, o *gmo) {
	m.queue.mu.Lock()
	*d = m.md // under the mutex, because a backout counts in it
	m.queue.mu.Unlock()
	if !m.expires.IsZero() {
		left := (time.Until(m.expires) + expiryUnit - 1) / expiryUnit
		putLong(d[:], mdExpiry, int32(max(left, 1)))
	}
	putText(o[:], gmoResolvedQ, queueNameLength, m.queue.name)
	putLong(o[:], gmoReturnedLength, int32(min(len(m.body.data), g.limit)))
}

// valid applies IBM MQ's "Rules for validating MQI options". What browses is in no unit of work.
func (o *gmo) valid() bool {
	options := o.options()
	units := options & (gmoSyncpoint | gmoNoSyncpoint | gmoSyncpointIfPersistent)
	switch {
	case options&^gmoKnown != 0, units&(units-1) != 0, options&gmoBrowse == gmoBrowse:
		return false
	}
	return !o.browses() || units&^gmoNoSyncpoint == 0
}

func (o *gmo) browses() bool { return o.options()&gmoBrowse != 0 }

func (o *gmo) selection(d *md) (s selection) {
	match := getLong(o[:], gmoMatchOptions)
	if match&moMatchMsgID != 0 {
		s.id = d.id(mdMsgID)
	}
	if match&moMatchCorrelID != 0 {
		s.correlation = d.id(mdCorrelID)
	}
	return s
}

// timeout is a channel that fires after the wait interval, never for MQWI_UNLIMITED.
func (o *gmo) timeout() (fired <-chan time.Time, stop func() bool) {
	wait := getLong(o[:], gmoWaitInterval)
	if wait == waitUnlimited {
		return nil, func() bool { return false }
	}
	t := time.NewTimer(time.Duration(wait) * time.Millisecond)
	return t.C, t.Stop
}
