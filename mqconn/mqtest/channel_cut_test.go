package mqtest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

const (
	confirmVerb   = mqtest.ConfirmVerb
	heartbeatVerb = mqtest.HeartbeatVerb
)

// throughProxy makes the channel go through a proxy that judges the n-th confirmation, from 1.
func (p pair) throughProxy(judge func(n int) verdict) *proxy {
	p.Helper()
	var confirmations atomic.Int64
	x := newProxy(p.T, p.endpoint, func(verb uint32) verdict {
		if verb != confirmVerb {
			return forward
		}
		return judge(int(confirmations.Add(1)))
	})
	p.mqsc(p.from, "ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(SDR) CONNAME('"+x.connectionName()+"')")
	return x
}

// Whether a confirmation is lost before the receiver has committed or after it: each message arrives once, in order.
func TestBatchInDoubtArrivesExactlyOnce(t *testing.T) {
	for name, v := range map[string]verdict{"not committed": cutBefore, "committed": cutAfter} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, "BATCHSZ(3) SHORTTMR(1)", "")
			p.throughProxy(func(n int) verdict {
				if n%2 == 1 {
					return v
				}
				return forward
			})
			c := dial(t, p.from.Dialer(), "", false)
			var want []string
			for i := range 20 {
				want = append(want, fmt.Sprint(i))
				put(t, c, "FAR.A", want[i], true)
			}
			p.start()
			s := awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Sequence == 20 && !s.InDoubt })
			if s.Connections < 4 {
				t.Errorf("cut only %d times", s.Connections-1)
			}
			if got := bodies(t, p.to, "A"); !slices.Equal(got, want) {
				t.Errorf("got %q", got)
			}
			wantDepth(t, p.from, "QM2", 0)
		})
	}
}

// While a batch is in doubt nobody sees its messages; RESOLVE CHANNEL settles it without the other side.
func TestBatchInDoubtIsResolvedByCommand(t *testing.T) {
	for _, commit := range []bool{true, false} {
		p := newPair(t, "SHORTTMR(999999)", "")
		verdictOfFirst := cutBefore
		if commit {
			verdictOfFirst = cutAfter
		}
		p.throughProxy(func(n int) verdict {
			if n == 1 {
				return verdictOfFirst
			}
			return forward
		})
		c := dial(t, p.from.Dialer(), "", false)
		put(t, c, "FAR.A", "in doubt", true)
		p.start()
		awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.State == mqtest.ChannelRetrying && s.InDoubt })
		if err := p.from.MQSC("RESET CHANNEL(QM1.TO.QM2) SEQNUM(1)"); !errors.Is(err, mqtest.ErrChannel) {
			t.Errorf("reset in doubt: %v", err)
		}
		p.stop()
		get(t, c, "QM2", "")
		action := "BACKOUT"
		if commit {
			action = "COMMIT"
		}
		p.mqsc(p.from, "RESOLVE CHANNEL(QM1.TO.QM2) ACTION("+action+")")
		awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return !s.InDoubt })
		if commit {
			wantDepth(t, p.from, "QM2", 0)
		} else {
			get(t, c, "QM2", mustBrowse(t, c, "QM2"))
		}
		if err := p.from.MQSC("RESOLVE CHANNEL(QM1.TO.QM2) ACTION(COMMIT)"); !errors.Is(err, mqtest.ErrChannel) {
			t.Errorf("resolved twice: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		p.start()
		awaitState(t, p.from, mqtest.ChannelRunning) // both count the same messages
	}
}

func mustBrowse(t *testing.T, c mqconn.Transport, queue string) string {
	t.Helper()
	var m mqconn.Message
	if err := c.Browse(queue, &m, false); err != nil {
		t.Fatal(err)
	}
	return string(m.Body)
}

// A fast message that is under way when the connection breaks is gone; a persistent one is not.
func TestFastMessagesAreLostAtACut(t *testing.T) {
	p := newPair(t, "SHORTTMR(1)", "")
	cut := make(chan struct{}, 1)
	x := newProxy(t, p.endpoint, func(verb uint32) verdict {
		if verb == mqtest.MessageVerb {
			select {
			case <-cut:
				return cutBefore
			default:
			}
		}
		return forward
	})
	p.mqsc(p.from, "ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(SDR) CONNAME('"+x.connectionName()+"')\nSTART CHANNEL(QM1.TO.QM2)")
	c := dial(t, p.from.Dialer(), "", false)
	for _, persistent := range []bool{false, true} {
		connections := awaitState(t, p.from, mqtest.ChannelRunning).Connections
		cut <- struct{}{}
		put(t, c, "FAR.A", "under way", persistent)
		awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Connections > connections })
		put(t, c, "FAR.A", "behind", persistent)
		want := 1
		if persistent {
			want = 2
		}
		if persistent {
			awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Sequence == want && !s.InDoubt })
		}
		awaitDepth(t, p.to, "A", want)
		if got := strings.Join(bodies(t, p.to, "A"), ", "); !persistent && got != "behind" || persistent && got != "under way, behind" {
			t.Errorf("persistent %v: got %s", persistent, got)
		}
	}
}

// Two queue managers that do not count the same messages do not go on as if nothing were: one has lost its state.
func TestSequenceNumbersThatDoNotAgreeStopTheChannel(t *testing.T) {
	p := newPair(t, "SHORTTMR(999999)", "")
	c := dial(t, p.from.Dialer(), "", false)
	put(t, c, "FAR.A", "one", true)
	p.start()
	awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Batches == 1 })
	p.stop()
	other := mqtest.New(t, mqtest.Options{Name: "QM2", Second: scale, MQSC: far}) // without the memory of the first
	p.mqsc(p.from, "ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(SDR) CONNAME('"+connectionName(serve(t, other))+"')\nSTART CHANNEL(QM1.TO.QM2)")
	s := awaitState(t, p.from, mqtest.ChannelRetrying)
	if s.Err == nil || !strings.Contains(s.Err.Error(), "RESET CHANNEL") {
		t.Fatalf("got %+v", s)
	}
	put(t, c, "FAR.A", "two", true)
	p.stop()
	p.mqsc(p.from, "RESET CHANNEL(QM1.TO.QM2) SEQNUM(1)\nSTART CHANNEL(QM1.TO.QM2)")
	awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Batches == 2 && s.Sequence == 1 })
	wantDepth(t, other, "A", 1)
	if err := p.from.MQSC("RESET CHANNEL(QM1.TO.QM2)"); !errors.Is(err, mqtest.ErrChannel) {
		t.Errorf("reset of a running channel: %v", err)
	}
	p.stop()
	p.mqsc(other, "RESET CHANNEL(QM1.TO.QM2) SEQNUM(100)") // at the receiver it counts for the receiver alone
	p.mqsc(p.from, "RESET CHANNEL(QM1.TO.QM2) SEQNUM(100)\nSTART CHANNEL(QM1.TO.QM2)")
	put(t, c, "FAR.A", "a hundred", true)
	awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Sequence == 100 && !s.InDoubt })
}

// SEQWRAP: the number behind the highest is 1.
func TestSequenceNumbersWrap(t *testing.T) {
	p := newPair(t, "SEQWRAP(100)", "ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(RCVR) SEQWRAP(100)")
	p.mqsc(p.from, "RESET CHANNEL(QM1.TO.QM2) SEQNUM(99)\nSTART CHANNEL(QM1.TO.QM2)")
	c := dial(t, p.from.Dialer(), "", false)
	for range 5 {
		put(t, c, "FAR.A", "x", true)
	}
	awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Sequence == 3 && s.Messages == 5 && !s.InDoubt })
	wantDepth(t, p.to, "A", 5)
}

// A cut of all connections does not lose a persistent message, whenever it comes.
func TestCutsAtAnyTimeLoseNothing(t *testing.T) {
	p := newPair(t, "BATCHSZ(5) SHORTTMR(1) SHORTRTY(999999999)", "")
	p.start()
	c := dial(t, p.from.Dialer(), "", true)
	const n = 300
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint(i))
		put(t, c, "FAR.A", want[i], true)
		if err := c.Commit(); err != nil {
			t.Fatal(err)
		}
		if i%10 != 9 {
			continue
		}
		before := awaitState(t, p.from, mqtest.ChannelRunning).Connections
		if i%20 == 9 {
			p.from.CutChannel("QM1.TO.QM2")
		} else {
			p.to.Cut()
		}
		awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Connections > before })
	}
	awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Sequence == n && !s.InDoubt })
	if got := bodies(t, p.to, "A"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if s := awaitChannel(t, p.from, func(s mqtest.ChannelStatus) bool { return s.Sequence == n }); s.Connections < 20 {
		t.Errorf("%+v", s)
	}
}
