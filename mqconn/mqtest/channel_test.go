package mqtest_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// pair is two queue managers with a channel from QM1 to QM2.
type pair struct {
	*testing.T
	from, to *mqtest.QueueManager
	endpoint string // of to
}

const scale = time.Millisecond // of Options.Second

// far is what QM2 defines.
const far = `
DEFINE QLOCAL(A) REPLACE
DEFINE QLOCAL(SMALL) MAXDEPTH(1) REPLACE
DEFINE CHANNEL(QM1.TO.QM2) CHLTYPE(RCVR) MRRTY(2) MRTMR(1) REPLACE
`

func newPair(t *testing.T, attributes, farScript string) pair {
	t.Helper()
	to := mqtest.New(t, mqtest.Options{Name: "QM2", Second: scale, MQSC: far + farScript})
	endpoint := serve(t, to)
	from := mqtest.New(t, mqtest.Options{Second: scale, MQSC: near(endpoint, attributes)})
	return pair{t, from, to, endpoint}
}

// near is what QM1 defines: its channel to endpoint, not started.
func near(endpoint, attributes string) string {
	host, port, _ := net.SplitHostPort(endpoint)
	return definitions + fmt.Sprintf(`
DEFINE QLOCAL(QM2) USAGE(XMITQ) REPLACE
DEFINE QREMOTE(FAR.A) RNAME(A) RQMNAME(QM2) XMITQ(QM2) REPLACE
DEFINE QREMOTE(FAR.SMALL) RNAME(SMALL) RQMNAME(QM2) REPLACE
DEFINE QREMOTE(FAR.NOWHERE) RNAME(NOWHERE) RQMNAME(QM2) REPLACE
DEFINE CHANNEL(QM1.TO.QM2) CHLTYPE(SDR) CONNAME('%s(%s)') XMITQ(QM2) %s REPLACE
`, host, port, attributes)
}

func (p pair) start() { p.mqsc(p.from, "START CHANNEL(QM1.TO.QM2)") }
func (p pair) stop() {
	p.mqsc(p.from, "STOP CHANNEL(QM1.TO.QM2)")
	awaitState(p.T, p.from, mqtest.ChannelStopped)
}

func (p pair) mqsc(qm *mqtest.QueueManager, script string) {
	p.Helper()
	if err := qm.MQSC(script); err != nil {
		p.Fatal(err)
	}
}

// awaitState returns when the channel is in the state. What it waits for comes by itself, or the test hangs.
func awaitState(t *testing.T, qm *mqtest.QueueManager, want mqtest.ChannelState) mqtest.ChannelStatus {
	t.Helper()
	return awaitChannel(t, qm, func(s mqtest.ChannelStatus) bool { return s.State == want })
}

func awaitChannel(t *testing.T, qm *mqtest.QueueManager, arrived func(mqtest.ChannelStatus) bool) mqtest.ChannelStatus {
	t.Helper()
	for t.Context().Err() == nil {
		if s := qm.Channel("QM1.TO.QM2"); arrived(s) {
			return s
		}
		yield()
	}
	t.Fatal("the test is over")
	return mqtest.ChannelStatus{}
}

func awaitDepth(t *testing.T, qm *mqtest.QueueManager, queue string, want int) {
	t.Helper()
	for {
		n, err := qm.Depth(queue)
		if err != nil {
			t.Fatal(err)
		}
		if n == want {
			return
		}
		yield()
	}
}

// bodies gets everything from a queue.
func bodies(t *testing.T, qm *mqtest.QueueManager, queue string) []string {
	t.Helper()
	c := dial(t, qm.Dialer(), "", false)
	var all []string
	var m mqconn.Message
	for {
		err := c.Get(queue, &m, mqconn.GetOptions{})
		if errors.Is(err, mqconn.ErrNoMessage) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(m.Body))
	}
}

func TestMessageReachesAnotherQueueManager(t *testing.T) {
	p := newPair(t, "", "")
	c := dial(t, p.from.Dialer(), "", false)
	sent := mqconn.Message{
		Body: []byte("by definition"), Persistent: true, Priority: 4, CorrelationID: mqconn.ID{1, 23: 2}, Expiry: time.Hour,
		ReplyTo: mqconn.Address{Queue: "B"},
	}
	if err := c.Put(mqconn.Address{Queue: "FAR.A"}, &sent); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(mqconn.Address{Queue: "A", QueueManager: "QM2"}, &mqconn.Message{Body: []byte("by name"), Persistent: true}); err != nil {
		t.Fatal(err)
	}
	wantDepth(t, p.from, "QM2", 2)
	p.start()
	d := dial(t, p.to.Dialer(), "", false)
	got := await(t, d, "A")
	if string(got.Body) != "by definition" || got.ID != sent.ID || got.CorrelationID != sent.CorrelationID || got.Priority != 4 || !got.Persistent || got.UserID != "mqha" ||
		got.ReplyTo != (mqconn.Address{QueueManager: "QM1", Queue: "B"}) {
		t.Errorf("got %+v, sent %+v", got, sent)
	}
	if got.Expiry <= 59*time.Minute || got.Expiry > time.Hour {
		t.Errorf("expiry %s", got.Expiry)
	}
	get(t, d, "A", "by name")
	s := awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Batches == 1 })
	if s.State != mqtest.ChannelRunning || s.QueueManager != "QM2" || s.Messages != 2 || s.Sequence != 2 || s.InDoubt || s.Err != nil {
		t.Errorf("the sender says %+v", s)
	}
	if r := p.to.Channel("QM1.TO.QM2"); r.State != mqtest.ChannelRunning || r.QueueManager != "QM1" || r.Messages != 2 || r.Sequence != 2 {
		t.Errorf("the receiver says %+v", r)
	}
	wantDepth(t, p.from, "QM2", 0)
}

// A program can look at what waits for a channel: MQXQH in front of the message, the descriptor inside.
func TestMessageOnATransmissionQueueHasAHeader(t *testing.T) {
	p := newPair(t, "", "")
	c := dial(t, p.from.Dialer(), "", false)
	id := put(t, c, "FAR.A", "inside", true)
	getter := dial(t, p.from.Dialer(), "", false)
	var m mqconn.Message
	if err := getter.Get("QM2", &m, mqconn.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := getter.Close(); err != nil { // or the channel cannot have the queue
		t.Fatal(err)
	}
	text := func(at, length int) string { return strings.TrimRight(string(m.Body[at:at+length]), " ") }
	if len(m.Body) != 428+6 || text(0, 4) != "XQH" || text(8, 48) != "A" || text(56, 48) != "QM2" || text(104, 4) != "MD" ||
		string(m.Body[428:]) != "inside" || string(m.Body[104+48:104+72]) != string(id[:]) {
		t.Errorf("got %q", m.Body)
	}
	if m.CorrelationID != id || m.ID == id || !m.Persistent {
		t.Errorf("got %x, correlation %x, message %x", m.ID, m.CorrelationID, id)
	}

	// What has no such header cannot be sent.
	p.mqsc(p.from, "DEFINE QLOCAL(DEAD) REPLACE\nALTER QMGR DEADQ(DEAD)")
	p.mqsc(p.from, "ALTER QLOCAL(QM2) MAXDEPTH(1)")
	put(t, c, "QM2", "no header", true)
	wantReason(t, c.Put(mqconn.Address{Queue: "FAR.A"}, &mqconn.Message{}), mqrc.QFull)
	p.start()
	awaitDepth(t, p.from, "DEAD", 1)
	wantDeadLetter(t, p.from, 271, "", "", "no header")
	p.mqsc(p.from, "ALTER QLOCAL(QM2) MAXMSGL(430)")
	wantReason(t, c.Put(mqconn.Address{Queue: "FAR.A"}, &mqconn.Message{Body: []byte("abc")}), mqrc.MsgTooBigForQ)
}

// await gets a message that is not committed yet, perhaps.
func await(t *testing.T, c mqconn.Transport, queue string) (m mqconn.Message) {
	t.Helper()
	err := mqconn.ErrNoMessage
	for errors.Is(err, mqconn.ErrNoMessage) {
		err = c.Get(queue, &m, mqconn.GetOptions{Wait: time.Second})
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wantDeadLetter(t *testing.T, qm *mqtest.QueueManager, reason int, queueManager, queue, text string) {
	t.Helper()
	c := dial(t, qm.Dialer(), "", false)
	m := await(t, c, "DEAD")
	if len(m.Body) < 172 || string(m.Body[:4]) != "DLH " {
		t.Fatalf("no dead letter: %q", m.Body)
	}
	field := func(at int) string { return strings.TrimRight(string(m.Body[at:at+48]), " ") }
	got := int(m.Body[8]) | int(m.Body[9])<<8
	body := string(m.Body[172:])
	if strings.HasPrefix(body, "XQH ") && len(body) > 428 {
		body = "XQH " + body[428:]
	}
	if got != reason || field(12) != queue || field(60) != queueManager || body != text {
		t.Errorf("reason %d for %q at %q: %q", got, field(12), field(60), body)
	}
}

func TestNamesOfOtherQueueManagersAreResolved(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions + `
DEFINE QLOCAL(QM2) USAGE(XMITQ)
DEFINE QLOCAL(QM3) 
DEFINE QLOCAL(X) USAGE(XMITQ)
DEFINE QALIAS(BY.ALIAS) TARGET(FAR)
DEFINE QALIAS(LOST) TARGET(NOWHERE)
DEFINE QREMOTE(FAR) RNAME(Q) RQMNAME(QM2)
DEFINE QREMOTE(FAR.X) RNAME(Q) RQMNAME(QM9) XMITQ(X)
DEFINE QREMOTE(HOME) RNAME(A) RQMNAME(QM1) XMITQ(X)
DEFINE QREMOTE(NO.QM) RNAME(A) XMITQ(X)
DEFINE QREMOTE(NO.NAME) RQMNAME(QM2)
DEFINE QREMOTE(NO.XMITQ) RNAME(Q) RQMNAME(QM2) XMITQ(NOWHERE)
DEFINE QREMOTE(ALIAS.XMITQ) RNAME(Q) RQMNAME(QM2) XMITQ(BY.ALIAS)
DEFINE QREMOTE(LOCAL.XMITQ) RNAME(Q) RQMNAME(QM2) XMITQ(A)
DEFINE QREMOTE(CLOSED) RNAME(Q) RQMNAME(QM2) PUT(DISABLED)
DEFINE QREMOTE(QM4) RQMNAME(QM2)
DEFINE QREMOTE(QM5) RQMNAME(QM1)
`})
	c := dial(t, qm.Dialer(), "", false)
	for _, row := range []struct {
		queueManager, queue string
		want                mqrc.Reason
		on                  string // where the message is
	}{
		{"", "FAR", 0, "QM2"},
		{"QM1", "FAR", 0, "QM2"},
		{"", "BY.ALIAS", 0, "QM2"},
		{"", "FAR.X", 0, "X"},
		{"QM2", "Q", 0, "QM2"},
		{"QM4", "Q", 0, "QM2"},
		{"QM5", "A", 0, "A"},
		{"QM1", "A", 0, "A"},
		{"", "HOME", mqrc.UnknownRemoteQMgr, ""},
		{"", "NO.QM", mqrc.UnknownRemoteQMgr, ""},
		{"", "NO.NAME", mqrc.RemoteQNameError, ""},
		{"", "NO.XMITQ", mqrc.UnknownXmitQ, ""},
		{"", "ALIAS.XMITQ", mqrc.XmitQTypeError, ""},
		{"", "LOCAL.XMITQ", mqrc.XmitQUsageError, ""},
		{"", "CLOSED", mqrc.PutInhibited, ""},
		{"", "LOST", mqrc.UnknownAliasBaseQ, ""},
		{"QM3", "Q", mqrc.XmitQUsageError, ""},
		{"FAR", "Q", mqrc.UnknownRemoteQMgr, ""},
		{"QM9", "Q", mqrc.UnknownRemoteQMgr, ""},
		{"QM2", "", mqrc.RemoteQNameError, ""},
	} {
		err := c.Put(mqconn.Address{QueueManager: row.queueManager, Queue: row.queue}, &mqconn.Message{Body: []byte("x")})
		if row.want != mqrc.None {
			t.Logf("%s at %q", row.queue, row.queueManager)
			wantReason(t, err, row.want)
			continue
		}
		if got := bodies(t, qm, row.on); err != nil || len(got) != 1 {
			t.Errorf("%s at %q: %v; %d messages on %s", row.queue, row.queueManager, err, len(got), row.on)
		}
	}
	for name, want := range map[string]mqrc.Reason{"X": 0, "GONE": mqrc.UnknownDefXmitQ, "FAR": mqrc.DefXmitQTypeError, "A": mqrc.DefXmitQUsageError} {
		if err := qm.MQSC("ALTER QMGR DEFXMITQ('" + name + "')"); err != nil {
			t.Fatal(err)
		}
		err := dial(t, qm.Dialer(), "", false).Put(mqconn.Address{QueueManager: "QM9", Queue: "Q"}, &mqconn.Message{})
		if want != mqrc.None {
			wantReason(t, err, want)
		} else if got := bodies(t, qm, "X"); err != nil || len(got) != 1 {
			t.Errorf("by DEFXMITQ: %v, %d messages", err, len(got))
		}
	}
	wantReason(t, c.Get("FAR", new(mqconn.Message), mqconn.GetOptions{}), 2045)
}

// The default persistence and priority of a message are those of the first definition on its way.
func TestDefaultsComeFromTheRemoteDefinition(t *testing.T) {
	p := newPair(t, "", "ALTER QLOCAL(A) DEFPSIST(NO) DEFPRTY(1)")
	p.mqsc(p.from, "ALTER QREMOTE(FAR.A) DEFPRTY(7)")
	c := dial(t, p.from.Dialer(), "", false)
	m := mqconn.Message{Body: []byte("x"), Priority: -1} // MQPRI_PRIORITY_AS_Q_DEF
	if err := c.Put(mqconn.Address{Queue: "FAR.A"}, &m); err != nil {
		t.Fatal(err)
	}
	p.start()
	awaitDepth(t, p.to, "A", 1)
	if got := get(t, dial(t, p.to.Dialer(), "", false), "A", "x"); got.Priority != 7 {
		t.Errorf("priority %d", got.Priority)
	}
}

func TestMessageIsPassedOnThroughAQueueManagerBetween(t *testing.T) {
	last := mqtest.New(t, mqtest.Options{Name: "QM3", Second: scale, MQSC: "DEFINE QLOCAL(A)\nDEFINE CHANNEL(QM2.TO.QM3) CHLTYPE(RCVR)"})
	host, port, _ := net.SplitHostPort(serve(t, last))
	p := newPair(t, "", fmt.Sprintf(`
DEFINE QLOCAL(QM3) USAGE(XMITQ)
DEFINE CHANNEL(QM2.TO.QM3) CHLTYPE(SDR) CONNAME('%s(%s)') XMITQ(QM3)
START CHANNEL(QM2.TO.QM3)`, host, port))
	p.mqsc(p.from, "DEFINE QREMOTE(QM3) RQMNAME(QM3) XMITQ(QM2)\nSTART CHANNEL(QM1.TO.QM2)")
	c := dial(t, p.from.Dialer(), "", false)
	for _, persistent := range []bool{true, false} {
		m := mqconn.Message{Body: []byte("two hops"), Persistent: persistent}
		if err := c.Put(mqconn.Address{QueueManager: "QM3", Queue: "A"}, &m); err != nil {
			t.Fatal(err)
		}
		if got := await(t, dial(t, last.Dialer(), "", false), "A"); string(got.Body) != "two hops" || got.ID != m.ID || got.Persistent != persistent {
			t.Errorf("got %+v, sent %+v", got, m)
		}
	}
}

// Fast non-persistent messages are shown when they arrive, the others when their batch is committed: order holds only
// within one class. STOP CHANNEL ends a batch that BATCHINT would keep open.
func TestFastMessagesOvertakeTheBatch(t *testing.T) {
	for speed, want := range map[string]string{"FAST": "n1 n2 n3", "NORMAL": ""} {
		t.Run(speed, func(t *testing.T) {
			p := newPair(t, "BATCHINT(999999999) NPMSPEED("+speed+")", "")
			c := dial(t, p.from.Dialer(), "", false)
			for i := 1; i <= 3; i++ {
				put(t, c, "FAR.A", fmt.Sprintf("p%d", i), true)
				put(t, c, "FAR.A", fmt.Sprintf("n%d", i), false)
			}
			p.start()
			awaitChannel(t, p.to, func(s mqtest.ChannelStatus) bool { return s.Messages == 6 })
			awaitDepth(t, p.to, "A", 6)
			if got := strings.Join(bodies(t, p.to, "A"), " "); got != want {
				t.Errorf("before the commit: got %s, want %s", got, want)
			}
			p.stop()
			if got := strings.Join(bodies(t, p.to, "A"), " "); !strings.HasPrefix(got, "p1 ") || !strings.HasSuffix(got+" ", "p3 n3 ") && speed == "NORMAL" {
				t.Errorf("after it: got %s", got)
			}
		})
	}
}

func TestBatchesHaveTheAgreedSize(t *testing.T) {
	p := newPair(t, "BATCHSZ(7)", "ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(RCVR) BATCHSZ(4)")
	c := dial(t, p.from.Dialer(), "", false)
	for range 10 {
		put(t, c, "FAR.A", "x", true)
	}
	p.start()
	s := awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Sequence == 10 })
	if s.Batches != 3 || s.Messages != 10 {
		t.Errorf("%d batches of %d messages", s.Batches, s.Messages)
	}
}

func TestUndeliverableMessagesGoToTheDeadLetterQueue(t *testing.T) {
	p := newPair(t, "MAXMSGL(1000)", "DEFINE QLOCAL(DEAD)\nALTER QMGR DEADQ(DEAD)")
	p.mqsc(p.from, "DEFINE QLOCAL(DEAD)\nALTER QMGR DEADQ(DEAD)\nSTART CHANNEL(QM1.TO.QM2)")
	c := dial(t, p.from.Dialer(), "", false)
	for _, persistent := range []bool{true, false} {
		put(t, c, "FAR.NOWHERE", "to nowhere", persistent)
		wantDeadLetter(t, p.to, int(mqrc.UnknownObject), "QM2", "NOWHERE", "to nowhere")
		put(t, c, "FAR.SMALL", "the only one", persistent)
		put(t, c, "FAR.SMALL", "one too many", persistent)
		wantDeadLetter(t, p.to, int(mqrc.QFull), "QM2", "SMALL", "one too many")
		await(t, dial(t, p.to.Dialer(), "", false), "SMALL")

		// At the sending side it is still a message for a transmission queue.
		put(t, c, "FAR.A", strings.Repeat("x", 1001), persistent)
		wantDeadLetter(t, p.from, int(mqrc.MsgTooBigForChannel), "QM2", "A", "XQH "+strings.Repeat("x", 1001))
	}
	if s := p.from.Channel("QM1.TO.QM2"); s.State != mqtest.ChannelRunning || s.Connections != 1 {
		t.Errorf("the channel says %+v", s)
	}
}

// Without a dead-letter queue the channel stops at a persistent message and keeps it; a fast one is lost.
func TestChannelStopsWithoutADeadLetterQueue(t *testing.T) {
	p := newPair(t, "", "")
	c := dial(t, p.from.Dialer(), "", false)
	put(t, c, "FAR.NOWHERE", "fast", false)
	put(t, c, "FAR.A", "before", true)
	put(t, c, "FAR.NOWHERE", "kept", true)
	put(t, c, "FAR.A", "behind", true)
	p.start()
	s := awaitState(t, p.from, mqtest.ChannelStopped)
	var e *mqtest.ChannelError
	if !errors.As(s.Err, &e) || !errors.Is(s.Err, mqtest.ErrChannel) || e.Reason != mqrc.UnknownObject || e.Channel != "QM1.TO.QM2" || s.InDoubt {
		t.Fatalf("got %+v", s)
	}
	wantDepth(t, p.from, "QM2", 3)
	wantDepth(t, p.to, "A", 0)
	p.mqsc(p.to, "DEFINE QLOCAL(NOWHERE)")
	p.start()
	if m := await(t, dial(t, p.to.Dialer(), "", false), "NOWHERE"); string(m.Body) != "kept" {
		t.Errorf("got %q", m.Body)
	}
	wantDepth(t, p.to, "A", 2)
	if s := awaitState(t, p.from, mqtest.ChannelRunning); s.Err != nil {
		t.Errorf("still %v", s.Err)
	}

	p.mqsc(p.to, "DEFINE QLOCAL(DEAD)\nALTER QMGR DEADQ(DEAD)\nALTER CHANNEL(QM1.TO.QM2) CHLTYPE(RCVR) USEDLQ(NO)")
	p.from.CutChannel("QM1.TO.QM2") // a definition counts from the next connection on
	put(t, c, "FAR.SMALL", "fits", true)
	put(t, c, "FAR.SMALL", "does not", true)
	awaitState(t, p.from, mqtest.ChannelStopped)
	wantDepth(t, p.to, "DEAD", 0)
}

// MRRTY and MRTMR: a queue that is full for a while costs time and no message.
func TestReceiverTriesAFullQueueAgain(t *testing.T) {
	p := newPair(t, "", "ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(RCVR) MRRTY(999999999) MRTMR(1)\nSTOP CHANNEL(QM1.TO.QM2)\nSTART CHANNEL(QM1.TO.QM2)")
	c := dial(t, p.from.Dialer(), "", false)
	put(t, c, "FAR.SMALL", "first", true)
	put(t, c, "FAR.SMALL", "second", false)
	p.mqsc(p.from, "ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(SDR) BATCHSZ(1)\nSTART CHANNEL(QM1.TO.QM2)")
	awaitState(t, p.to, mqtest.ChannelPaused)
	d := dial(t, p.to.Dialer(), "", false)
	for _, want := range []string{"first", "second"} {
		if m := await(t, d, "SMALL"); string(m.Body) != want {
			t.Errorf("got %q, want %q", m.Body, want)
		}
	}
}

// A channel that is stopped while its receiver waits for a full queue does not wait with it.
func TestStopAndCloseEndAReceiverThatPauses(t *testing.T) {
	p := newPair(t, "", "ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(RCVR) MRTMR(999999999)")
	c := dial(t, p.from.Dialer(), "", false)
	put(t, c, "FAR.SMALL", "first", true)
	p.start()
	awaitDepth(t, p.to, "SMALL", 1)
	put(t, c, "FAR.SMALL", "second", true)
	awaitState(t, p.to, mqtest.ChannelPaused)
	p.mqsc(p.to, "STOP CHANNEL(QM1.TO.QM2)")
	awaitState(t, p.from, mqtest.ChannelRetrying)
	p.mqsc(p.to, "START CHANNEL(QM1.TO.QM2)")
	p.start()
	awaitState(t, p.to, mqtest.ChannelPaused)
	if err := p.to.Close(); err != nil {
		t.Fatal(err)
	}
}

// Retries: SHORTRTY of them, then LONGRTY, then the channel is stopped.
func TestRetriesAreShortThenLongThenOver(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	qm := mqtest.New(t, mqtest.Options{Second: scale, MQSC: near(nobody, "SHORTRTY(3) SHORTTMR(1) LONGRTY(2) LONGTMR(2)") +
		"START CHANNEL(QM1.TO.QM2)"})
	s := awaitState(t, qm, mqtest.ChannelStopped)
	if s.ShortLeft != 0 || s.LongLeft != 0 || !errors.Is(s.Err, mqtest.ErrChannel) {
		t.Errorf("got %+v", s)
	}

	// An hour is an hour: the wait ends by START CHANNEL, not by itself.
	if err := qm.MQSC("ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(SDR) SHORTRTY(1) SHORTTMR(3600000) LONGTMR(999999999)\nSTART CHANNEL(QM1.TO.QM2)"); err != nil {
		t.Fatal(err)
	}
	if s := awaitState(t, qm, mqtest.ChannelRetrying); s.ShortLeft != 0 || s.LongLeft != 2 {
		t.Errorf("got %+v", s)
	}
	if err := qm.MQSC("START CHANNEL(QM1.TO.QM2)"); err != nil {
		t.Fatal(err)
	}
	awaitChannel(t, qm, func(s mqtest.ChannelStatus) bool { return s.State == mqtest.ChannelRetrying && s.LongLeft == 1 })
	if err := qm.MQSC("STOP CHANNEL(QM1.TO.QM2) STATUS(INACTIVE)"); err != nil {
		t.Fatal(err)
	}
	awaitState(t, qm, mqtest.ChannelInactive)
}

func TestChannelComesBackWhenTheOtherSideDoes(t *testing.T) {
	p := newPair(t, "SHORTTMR(1)", "STOP CHANNEL(QM1.TO.QM2)")
	c := dial(t, p.from.Dialer(), "", false)
	put(t, c, "FAR.A", "waits", true)
	p.start()
	s := awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.State == mqtest.ChannelRetrying && s.LongLeft != 0 })
	var e *mqtest.ChannelError
	if !errors.As(s.Err, &e) || e.Reason != mqrc.ChannelNotAvailable {
		t.Errorf("got %v", s.Err)
	}
	p.mqsc(p.to, "START CHANNEL(QM1.TO.QM2)")
	p.start()
	awaitDepth(t, p.to, "A", 1)
	s = awaitState(t, p.from, mqtest.ChannelRunning)
	if s.ShortLeft != 10 || s.LongLeft != 999999999 {
		t.Errorf("the retries are not counted anew: %+v", s)
	}
}

// A triggered transmission queue starts its channel when a message comes, after DISCINT again, but not a stopped one.
func TestTriggerStartsAnInactiveChannel(t *testing.T) {
	p := newPair(t, "DISCINT(1)", "")
	p.mqsc(p.from, "ALTER QLOCAL(QM2) TRIGGER TRIGTYPE(FIRST) INITQ(SYSTEM.CHANNEL.INITQ) TRIGDATA(QM1.TO.QM2)")
	c := dial(t, p.from.Dialer(), "", false)
	for n := 1; n <= 3; n++ {
		put(t, c, "FAR.A", "x", n%2 == 0)
		awaitDepth(t, p.to, "A", n)
		awaitState(t, p.from, mqtest.ChannelInactive)
	}
	p.stop()
	put(t, c, "FAR.A", "x", true)
	p.start() // and not the trigger
	awaitDepth(t, p.to, "A", 4)
	if s := p.from.Channel("QM1.TO.QM2"); s.Connections != 4 {
		t.Errorf("%d connections", s.Connections)
	}
}

// Only one getter has a transmission queue whose channel runs, and it is the channel.
func TestRunningChannelHoldsItsTransmissionQueue(t *testing.T) {
	p := newPair(t, "", "")
	p.start()
	awaitState(t, p.from, mqtest.ChannelRunning)
	c := dial(t, p.from.Dialer(), "", false)
	wantReason(t, c.Get("QM2", new(mqconn.Message), mqconn.GetOptions{}), mqrc.ObjectInUse)
	p.stop()
	get(t, c, "QM2", "")
	p.start()
	s := awaitState(t, p.from, mqtest.ChannelRetrying) // c has it open
	var e *mqtest.ChannelError
	if !errors.As(s.Err, &e) || e.Reason != mqrc.ObjectInUse {
		t.Errorf("got %v", s.Err)
	}
}

func TestReportsFindTheirWayBack(t *testing.T) {
	p := newPair(t, "", "")
	host, port, _ := net.SplitHostPort(serve(t, p.from))
	p.mqsc(p.from, "DEFINE CHANNEL(QM2.TO.QM1) CHLTYPE(RCVR)\nSTART CHANNEL(QM1.TO.QM2)")
	p.mqsc(p.to, fmt.Sprintf("DEFINE QLOCAL(QM1) USAGE(XMITQ)\nDEFINE CHANNEL(QM2.TO.QM1) CHLTYPE(SDR) CONNAME('%s(%s)') XMITQ(QM1)\n"+
		"START CHANNEL(QM2.TO.QM1)", host, port))
	const confirmArrival, confirmDelivery = 0x100, 0x800
	id, r := mqtest.PutWithReport(p.from, "FAR.A", "B", confirmArrival|confirmDelivery)
	if r != mqrc.None {
		t.Fatal(r)
	}
	awaitDepth(t, p.from, "B", 1)
	get(t, dial(t, p.to.Dialer(), "", false), "A", "x")
	awaitDepth(t, p.from, "B", 2)
	c := dial(t, p.from.Dialer(), "", false)
	for range 2 {
		var m mqconn.Message
		if err := c.Get("B", &m, mqconn.GetOptions{}); err != nil || m.CorrelationID != id {
			t.Errorf("a report about %x, put was %x", m.CorrelationID, id)
		}
	}
}

// A queue manager that is there and says nothing is given up, and called again.
func TestSilentReceiverIsGivenUp(t *testing.T) {
	p := newPair(t, "HBINT(1) SHORTTMR(1)", "ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(RCVR) HBINT(0)")
	proxy := newProxy(t, p.endpoint, func(verb uint32) verdict {
		if verb == heartbeatVerb {
			return swallow
		}
		return forward
	})
	p.mqsc(p.from, fmt.Sprintf("ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(SDR) CONNAME('%s')\nSTART CHANNEL(QM1.TO.QM2)", proxy.connectionName()))
	s := awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Err != nil })
	if s.Connections < 1 || !strings.Contains(s.Err.Error(), "silent") {
		t.Errorf("got %+v", s)
	}
}

// A sender that vanishes without a word does not keep its successor out: the new call takes the old one's place.
func TestSecondCallOfASenderTakesThePlaceOfTheFirst(t *testing.T) {
	p := newPair(t, "", "")
	first := callChannel(t, p.endpoint)
	second := callChannel(t, p.endpoint)
	if _, err := first.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the first connection: %v", err)
	}
	if n := p.to.Channel("QM1.TO.QM2").Connections; n != 2 {
		t.Errorf("%d connections", n)
	}
	_ = second.Close()
}

func callChannel(t *testing.T, endpoint string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write(mqtest.ChannelOpenFrame("QM1.TO.QM2", "QM1")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, mqtest.ChannelAnswerLength)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWrongCallsAreRefused(t *testing.T) {
	p := newPair(t, "SHORTTMR(999999)", "")
	p.mqsc(p.from, "DEFINE CHANNEL(UNKNOWN) CHLTYPE(SDR) CONNAME('"+connectionName(p.endpoint)+"') XMITQ(QM2)\nSTART CHANNEL(UNKNOWN)")
	for p.from.Channel("UNKNOWN").State != mqtest.ChannelRetrying {
		yield()
	}
	var e *mqtest.ChannelError
	if err := p.from.Channel("UNKNOWN").Err; !errors.As(err, &e) || e.Reason != mqrc.UnknownChannelName {
		t.Errorf("got %v", err)
	}
	_, err := mqtest.TCP{Channel: "QM1.TO.QM2"}.Dial(t.Context(), mqconn.DialOptions{Endpoint: p.endpoint})
	wantReason(t, err, mqrc.UnknownChannelName)
	if s := p.from.Channel("NOBODY"); s.State != "" {
		t.Errorf("a channel that is not defined: %+v", s)
	}
}

func connectionName(endpoint string) string {
	host, port, _ := net.SplitHostPort(endpoint)
	return host + "(" + port + ")"
}
