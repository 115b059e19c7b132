package mqtest_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// Retries: SHORTRTY of them, then LONGRTY, then the channel is stopped.
func TestRetriesAreShortThenLongThenOver(t *testing.T) {
	const nobody = "127.0.0.1:1" // a port that was just given back may be somebody else's by now
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
	p := newPair(t, "", "ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(RCVR) HBINT(0)") // silence alone ends nothing
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
