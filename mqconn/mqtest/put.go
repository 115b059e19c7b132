package mqtest

import (
	"encoding/binary"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// put takes over b, whatever it answers, and fills in d as MQPUT does.
func (s *session) put(number int32, d *md, o *pmo, b *body) mqrc.Reason {
	kept := false
	r := s.call(mqconn.VerbPut, number, "", func() mqrc.Reason {
		h := s.handles[number]
		switch {
		case h == nil:
			return mqrc.HObjError
		case h.options&ooOutput == 0:
			return mqrc.NotOpenForOutput
		}
		r := s.putTo(target{h.queue, h.route}, d, o, b)
		kept = r == mqrc.None
		return r
	})
	if !kept {
		b.release()
	}
	return r
}

// put1 is open, put and close in one call.
func (s *session) put1(where *od, d *md, o *pmo, b *body) mqrc.Reason {
	kept := false
	r := s.call(mqconn.VerbPut1, 0, where.address().Queue, func() mqrc.Reason {
		t, r := s.target(where, ooOutput)
		if r != mqrc.None {
			return r
		}
		r = s.putTo(t, d, o, b)
		kept = r == mqrc.None
		return r
	})
	if !kept {
		b.release()
	}
	return r
}

func (s *session) putTo(t target, d *md, o *pmo, b *body) mqrc.Reason {
	options := o.options()
	syncpoint := options&pmoSyncpoint != 0
	switch {
	case syncpoint && options&pmoNoSyncpoint != 0, options&^pmoKnown != 0:
		return mqrc.OptionsError
	case options&pmoFailQuiescing != 0 && s.qm.quiescing():
		return mqrc.QMgrQuiescing
	case len(b.data) > s.maxLength:
		return mqrc.DataLengthError
	case len(b.data) > s.qm.maxMessageLength():
		return mqrc.MsgTooBigForQMgr
	case syncpoint && s.full():
		return mqrc.SyncpointLimitReached
	}
	m, r := s.newMessage(d, options, b)
	if r != mqrc.None {
		return r
	}
	resolved := mqconn.Address{QueueManager: s.qm.name, Queue: t.queue.name}
	if t.route != nil {
		resolved = t.route.to
	}
	putText(o[:], pmoResolvedQ, queueNameLength, resolved.Queue)
	putText(o[:], pmoResolvedQM, queueNameLength, resolved.QueueManager)
	if t.route != nil {
		b.fill()
		return s.deliver(t, m, syncpoint)
	}
	if s.handOver(t.queue, m, syncpoint) {
		return mqrc.None
	}
	b.fill()
	fate := s.fate(t.queue, m)
	if fate.Lose {
		b.release()
		return mqrc.None
	}
	b.retain() // who gets the message may be done with it before the next line is
	defer b.release()
	if r := s.deliver(t, m, syncpoint); r != mqrc.None {
		return r
	}
	if fate.Repeat {
		s.again(t.queue, m, syncpoint)
	}
	return mqrc.None
}

// place puts m on q. A persistent message outside syncpoint is hidden until it is durable.
func (s *session) place(q *queue, m *message, syncpoint bool) mqrc.Reason {
	if syncpoint {
		r := q.put(m, putting)
		if r == mqrc.None {
			s.unit.puts = append(s.unit.puts, m)
		}
		return r
	}
	if s.qm.log == nil || getLong(m.md[:], mdPersistence) == 0 {
		return q.put(m, visible)
	}
	if r := q.put(m, putting); r != mqrc.None {
		return r
	}
	if r := s.qm.log.write([]*message{m}, nil); r != mqrc.None {
		q.remove(m)
		return r
	}
	q.show(m)
	return mqrc.None
}

// newMessage checks d, completes it with what the queue manager sets (identifiers, context), and
// makes a message of it.
func (s *session) newMessage(d *md, options int32, b *body) (*message, mqrc.Reason) {
	if r := d.check(); r != mqrc.None {
		return nil, r
	}
	persistence, expiry := getLong(d[:], mdPersistence), getLong(d[:], mdExpiry)
	now := time.Now()
	if options&pmoNewMsgID != 0 || d.id(mdMsgID) == (mqconn.ID{}) {
		d.setID(mdMsgID, s.qm.newID())
	}
	if options&pmoNewCorrelID != 0 {
		d.setID(mdCorrelID, s.qm.newID())
	}
	if options&pmoSetAllContext == 0 {
		s.setContext(d)
	}
	if getText(d[:], mdReplyToQ, queueNameLength) != "" && getText(d[:], mdReplyToQMgr, queueNameLength) == "" {
		putText(d[:], mdReplyToQMgr, queueNameLength, s.qm.name)
	}
	putLong(d[:], mdBackoutCount, 0)
	if getLong(d[:], mdCodedCharSet) == charSetOfQueueManager {
		putLong(d[:], mdCodedCharSet, utf8CharSet)
	}
	m := &message{md: *d, body: b, persistent: persistence == 1}
	if expiry > 0 {
		m.expires = now.Add(time.Duration(expiry) * expiryUnit)
	}
	return m, mqrc.None
}

// check finds what no message can have.
func (d *md) check() mqrc.Reason {
	priority, persistence, expiry := getLong(d[:], mdPriority), getLong(d[:], mdPersistence), getLong(d[:], mdExpiry)
	switch {
	case string(d[:4]) != "MD  ":
		return mqrc.MDError
	case priority < priorityAsQDef || priority > highestPriority:
		return mqrc.PriorityError
	case persistence < 0 || persistence > persistenceAsQDef:
		return mqrc.PersistenceError
	case expiry == 0 || expiry < expiryUnlimited:
		return mqrc.ExpiryError
	}
	return d.checkReport()
}

// setContext says who put a message, and when.
func (s *session) setContext(d *md) {
	utc := time.Now().UTC()
	putText(d[:], mdUserID, userIDLength, s.user)
	putLong(d[:], mdPutApplType, applicationUnix)
	putText(d[:], mdPutApplName, applNameLength, s.application)
	putText(d[:], mdPutDate, 8, utc.Format("20060102"))
	putText(d[:], mdPutTime, 8, utc.Format("150405")+hundredths(utc))
}

const (
	charSetOfQueueManager = 0    // MQCCSI_Q_MGR
	utf8CharSet           = 1208 // the coded character set of this queue manager
)

// expiryUnit is the unit of MQMD.Expiry.
const expiryUnit = 100 * time.Millisecond

func hundredths(t time.Time) string {
	n := t.Nanosecond() / int(10*time.Millisecond)
	return string([]byte{byte('0' + n/10), byte('0' + n%10)})
}

// newID makes an identifier as IBM MQ does: "AMQ ", twelve characters of the queue manager's name,
// eight bytes that never come again: they count on from a number that is random at each start. A clock would
// repeat itself when it is set back.
func (q *QueueManager) newID() (id mqconn.ID) {
	copy(id[:], "AMQ ")
	putText(id[:], 4, 12, q.name)
	binary.BigEndian.PutUint64(id[16:], q.ids.Add(1))
	return id
}
