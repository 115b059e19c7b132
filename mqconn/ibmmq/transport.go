//go:build ibmmq && cgo

package ibmmq

import (
	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// transport is mqconn.Transport on one MQHCONN. What is done once for a connection or a queue is mq-golang's; MQPUT, MQGET,
// MQCMIT and MQBACK, which are done for each message, go to the MQI by call.
type transport struct {
	manager    *mqi.MQQueueManager
	info       mqconn.Info
	transacted bool

	outputs map[mqconn.Address]*mqi.MQObject
	inputs  map[string]*mqi.MQObject
	browses map[string]*mqi.MQObject
	held    map[string]bool

	call  *call
	names names
}

// maxOutputs bounds the destinations that are kept open: a queue manager gives a connection 256
// handles (MAXHANDS), and an agent answers to any number of reply queues.
const maxOutputs = 64

// maxInputs is the same for the queues that were got from and are not held. One that is browsed stays open, because its cursor
// would be lost.
const maxInputs = 64

func newTransport(manager *mqi.MQQueueManager, o Options, d mqconn.DialOptions) *transport {
	t := &transport{
		manager: manager,
		info: mqconn.Info{
			Library: Library, Version: Version(Library),
			QueueManager: o.QueueManager, Channel: o.Channel, Endpoint: d.Endpoint, Bindings: o.Bindings, MaxMessage: o.MaxMessage,
			RemoteQueueManager: true, UserID: true, BackoutCount: true, ExclusiveOpen: true, HeldBrowse: true,
			Reports: ^mqconn.Report(0),
		},
		transacted: d.Transacted,
		outputs:    make(map[mqconn.Address]*mqi.MQObject),
		inputs:     make(map[string]*mqi.MQObject),
		browses:    make(map[string]*mqi.MQObject),
		held:       make(map[string]bool),
		call:       newCall(),
		names:      make(names),
	}
	t.inquire()
	return t
}

// inquire learns the name and the longest message from the queue manager. It needs an authority
// (+inq on the queue manager) that an agent can do without, so that a refusal is no failure.
func (t *transport) inquire() {
	od := mqi.NewMQOD()
	od.ObjectType = mqi.MQOT_Q_MGR
	object, err := t.manager.Open(od, mqi.MQOO_INQUIRE)
	if failed(err) {
		return
	}
	defer object.Close(mqi.MQCO_NONE)
	values, err := object.Inq([]int32{mqi.MQIA_MAX_MSG_LENGTH, mqi.MQCA_Q_MGR_NAME})
	if failed(err) {
		return
	}
	if name, ok := values[mqi.MQCA_Q_MGR_NAME].(string); ok && name != "" {
		t.info.QueueManager = name
	}
	if limit, ok := values[mqi.MQIA_MAX_MSG_LENGTH].(int32); ok && limit > 0 {
		t.info.MaxMessage = min(t.info.MaxMessage, int(limit))
	}
}

// failed says that a call was not done: a warning means that it was.
func failed(err error) bool {
	r, ok := err.(*mqi.MQReturn)
	return err != nil && !(ok && r.MQCC == mqi.MQCC_WARNING)
}

// fault completes f with what mq-golang said.
func fault(err error, f mqconn.Fault) error {
	if err == nil {
		return nil
	}
	r, ok := err.(*mqi.MQReturn)
	if !ok {
		f.CompletionCode, f.Reason, f.Err = mqi.MQCC_FAILED, mqrc.UnexpectedError, err
		return &f
	}
	f.CompletionCode, f.Reason = r.MQCC, mqrc.Reason(r.MQRC)
	return &f
}

func (t *transport) fault(err error, verb mqconn.Verb, queue string) error {
	return fault(err, mqconn.Fault{Verb: verb, Queue: queue, Bindings: t.info.Bindings})
}

// answer is how the last call of t.call ended.
func (t *transport) answer(verb mqconn.Verb, queue string, syncpoint bool) error {
	return t.call.fault(mqconn.Fault{Verb: verb, Queue: queue, Bindings: t.info.Bindings, Syncpoint: syncpoint})
}

// opened gives the open handle for key or opens one, and keeps it.
func opened[K comparable](t *transport, open map[K]*mqi.MQObject, key K, a mqconn.Address, options int32) (*mqi.MQObject, error) {
	if object := open[key]; object != nil {
		return object, nil
	}
	od := mqi.NewMQOD()
	od.ObjectType = mqi.MQOT_Q
	od.ObjectName, od.ObjectQMgrName = a.Queue, a.QueueManager
	object, err := t.manager.Open(od, options|mqi.MQOO_FAIL_IF_QUIESCING)
	if failed(err) {
		return nil, t.fault(err, mqconn.VerbOpen, a.Queue)
	}
	open[key] = &object
	return &object, nil
}

func (t *transport) Put(to mqconn.Address, m *mqconn.Message) error {
	if len(t.outputs) >= maxOutputs && t.outputs[to] == nil {
		if err := t.closeOne(); err != nil {
			return err
		}
	}
	for again := false; ; again = true {
		object, err := opened(t, t.outputs, to, to, mqi.MQOO_OUTPUT)
		if err != nil {
			return err
		}
		t.call.forPut(m, t.transacted)
		t.call.put(t.manager, object, m.Body)
		if !t.call.failed() {
			m.ID = idOf(&t.call.md.MsgId)
			return nil
		}
		failure := t.answer(mqconn.VerbPut, to.Queue, t.transacted)
		if !t.call.deleted() {
			return failure
		}
		forget(t.outputs, to)
		if again {
			return failure
		}
	}
}

// forget gives up the handle of a queue that was deleted: it would answer 2052 for ever, although a queue of that name may
// be there again. That a handle of no queue does not close in order is no news.
func forget[K comparable](open map[K]*mqi.MQObject, key K) {
	_ = open[key].Close(mqi.MQCO_NONE)
	delete(open, key)
}

// closeOne closes any one destination.
func (t *transport) closeOne() error {
	for to, object := range t.outputs {
		delete(t.outputs, to)
		if err := object.Close(mqi.MQCO_NONE); failed(err) {
			return t.fault(err, mqconn.VerbClose, to.Queue)
		}
		return nil
	}
	return nil
}

// closeInput closes any one queue that is not held.
func (t *transport) closeInput() error {
	for queue, object := range t.inputs {
		if t.held[queue] {
			continue
		}
		delete(t.inputs, queue)
		if err := object.Close(mqi.MQCO_NONE); failed(err) {
			return t.fault(err, mqconn.VerbClose, queue)
		}
		return nil
	}
	return nil
}

func (t *transport) Get(queue string, m *mqconn.Message, o mqconn.GetOptions) error {
	if len(t.inputs)-len(t.held) >= maxInputs && t.inputs[queue] == nil {
		if err := t.closeInput(); err != nil {
			return err
		}
	}
	object, err := opened(t, t.inputs, queue, mqconn.Address{Queue: queue}, mqi.MQOO_INPUT_AS_Q_DEF)
	if err != nil {
		return err
	}
	options := int32(mqi.MQGMO_NO_SYNCPOINT)
	if t.transacted {
		options = mqi.MQGMO_SYNCPOINT_IF_PERSISTENT
	}
	err = t.receive(object, queue, m, options, o)
	if t.call.deleted() && !t.held[queue] { // to open a held one here would share it
		forget(t.inputs, queue)
	}
	return err
}

func (t *transport) Browse(queue string, m *mqconn.Message, next bool) error {
	object, err := opened(t, t.browses, queue, mqconn.Address{Queue: queue}, mqi.MQOO_BROWSE)
	if err != nil {
		return err
	}
	options := int32(mqi.MQGMO_NO_SYNCPOINT | mqi.MQGMO_BROWSE_FIRST)
	if next {
		options = mqi.MQGMO_NO_SYNCPOINT | mqi.MQGMO_BROWSE_NEXT
	}
	err = t.receive(object, queue, m, options, mqconn.GetOptions{})
	if t.call.deleted() {
		forget(t.browses, queue)
	}
	return err
}

// firstBody is the memory that a Message without any gets before its first get.
const firstBody = 4 << 10

// receive gets into m's own memory. A message that does not fit stays on the queue (2080) and tells
// its length, so that the next try fits; in between somebody else may take it, and the next message
// may be longer still.
func (t *transport) receive(object *mqi.MQObject, queue string, m *mqconn.Message, options int32, o mqconn.GetOptions) error {
	if cap(m.Body) == 0 {
		m.Body = make([]byte, 0, firstBody)
	}
	for {
		t.call.forGet(options, o)
		n := t.call.get(t.manager, object, m.Body[:cap(m.Body)])
		if t.call.tooShort() && n > cap(m.Body) {
			m.Body = make([]byte, 0, n)
			o.Wait = 0 // it is there, or was; the wait is used up
			continue
		}
		if t.call.failed() || t.call.tooShort() {
			return t.answer(mqconn.VerbGet, queue, t.transacted && options&mqi.MQGMO_NO_SYNCPOINT == 0)
		}
		m.Body = m.Body[:n]
		t.call.fill(m, t.names)
		return nil
	}
}

// Hold gives up its own shared handle first, if an earlier Get left one open: it would stand in the
// way (2042 does not spare the own connection).
func (t *transport) Hold(queue string) error {
	if object := t.inputs[queue]; object != nil && !t.held[queue] {
		delete(t.inputs, queue)
		if err := object.Close(mqi.MQCO_NONE); failed(err) {
			return t.fault(err, mqconn.VerbClose, queue)
		}
	}
	holding := make(map[string]*mqi.MQObject, 1) // not t.inputs: a queue held already is asked for again
	object, err := opened(t, holding, queue, mqconn.Address{Queue: queue}, mqi.MQOO_INPUT_EXCLUSIVE)
	if err != nil {
		return err
	}
	t.inputs[queue], t.held[queue] = object, true
	return nil
}

func (t *transport) Commit() error {
	t.call.commit(t.manager)
	return t.answer(mqconn.VerbCommit, "", t.transacted)
}

func (t *transport) Backout() error {
	t.call.backout(t.manager)
	return t.answer(mqconn.VerbBackout, "", t.transacted)
}

func (t *transport) Info() mqconn.Info { return t.info }

// Close backs out before it disconnects, because MQDISC would commit. Where MQBACK fails and MQDISC does not, the unit of
// work that was open may have been committed, and the error of MQBACK says so. Where both fail the connection is broken, and
// the queue manager has backed out.
func (t *transport) Close() error {
	var back error
	if t.transacted {
		back = t.fault(t.manager.Back(), mqconn.VerbBackout, "")
	}
	if err := t.fault(t.manager.Disc(), mqconn.VerbDisconnect, ""); err != nil {
		return err
	}
	return back
}
