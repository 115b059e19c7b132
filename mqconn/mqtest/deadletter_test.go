package mqtest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

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
