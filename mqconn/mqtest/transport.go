package mqtest

import (
	"context"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// verbs are the calls of the MQI on one connection, made in process or over TCP.
type verbs interface {
	open(d *od, options int32) (int32, mqrc.Reason)
	close(object int32) mqrc.Reason
	put(object int32, d *md, o *pmo, body []byte) mqrc.Reason
	get(object int32, d *md, o *gmo, body []byte) ([]byte, mqrc.Reason) // reuses body
	commit() mqrc.Reason
	backout() mqrc.Reason
	disconnect() mqrc.Reason
}

// transport is mqconn.Transport on top of the MQI.
type transport struct {
	verbs
	info       mqconn.Info
	transacted bool

	outputs map[mqconn.Address]int32
	inputs  map[string]int32
	browses map[string]int32
	held    map[string]bool
}

func newTransport(v verbs, info mqconn.Info, transacted bool) *transport {
	info.Library = "github.com/mqha/mqha/mqconn/mqtest"
	info.RemoteQueueManager, info.UserID, info.BackoutCount = true, true, true
	info.ExclusiveOpen, info.HeldBrowse = true, true
	info.Reports = ^mqconn.Report(0)
	return &transport{
		verbs: v, info: info, transacted: transacted,
		outputs: make(map[mqconn.Address]int32),
		inputs:  make(map[string]int32),
		browses: make(map[string]int32),
		held:    make(map[string]bool),
	}
}

// fault makes an error of a reason; ErrNoMessage for 2033.
func (t *transport) fault(verb mqconn.Verb, queue string, r mqrc.Reason) error {
	switch r {
	case mqrc.None:
		return nil
	case mqrc.NoMsgAvailable:
		return mqconn.ErrNoMessage
	}
	return &mqconn.Fault{
		Verb: verb, CompletionCode: completion(r), Reason: r, Queue: queue, Bindings: t.info.Bindings,
		Syncpoint: t.transacted && (verb == mqconn.VerbPut || verb == mqconn.VerbGet || verb == mqconn.VerbCommit || verb == mqconn.VerbBackout),
	}
}

// opened gives the open handle for key or opens one, and keeps it: an open for each message would
// double the round trips.
func opened[K comparable](t *transport, open map[K]int32, key K, a mqconn.Address, options int32) (int32, error) {
	if object, ok := open[key]; ok {
		return object, nil
	}
	d := newOD(a)
	object, r := t.open(&d, options|ooFailQuiescing)
	if r != mqrc.None {
		return 0, t.fault(mqconn.VerbOpen, a.Queue, r)
	}
	open[key] = object
	return object, nil
}

func (t *transport) Put(to mqconn.Address, m *mqconn.Message) error {
	object, err := opened(t, t.outputs, to, to, ooOutput)
	if err != nil {
		return err
	}
	d := newMD()
	putLong(d[:], mdPriority, int32(m.Priority))
	putLong(d[:], mdPersistence, boolLong(m.Persistent))
	if m.Expiry > 0 {
		putLong(d[:], mdExpiry, int32(min((m.Expiry+expiryUnit-1)/expiryUnit, 999999999)))
	}
	d.setID(mdCorrelID, m.CorrelationID)
	putText(d[:], mdReplyToQ, queueNameLength, m.ReplyTo.Queue)
	putText(d[:], mdReplyToQMgr, queueNameLength, m.ReplyTo.QueueManager)
	putLong(d[:], mdReport, int32(m.Report))
	options := int32(pmoNoSyncpoint)
	if t.transacted {
		options = pmoSyncpoint
	}
	o := newPMO(options | pmoNewMsgID | pmoFailQuiescing)
	if r := t.put(object, &d, &o, m.Body); r != mqrc.None {
		return t.fault(mqconn.VerbPut, to.Queue, r)
	}
	m.ID = d.id(mdMsgID)
	return nil
}

func (t *transport) Get(queue string, m *mqconn.Message, g mqconn.GetOptions) error {
	object, err := opened(t, t.inputs, queue, mqconn.Address{Queue: queue}, ooInputAsQDef)
	if err != nil {
		return err
	}
	var options, match, wait int32 = gmoFailQuiescing, 0, 0
	if t.transacted {
		options |= gmoSyncpointIfPersistent
	} else {
		options |= gmoNoSyncpoint
	}
	if g.Wait > 0 {
		options |= gmoWait
		wait = int32((g.Wait + time.Millisecond - 1) / time.Millisecond)
	}
	d := newMD()
	if g.ID != (mqconn.ID{}) {
		match |= moMatchMsgID
		d.setID(mdMsgID, g.ID)
	}
	if g.CorrelationID != (mqconn.ID{}) {
		match |= moMatchCorrelID
		d.setID(mdCorrelID, g.CorrelationID)
	}
	o := newGMO(options, match, wait)
	return t.receive(object, queue, m, &d, &o)
}

func (t *transport) Browse(queue string, m *mqconn.Message, next bool) error {
	object, err := opened(t, t.browses, queue, mqconn.Address{Queue: queue}, ooBrowse)
	if err != nil {
		return err
	}
	options := int32(gmoBrowseFirst)
	if next {
		options = gmoBrowseNext
	}
	d := newMD()
	o := newGMO(options|gmoNoSyncpoint|gmoFailQuiescing, 0, 0)
	return t.receive(object, queue, m, &d, &o)
}

// receive makes a Message of what MQGET gives.
func (t *transport) receive(object int32, queue string, m *mqconn.Message, d *md, o *gmo) error {
	body, r := t.get(object, d, o, m.Body)
	m.Body = body
	if r != mqrc.None {
		return t.fault(mqconn.VerbGet, queue, r)
	}
	m.ID = d.id(mdMsgID)
	m.CorrelationID = d.id(mdCorrelID)
	m.Persistent = getLong(d[:], mdPersistence) == 1
	m.Priority = int(getLong(d[:], mdPriority))
	m.Expiry = 0
	if e := getLong(d[:], mdExpiry); e > 0 {
		m.Expiry = time.Duration(e) * expiryUnit
	}
	m.ReplyTo = mqconn.Address{
		QueueManager: getText(d[:], mdReplyToQMgr, queueNameLength),
		Queue:        getText(d[:], mdReplyToQ, queueNameLength),
	}
	m.Report = mqconn.Report(getLong(d[:], mdReport))
	m.Feedback = mqconn.Feedback(getLong(d[:], mdFeedback))
	m.UserID = getText(d[:], mdUserID, userIDLength)
	m.BackoutCount = int(getLong(d[:], mdBackoutCount))
	return nil
}

// Hold gives up its own shared handle first, if an earlier Get left one open: it would stand in the way.
func (t *transport) Hold(queue string) error {
	if object, ok := t.inputs[queue]; ok && !t.held[queue] {
		if r := t.close(object); r != mqrc.None {
			return t.fault(mqconn.VerbClose, queue, r)
		}
		delete(t.inputs, queue)
	}
	d := newOD(mqconn.Address{Queue: queue})
	object, r := t.open(&d, ooInputExclusive|ooFailQuiescing)
	if r != mqrc.None {
		return t.fault(mqconn.VerbOpen, queue, r)
	}
	t.inputs[queue] = object
	t.held[queue] = true
	return nil
}

func (t *transport) Commit() error  { return t.fault(mqconn.VerbCommit, "", t.commit()) }
func (t *transport) Backout() error { return t.fault(mqconn.VerbBackout, "", t.backout()) }

func (t *transport) Info() mqconn.Info { return t.info }

// Close backs out before it disconnects, because MQDISC would commit.
func (t *transport) Close() error {
	if t.transacted {
		t.backout() // on a broken connection the queue manager has done so already
	}
	return t.fault(mqconn.VerbDisconnect, "", t.disconnect())
}

// Dialer connects in process; the endpoint is ignored.
func (q *QueueManager) Dialer() mqconn.Dialer { return localDialer{qm: q} }

// Bindings connects in process too, and says that these are local bindings: there 2058 means that the queue manager has
// moved away.
func (q *QueueManager) Bindings() mqconn.Dialer { return localDialer{qm: q, bindings: true} }

type localDialer struct {
	qm       *QueueManager
	bindings bool
}

func (d localDialer) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, r := d.qm.connect(connectRequest{application: o.Role, user: defaultUser, library: LibraryInProcess})
	if r == mqrc.ConnectionBroken {
		r = mqrc.QMgrNotAvailable // as over TCP: closed before it was a connection
	}
	if r != mqrc.None {
		return nil, &mqconn.Fault{Verb: mqconn.VerbConnect, CompletionCode: 2, Reason: r, Bindings: d.bindings}
	}
	return newTransport(local{s}, mqconn.Info{
		QueueManager: d.qm.name, Endpoint: o.Endpoint, Bindings: d.bindings, MaxMessage: s.maxLength,
	}, o.Transacted), nil
}

const defaultUser = "mqha"

// local makes the verbs of a session copy between the caller's memory and the queue manager's.
type local struct{ *session }

func (l local) put(object int32, d *md, o *pmo, data []byte) mqrc.Reason {
	b := l.qm.bodies.take(len(data))
	b.lent = data
	return l.session.put(object, d, o, b)
}

func (l local) get(object int32, d *md, o *gmo, into []byte) ([]byte, mqrc.Reason) {
	b, r := l.session.get(object, d, o, l.maxLength, into, nil)
	if b == nil {
		return into, r
	}
	defer b.release()
	if r == mqrc.None {
		into = resize(into, len(b.data))
		if len(into) > 0 && &into[0] != &b.data[0] { // else it was handed over
			copy(into, b.data)
		}
	}
	return into, r
}
