package mqtest_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
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
	if m := await(t, d, "A"); string(m.Body) != "by name" {
		t.Errorf("got %q", m.Body)
	}
	s := awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Batches == 1 })
	if s.State != mqtest.ChannelRunning || s.QueueManager != "QM2" || s.Messages != 2 || s.Sequence != 2 || s.InDoubt || s.Err != nil {
		t.Errorf("the sender says %+v", s)
	}
	if r := p.to.Channel("QM1.TO.QM2"); r.State != mqtest.ChannelRunning || r.QueueManager != "QM1" || r.Messages != 2 || r.Sequence != 2 {
		t.Errorf("the receiver says %+v", r)
	}
	wantDepth(t, p.from, "QM2", 0)
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

func connectionName(endpoint string) string {
	host, port, _ := net.SplitHostPort(endpoint)
	return host + "(" + port + ")"
}
