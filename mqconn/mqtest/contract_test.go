package mqtest_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// rig is a queue manager and a way to it; the contract is the same over every way.
type rig struct {
	*testing.T
	qm   *mqtest.QueueManager
	dial func(transacted bool) mqconn.Transport
}

// contract is what mqconn.Transport promises, one row a promise.
var contract = []struct {
	name string
	run  func(rig)
}{
	{"a message arrives as it was put", messageArrivesWhole},
	{"an empty body arrives", emptyBodyArrives},
	{"the body's memory is used again", bodyIsReused},
	{"priority first, then order of arrival", priorityThenArrival},
	{"gets by message and by correlation identifier", getsByIdentifier},
	{"an uncommitted put is invisible", uncommittedPutIsInvisible},
	{"a backed-out get comes back in its place", backedOutGetComesBack},
	{"a non-persistent get is not in syncpoint", nonPersistentGetIsFinal},
	{"nothing is in syncpoint without a transaction", notTransacted},
	{"closing backs out", closingBacksOut},
	{"browse reads in order and leaves everything", browseLeavesEverything},
	{"hold shuts out everybody else", holdShutsOut},
	{"hold takes over from its own get", holdTakesOver},
	{"a held queue is browsed and got from by identifier", heldQueueServesItsHolder},
	{"a queue defined as exclusive belongs to its first getter", exclusiveByDefinition},
	{"limits of a queue", limitsOfAQueue},
	{"inhibited gets and puts", inhibited},
	{"a message longer than the channel allows", tooLongForTheChannel},
	{"an unknown queue and an unknown queue manager", unknownNames},
	{"a wait ends with the message", waitEndsWithTheMessage},
	{"a wait for one identifier leaves the others asleep", waitForOneIdentifier},
	{"a wait ends when gets are inhibited", waitEndsWhenInhibited},
	{"quiesce ends waits and refuses work", quiesceEndsWaits},
	{"an orderly stop ends waits", stopEndsWaits},
	{"a cut breaks every connection", cutBreaksConnections},
	{"the answer of a commit is lost", commitAnswerIsLost},
	{"the n-th call fails", nthCallFails},
	{"the channel's instances are limited and other names refused", refusedConnections},
	{"what a connection says of itself", infoIsTrue},
}

func TestContractInProcess(t *testing.T) {
	for _, row := range contract {
		t.Run(row.name, func(t *testing.T) {
			qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
			row.run(rig{T: t, qm: qm, dial: func(transacted bool) mqconn.Transport {
				return dial(t, qm.Dialer(), "", transacted)
			}})
		})
	}
}

func TestContractOverTCP(t *testing.T) {
	for _, row := range contract {
		t.Run(row.name, func(t *testing.T) {
			qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
			endpoint := serve(t, qm)
			row.run(rig{T: t, qm: qm, dial: func(transacted bool) mqconn.Transport {
				return dial(t, mqtest.TCP{}, endpoint, transacted)
			}})
		})
	}
}

// waiting starts a get that has to wait, and returns when it does.
func (r rig) waiting(c mqconn.Transport, o mqconn.GetOptions) <-chan getResult {
	r.Helper()
	if o.Wait == 0 {
		o.Wait = time.Hour // so that a waiter that is not woken hangs the test
	}
	result := make(chan getResult, 1)
	before := r.qm.Waiting("A")
	go func() {
		var m mqconn.Message
		err := c.Get("A", &m, o)
		result <- getResult{m, err}
	}()
	awaitWaiting(r.qm, "A", before+1)
	return result
}

type getResult struct {
	mqconn.Message
	err error
}

func messageArrivesWhole(r rig) {
	c := r.dial(false)
	sent := mqconn.Message{
		Body: []byte("the whole of it"), CorrelationID: mqconn.ID{1, 2, 23: 9}, Persistent: true, Priority: 7,
		Expiry: time.Hour, ReplyTo: mqconn.Address{QueueManager: "QM9", Queue: "MY.ANSWERS"},
	}
	if err := c.Put(mqconn.Address{Queue: "A"}, &sent); err != nil {
		r.Fatal(err)
	}
	got := get(r, c, "A", "the whole of it")
	if got.ID != sent.ID || sent.ID == (mqconn.ID{}) || !strings.HasPrefix(string(sent.ID[:]), "AMQ QM1 ") {
		r.Errorf("message id %x, put as %x", got.ID, sent.ID)
	}
	if got.CorrelationID != sent.CorrelationID || !got.Persistent || got.Priority != 7 || got.ReplyTo != sent.ReplyTo {
		r.Errorf("got %+v, want %+v", got, sent)
	}
	if got.Expiry <= 59*time.Minute || got.Expiry > time.Hour {
		r.Errorf("expiry %s", got.Expiry)
	}
	if got.UserID != "mqha" || got.BackoutCount != 0 {
		r.Errorf("user %q, backout count %d", got.UserID, got.BackoutCount)
	}
	put(r, c, "A", "x", false)
	put(r, c, "A", "y", false)
	if a, b := get(r, c, "A", "x"), get(r, c, "A", "y"); a.ID == b.ID || a.Expiry != 0 || a.Persistent {
		r.Errorf("got %+v and %+v", a, b)
	}
}

func emptyBodyArrives(r rig) {
	c := r.dial(false)
	if err := c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}); err != nil {
		r.Fatal(err)
	}
	m := mqconn.Message{Body: []byte("old")}
	if err := c.Get("A", &m, mqconn.GetOptions{}); err != nil || len(m.Body) != 0 {
		r.Fatal(m.Body, err)
	}
}

func bodyIsReused(r rig) {
	c := r.dial(false)
	put(r, c, "A", "abc", false)
	put(r, c, "A", strings.Repeat("z", 300<<10), false)
	memory := make([]byte, 10)
	m := mqconn.Message{Body: memory}
	if err := c.Get("A", &m, mqconn.GetOptions{}); err != nil || string(memory[:3]) != "abc" || len(m.Body) != 3 {
		r.Fatalf("%q in %q, %v", m.Body, memory, err)
	}
	if err := c.Get("A", &m, mqconn.GetOptions{}); err != nil || len(m.Body) != 300<<10 || m.Body[300<<10-1] != 'z' {
		r.Fatal(len(m.Body), err)
	}
	old := &m.Body[0]
	if err := c.Get("A", &m, mqconn.GetOptions{}); !errors.Is(err, mqconn.ErrNoMessage) {
		r.Fatal(err)
	}
	put(r, c, "A", "def", false)
	if err := c.Get("A", &m, mqconn.GetOptions{}); err != nil || &m.Body[0] != old {
		r.Fatal("the memory was given up, ", err)
	}
}

func priorityThenArrival(r rig) {
	c := r.dial(false)
	for i, text := range []string{"low 1", "high 1", "low 2", "high 2"} {
		m := mqconn.Message{Body: []byte(text), Priority: 3 + i%2*6}
		if err := c.Put(mqconn.Address{Queue: "A"}, &m); err != nil {
			r.Fatal(err)
		}
	}
	for _, text := range []string{"high 1", "high 2", "low 1", "low 2", ""} {
		get(r, c, "A", text)
	}
}

func getsByIdentifier(r rig) {
	c := r.dial(false)
	one, two := mqconn.ID{23: 1}, mqconn.ID{23: 2}
	for _, id := range []mqconn.ID{one, two, two} {
		m := mqconn.Message{Body: id[:], CorrelationID: id}
		if err := c.Put(mqconn.Address{Queue: "A"}, &m); err != nil {
			r.Fatal(err)
		}
	}
	last := put(r, c, "A", "last", false)
	var m mqconn.Message
	for _, want := range []error{nil, nil, mqconn.ErrNoMessage} {
		err := c.Get("A", &m, mqconn.GetOptions{CorrelationID: two})
		if !errors.Is(err, want) || err == nil && !bytes.Equal(m.Body, two[:]) {
			r.Fatal(err, m.Body)
		}
	}
	if err := c.Get("A", &m, mqconn.GetOptions{ID: last}); err != nil || string(m.Body) != "last" {
		r.Fatal(err, m.Body)
	}
	if err := c.Get("A", &m, mqconn.GetOptions{ID: last}); !errors.Is(err, mqconn.ErrNoMessage) {
		r.Fatal(err)
	}
	get(r, c, "A", string(one[:]))
}

func uncommittedPutIsInvisible(r rig) {
	a, b := r.dial(true), r.dial(true)
	put(r, a, "A", "np", false)
	put(r, a, "A", "p", true)
	get(r, b, "A", "")
	get(r, a, "A", "")
	wantDepth(r, r.qm, "A", 2)
	if err := a.Commit(); err != nil {
		r.Fatal(err)
	}
	get(r, b, "A", "np")
	get(r, b, "A", "p")
	put(r, a, "A", "regretted", true)
	if err := a.Backout(); err != nil {
		r.Fatal(err)
	}
	wantDepth(r, r.qm, "A", 0)
	get(r, a, "A", "")
}

func backedOutGetComesBack(r rig) {
	a, b := r.dial(true), r.dial(false)
	put(r, b, "A", "first", true)
	put(r, b, "A", "second", true)
	for count := range 3 {
		if m := get(r, a, "A", "first"); m.BackoutCount != count {
			r.Fatalf("backout count %d, want %d", m.BackoutCount, count)
		}
		wantDepth(r, r.qm, "A", 1)
		if err := a.Backout(); err != nil {
			r.Fatal(err)
		}
	}
	get(r, a, "A", "first")
	get(r, b, "A", "second")
	if err := a.Commit(); err != nil {
		r.Fatal(err)
	}
	if err := a.Backout(); err != nil {
		r.Fatal(err)
	}
	get(r, b, "A", "")
}

func nonPersistentGetIsFinal(r rig) {
	c := r.dial(true)
	put(r, c, "A", "x", false)
	if err := c.Commit(); err != nil {
		r.Fatal(err)
	}
	get(r, c, "A", "x")
	if err := c.Backout(); err != nil {
		r.Fatal(err)
	}
	get(r, c, "A", "")
}

func notTransacted(r rig) {
	a, b := r.dial(false), r.dial(false)
	put(r, a, "A", "x", true)
	get(r, b, "A", "x")
	if err := b.Backout(); err != nil {
		r.Fatal(err)
	}
	get(r, a, "A", "")
}

func closingBacksOut(r rig) {
	a, b := r.dial(true), r.dial(false)
	put(r, b, "A", "stays", true)
	get(r, a, "A", "stays")
	put(r, a, "A", "goes", true)
	if err := a.Close(); err != nil {
		r.Fatal(err)
	}
	if m := get(r, b, "A", "stays"); m.BackoutCount != 1 {
		r.Errorf("backout count %d", m.BackoutCount)
	}
	get(r, b, "A", "")
}

func browseLeavesEverything(r rig) {
	c := r.dial(false)
	for _, text := range []string{"one", "two"} {
		put(r, c, "A", text, false)
	}
	browse := func(next bool, want string) {
		r.Helper()
		var m mqconn.Message
		err := c.Browse("A", &m, next)
		if want == "" && errors.Is(err, mqconn.ErrNoMessage) {
			return
		}
		if err != nil || string(m.Body) != want {
			r.Fatalf("browsed %q, %v, want %q", m.Body, err, want)
		}
	}
	browse(true, "one")
	browse(true, "two")
	browse(true, "")
	put(r, c, "A", "three", false)
	browse(true, "three")
	browse(false, "one")
	get(r, c, "A", "one")
	get(r, c, "A", "two")
	browse(true, "three")
	wantDepth(r, r.qm, "A", 1)
}

func holdShutsOut(r rig) {
	a, b := r.dial(true), r.dial(true)
	if err := a.Hold("A"); err != nil {
		r.Fatal(err)
	}
	wantReason(r, b.Hold("A"), mqrc.ObjectInUse)
	wantReason(r, a.Hold("A"), mqrc.ObjectInUse)
	wantReason(r, b.Get("A", new(mqconn.Message), mqconn.GetOptions{}), mqrc.ObjectInUse)
	if connections, held := r.qm.Handles(); connections != 2 || held != 1 {
		r.Errorf("%d connections, %d held", connections, held)
	}
	put(r, b, "A", "x", false)
	if err := b.Commit(); err != nil {
		r.Fatal(err)
	}
	get(r, a, "A", "x")
	if err := a.Close(); err != nil {
		r.Fatal(err)
	}
	if err := b.Hold("A"); err != nil {
		r.Fatal("after the holder has closed: ", err)
	}
}

func holdTakesOver(r rig) {
	a, b := r.dial(false), r.dial(false)
	get(r, a, "A", "")
	wantReason(r, b.Hold("A"), mqrc.ObjectInUse)
	if err := a.Hold("A"); err != nil {
		r.Fatal(err)
	}
}

func heldQueueServesItsHolder(r rig) {
	c := r.dial(true)
	if err := c.Hold("HELD"); err != nil {
		r.Fatal(err)
	}
	put(r, c, "HELD", "x", false)
	id := put(r, c, "HELD", "y", false)
	if err := c.Commit(); err != nil {
		r.Fatal(err)
	}
	var m mqconn.Message
	if err := c.Browse("HELD", &m, false); err != nil || string(m.Body) != "x" {
		r.Fatal(m.Body, err)
	}
	if err := c.Get("HELD", &m, mqconn.GetOptions{ID: id}); err != nil || string(m.Body) != "y" {
		r.Fatal(m.Body, err)
	}
}

func exclusiveByDefinition(r rig) {
	a, b := r.dial(false), r.dial(false)
	get(r, a, "HELD", "")
	wantReason(r, b.Get("HELD", new(mqconn.Message), mqconn.GetOptions{}), mqrc.ObjectInUse)
	put(r, b, "HELD", "x", false)
	get(r, a, "HELD", "x")
}

func limitsOfAQueue(r rig) {
	c := r.dial(true)
	to := mqconn.Address{Queue: "SMALL"}
	wantReason(r, c.Put(to, &mqconn.Message{Body: make([]byte, 11)}), mqrc.MsgTooBigForQ)
	put(r, c, "SMALL", "0123456789", true)
	put(r, c, "SMALL", "2", false)
	wantReason(r, c.Put(to, &mqconn.Message{}), mqrc.QFull) // uncommitted puts count
	if err := c.Commit(); err != nil {
		r.Fatal(err)
	}
	get(r, c, "SMALL", "0123456789")
	put(r, c, "SMALL", "3", false) // an uncommitted get has made room
	wantReason(r, c.Put(to, &mqconn.Message{}), mqrc.QFull)
}

func inhibited(r rig) {
	c := r.dial(false)
	put(r, c, "A", "x", false)
	r.mqsc("ALTER QLOCAL(A) PUT(DISABLED) GET(DISABLED)")
	wantReason(r, c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}), mqrc.PutInhibited)
	wantReason(r, c.Get("A", new(mqconn.Message), mqconn.GetOptions{}), mqrc.GetInhibited)
	r.mqsc("ALTER QLOCAL(A) PUT(ENABLED) GET(ENABLED)")
	put(r, c, "A", "y", false)
	get(r, c, "A", "x")
	get(r, c, "A", "y")
}

func (r rig) mqsc(script string) {
	r.Helper()
	if err := r.qm.MQSC(script); err != nil {
		r.Fatal(err)
	}
}

func tooLongForTheChannel(r rig) {
	c := r.dial(false)
	limit := c.Info().MaxMessage
	err := c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{Body: make([]byte, limit+1)})
	wantReason(r, err, mqrc.DataLengthError)
	put(r, c, "A", strings.Repeat("x", limit), false)
	get(r, c, "A", strings.Repeat("x", limit))
}

func unknownNames(r rig) {
	c := r.dial(false)
	wantReason(r, c.Get("NOWHERE", new(mqconn.Message), mqconn.GetOptions{}), mqrc.UnknownObject)
	wantReason(r, c.Browse("NOWHERE", new(mqconn.Message), false), mqrc.UnknownObject)
	wantReason(r, c.Hold("NOWHERE"), mqrc.UnknownObject)
	wantReason(r, c.Put(mqconn.Address{Queue: "NOWHERE"}, &mqconn.Message{}), mqrc.UnknownObject)
	wantReason(r, c.Put(mqconn.Address{Queue: "A", QueueManager: "QM2"}, &mqconn.Message{}), mqrc.UnknownRemoteQMgr)
	if err := c.Put(mqconn.Address{Queue: "A", QueueManager: "QM1"}, &mqconn.Message{}); err != nil {
		r.Fatal(err)
	}
}

func waitEndsWithTheMessage(r rig) {
	a, b := r.dial(true), r.dial(true)
	result := r.waiting(a, mqconn.GetOptions{})
	put(r, b, "A", "x", true)
	if err := b.Commit(); err != nil {
		r.Fatal(err)
	}
	if got := <-result; got.err != nil || string(got.Body) != "x" {
		r.Fatal(got)
	}
	if err := a.Get("A", new(mqconn.Message), mqconn.GetOptions{Wait: time.Millisecond}); !errors.Is(err, mqconn.ErrNoMessage) {
		r.Fatal(err)
	}
}

func waitForOneIdentifier(r rig) {
	a, b, c := r.dial(false), r.dial(false), r.dial(false)
	id := mqconn.ID{23: 7}
	one := r.waiting(a, mqconn.GetOptions{CorrelationID: id})
	anyone := r.waiting(b, mqconn.GetOptions{})
	put(r, c, "A", "for anyone", false)
	if got := <-anyone; got.err != nil || string(got.Body) != "for anyone" {
		r.Fatal(got)
	}
	if err := c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{Body: []byte("for one"), CorrelationID: id}); err != nil {
		r.Fatal(err)
	}
	if got := <-one; got.err != nil || string(got.Body) != "for one" {
		r.Fatal(got)
	}
}

func waitEndsWhenInhibited(r rig) {
	result := r.waiting(r.dial(false), mqconn.GetOptions{})
	r.mqsc("ALTER QLOCAL(A) GET(DISABLED)")
	wantReason(r, (<-result).err, mqrc.GetInhibited)
}

func quiesceEndsWaits(r rig) {
	a, b := r.dial(false), r.dial(true)
	result := r.waiting(a, mqconn.GetOptions{})
	put(r, b, "B", "x", true)
	r.qm.Quiesce()
	wantReason(r, (<-result).err, mqrc.QMgrQuiescing)
	wantReason(r, b.Put(mqconn.Address{Queue: "B"}, &mqconn.Message{}), mqrc.QMgrQuiescing)
	wantReason(r, b.Get("B", new(mqconn.Message), mqconn.GetOptions{}), mqrc.QMgrQuiescing)
	if err := b.Commit(); err != nil {
		r.Fatal("commit still works: ", err)
	}
	wantDepth(r, r.qm, "B", 1)
}

func stopEndsWaits(r rig) {
	a, b := r.dial(false), r.dial(true)
	result := r.waiting(a, mqconn.GetOptions{})
	if err := r.qm.Close(); err != nil {
		r.Fatal(err)
	}
	wantReason(r, (<-result).err, mqrc.QMgrStopping)
	wantReason(r, b.Commit(), mqrc.ConnectionBroken)
	if connections, _ := r.qm.Handles(); connections != 0 {
		r.Errorf("%d connections", connections)
	}
}

func cutBreaksConnections(r rig) {
	a, b := r.dial(false), r.dial(true)
	put(r, b, "B", "uncommitted", true)
	if err := b.Hold("HELD"); err != nil {
		r.Fatal(err)
	}
	result := r.waiting(a, mqconn.GetOptions{})
	r.qm.Cut()
	wantReason(r, (<-result).err, mqrc.ConnectionBroken)
	wantReason(r, b.Commit(), mqrc.ConnectionBroken)
	wantReason(r, b.Close(), mqrc.ConnectionBroken)
	c := r.dial(false)
	if err := c.Hold("HELD"); err != nil {
		r.Fatal(err)
	}
	get(r, c, "B", "")
}

func commitAnswerIsLost(r rig) {
	for _, row := range []struct {
		side mqtest.Break
		text string
	}{{mqtest.BeforeWork, ""}, {mqtest.AfterWork, "x"}} {
		a := r.dial(true)
		put(r, a, "A", "x", true)
		r.qm.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Break: row.side})
		wantReason(r, a.Commit(), mqrc.ConnectionBroken)
		wantReason(r, a.Commit(), mqrc.ConnectionBroken)
		get(r, r.dial(false), "A", row.text)
	}
}

func nthCallFails(r rig) {
	c := r.dial(false)
	r.qm.Inject(mqtest.Fault{Verb: mqconn.VerbPut, Queue: "A", Skip: 1, Times: 2, Reason: mqrc.QFull})
	put(r, c, "B", "not counted", false)
	put(r, c, "A", "1", false)
	for range 2 {
		wantReason(r, c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}), mqrc.QFull)
	}
	put(r, c, "A", "2", false)
	wantDepth(r, r.qm, "A", 2)
}

func refusedConnections(r rig) {
	r.qm.Inject(mqtest.Fault{Verb: mqconn.VerbConnect, Reason: mqrc.NotAuthorized})
	endpoint := serve(r, r.qm)
	for _, row := range []struct {
		tcp  mqtest.TCP
		want mqrc.Reason
	}{
		{mqtest.TCP{}, mqrc.NotAuthorized},
		{mqtest.TCP{QueueManager: "QM2"}, mqrc.QMgrNameError},
		{mqtest.TCP{Channel: "NOT.DEFINED"}, mqrc.UnknownChannelName},
		{mqtest.TCP{Channel: "FULL"}, mqrc.ChannelNotAvailable},
	} {
		r.mqsc("DEFINE CHANNEL(FULL) CHLTYPE(SVRCONN) MAXINST(0) REPLACE")
		_, err := row.tcp.Dial(r.Context(), mqconn.DialOptions{Endpoint: endpoint})
		wantReason(r, err, row.want)
	}
	if connections, _ := r.qm.Handles(); connections != 0 {
		r.Errorf("%d connections", connections)
	}
}

func infoIsTrue(r rig) {
	want := mqconn.Info{
		Library: "github.com/mqha/mqha/mqconn/mqtest", QueueManager: "QM1", MaxMessage: 4 << 20,
		UserID: true, BackoutCount: true, ExclusiveOpen: true, HeldBrowse: true,
	}
	got := r.dial(false).Info()
	got.Endpoint = ""
	if got != want {
		r.Errorf("got %+v, want %+v", got, want)
	}
}
