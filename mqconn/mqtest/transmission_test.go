package mqtest_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

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

// The time that a message waits for its channel counts: it arrives with what is left of its expiry, or not at all.
func TestExpiryGoesOnBeforeTheChannel(t *testing.T) {
	p := newPair(t, "", "")
	c := dial(t, p.from.Dialer(), "", false)
	for _, expiry := range []time.Duration{100 * time.Millisecond, time.Hour} {
		if err := c.Put(mqconn.Address{Queue: "FAR.A"}, &mqconn.Message{Body: []byte(expiry.String()), Persistent: true, Expiry: expiry}); err != nil {
			t.Fatal(err)
		}
	}
	browser := dial(t, p.from.Dialer(), "", false)
	m := mqconn.Message{Expiry: time.Hour}
	for m.Expiry >= time.Hour || !strings.HasSuffix(string(m.Body), "1h0m0s") { // until the first is gone and the second a little older
		if err := browser.Browse("QM2", &m, false); err != nil {
			t.Fatal(err)
		}
	}
	p.start()
	if got := await(t, dial(t, p.to.Dialer(), "", false), "A"); string(got.Body) != "1h0m0s" || got.Expiry > m.Expiry || got.Expiry < 59*time.Minute {
		t.Errorf("got %q with %s left, waiting it had %s", got.Body, got.Expiry, m.Expiry)
	}
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
