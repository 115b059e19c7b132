package mqtest

import (
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// A target is where a put goes: a queue, and a route if that is only the way to a queue elsewhere.
type target struct {
	queue *queue
	route *route // nil: the message stays on queue
}

// A route leads to a queue of another queue manager.
type route struct {
	to            mqconn.Address
	definition    string // the QREMOTE that it came from; empty: none
	defPersistent bool
	defPriority   int
}

// target finds what a name stands for (IBM MQ, "Queue name resolution").
func (q *QueueManager) target(a mqconn.Address, options int32) (target, mqrc.Reason) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.objects.target(q.name, a, options)
}

// resolve finds the local queue that an address stands for.
func (q *QueueManager) resolve(a mqconn.Address, options int32) (*queue, mqrc.Reason) {
	t, r := q.target(a, options)
	return t.queue, r
}

func (o *objects) target(own string, a mqconn.Address, options int32) (target, mqrc.Reason) {
	if a.QueueManager != "" && a.QueueManager != own {
		return o.elsewhere(own, a, options)
	}
	name := a.Queue
	if base, ok := o.aliases[name]; ok && o.queues[name] == nil {
		if _, remote := o.remotes[base]; !remote && o.queues[base] == nil {
			return target{}, mqrc.UnknownAliasBaseQ
		}
		name = base
	}
	if local := o.queues[name]; local != nil {
		return target{queue: local}, mqrc.None
	}
	remote, ok := o.remotes[name]
	switch {
	case !ok:
		return target{}, mqrc.UnknownObject
	case options&onlyLocal != 0:
		return target{}, wrongOption
	case remote.queue == "":
		return target{}, mqrc.RemoteQNameError
	case remote.queueManager == "" || remote.queueManager == own: // also where XMITQ is given
		return target{}, mqrc.UnknownRemoteQMgr
	}
	transmission, r := o.transmission(remote.queueManager, remote.transmission)
	return target{transmission, &route{
		to:         mqconn.Address{QueueManager: remote.queueManager, Queue: remote.queue},
		definition: name, defPersistent: remote.defPersistent, defPriority: remote.defPriority,
	}}, r
}

// onlyLocal are the options that a queue elsewhere cannot be opened with. IBM MQ inquires about the local definition
// of a remote queue; this queue manager does not.
const onlyLocal = ooInput | ooBrowse | ooInquire | ooSet

// elsewhere resolves a name at another queue manager, which may be an alias of one: a QREMOTE without RNAME.
func (o *objects) elsewhere(own string, a mqconn.Address, options int32) (target, mqrc.Reason) {
	alias, aliased := o.remotes[a.QueueManager]
	switch {
	case options&onlyLocal != 0:
		return target{}, wrongOption
	case a.Queue == "":
		return target{}, mqrc.RemoteQNameError
	case aliased && (alias.queue != "" || alias.queueManager == ""):
		return target{}, mqrc.UnknownRemoteQMgr
	case aliased && alias.queueManager == own:
		return o.target(own, mqconn.Address{Queue: a.Queue}, options)
	case aliased:
		a.QueueManager = alias.queueManager
	}
	transmission, r := o.transmission(a.QueueManager, alias.transmission)
	if r != mqrc.None {
		return target{}, r
	}
	transmission.mu.Lock()
	defer transmission.mu.Unlock()
	return target{transmission, &route{
		to: a, defPersistent: transmission.attrs.defPersistent, defPriority: transmission.attrs.defPriority,
	}}, mqrc.None
}

// transmission finds the transmission queue to a queue manager: the one that a definition names, the one named as the
// queue manager, or DEFXMITQ.
func (o *objects) transmission(queueManager, named string) (*queue, mqrc.Reason) {
	missing, wrongType, wrongUsage := mqrc.UnknownXmitQ, mqrc.XmitQTypeError, mqrc.XmitQUsageError
	switch {
	case named != "":
	case o.queues[queueManager] != nil:
		named = queueManager
	case o.defaultTransmission == "":
		return nil, mqrc.UnknownRemoteQMgr
	default:
		named = o.defaultTransmission
		missing, wrongType, wrongUsage = mqrc.UnknownDefXmitQ, mqrc.DefXmitQTypeError, mqrc.DefXmitQUsageError
	}
	q := o.queues[named]
	switch {
	case q == nil && o.otherwise(named):
		return nil, wrongType
	case q == nil:
		return nil, missing
	case !q.transmits():
		return nil, wrongUsage
	}
	return q, mqrc.None
}

func (q *queue) transmits() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.attrs.transmission
}

// inhibited says that the QREMOTE which a route came from does not take messages now.
func (q *QueueManager) inhibited(r *route) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.objects.remotes[r.definition].putInhibited
}

// deliver puts m on its target and takes over the body if that succeeds.
func (s *session) deliver(t target, m *message, syncpoint bool) mqrc.Reason {
	if t.route == nil {
		r := s.place(t.queue, m, syncpoint)
		if r == mqrc.None {
			s.report(m, confirmArrival, syncpoint)
		}
		s.reportExpired(t.queue) // what had to make room
		return r
	}
	if s.qm.inhibited(t.route) {
		return mqrc.PutInhibited
	}
	wrapped := s.qm.wrap(t.route, m)
	if r := s.place(t.queue, wrapped, syncpoint); r != mqrc.None {
		wrapped.body.release()
		return r
	}
	m.body.release()
	return mqrc.None
}

// MQXQH, the header of a message on a transmission queue.
const (
	xqhLength       = 428 // MQXQH_LENGTH_1
	xqhVersion      = 4
	xqhRemoteQ      = 8
	xqhRemoteQMgr   = 56
	xqhDescriptor   = 104
	descriptorOne   = 324 // MQMD_LENGTH_1
	formatXmit      = "MQXMIT"
	applicationQMgr = 7 // MQAT_QMGR
)

// wrap makes of m the message that waits on a transmission queue: the header in front of the body, with the message's
// own descriptor in it. The fields of version 2 of the descriptor stay behind; IBM MQ would add an MQMDE for them.
func (q *QueueManager) wrap(r *route, m *message) *message {
	if getLong(m.md[:], mdPriority) == priorityAsQDef {
		putLong(m.md[:], mdPriority, int32(r.defPriority))
	}
	if getLong(m.md[:], mdPersistence) == persistenceAsQDef {
		m.persistent = r.defPersistent
		putLong(m.md[:], mdPersistence, boolLong(m.persistent))
	}
	b := q.bodies.take(xqhLength + len(m.body.data))
	b.properties = m.body.properties
	copy(b.data, "XQH ")
	putLong(b.data, xqhVersion, 1)
	putText(b.data, xqhRemoteQ, queueNameLength, r.to.Queue)
	putText(b.data, xqhRemoteQMgr, queueNameLength, r.to.QueueManager)
	copy(b.data[xqhDescriptor:], m.md[:descriptorOne])
	putLong(b.data, xqhDescriptor+mdVersion, 1)
	copy(b.data[xqhLength:], m.body.data)
	return &message{md: q.transmissionMD(m), body: b, persistent: m.persistent, expires: m.expires}
}

// transmissionMD is the descriptor of the whole: who put it and when, and how urgent it is, as the message itself.
func (q *QueueManager) transmissionMD(m *message) md {
	d := newMD()
	copy(d[mdUserID:mdPutApplType], m.md[mdUserID:mdPutApplType])
	copy(d[mdPutDate:descriptorOne], m.md[mdPutDate:descriptorOne])
	for _, at := range []int{mdExpiry, mdPriority, mdPersistence} {
		putLong(d[:], at, getLong(m.md[:], at))
	}
	putLong(d[:], mdCodedCharSet, utf8CharSet)
	putText(d[:], mdFormat, 8, formatXmit)
	d.setID(mdMsgID, q.newID())
	d.setID(mdCorrelID, m.md.id(mdMsgID))
	putLong(d[:], mdPutApplType, applicationQMgr)
	putText(d[:], mdPutApplName, applNameLength, q.name)
	return d
}

// xqh is the header of a message on a transmission queue as it travels.
type xqh [xqhLength]byte

// unwrap reads the header of m. Anybody may put anything to a transmission queue: false says that it is none.
func (m *message) unwrap() (h xqh, ok bool) {
	if getText(m.md[:], mdFormat, 8) != formatXmit || len(m.body.data) < xqhLength {
		return h, false
	}
	copy(h[:], m.body.data)
	return h, h.valid()
}

func (h *xqh) valid() bool {
	d := h.descriptor()
	return string(h[:4]) == "XQH " && getLong(h[:], xqhVersion) == 1 && d.check() == mqrc.None
}

func (h *xqh) address() mqconn.Address {
	return mqconn.Address{
		QueueManager: getText(h[:], xqhRemoteQMgr, queueNameLength),
		Queue:        getText(h[:], xqhRemoteQ, queueNameLength),
	}
}

// descriptor is the message's own, at version 2 again.
func (h *xqh) descriptor() md {
	d := newMD()
	copy(d[:], h[xqhDescriptor:])
	putLong(d[:], mdVersion, 2)
	return d
}
