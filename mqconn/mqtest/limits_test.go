package mqtest_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// Puts and gets count, backout and commit make room, and the limit is kept over a restart.
func TestUnitOfWorkHasALimit(t *testing.T) {
	dir := t.TempDir()
	if err := mqtest.New(t, mqtest.Options{Dir: dir, MQSC: definitions + "ALTER QMGR MAXUMSGS(3)"}).Close(); err != nil {
		t.Fatal(err)
	}
	qm := startIn(t, dir)
	for way, dial := range ways(t, qm) {
		t.Run(way, func(t *testing.T) {
			plain, c := dial(false), dial(true)
			for _, text := range []string{"1", "2", "3"} {
				put(t, plain, "A", text, true)
			}
			get(t, c, "A", "1")
			put(t, c, "B", "x", false)
			put(t, c, "B", "y", true)
			wantReason(t, c.Put(mqconn.Address{Queue: "B"}, &mqconn.Message{}), mqrc.SyncpointLimitReached)
			wantReason(t, c.Get("A", new(mqconn.Message), mqconn.GetOptions{}), mqrc.SyncpointLimitReached)
			put(t, plain, "B", "outside syncpoint there is none", false)
			get(t, plain, "B", "outside syncpoint there is none")
			if err := c.Backout(); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"1", "2", "3"} {
				get(t, c, "A", text)
			}
			wantReason(t, c.Put(mqconn.Address{Queue: "B"}, &mqconn.Message{}), mqrc.SyncpointLimitReached)
			if err := c.Commit(); err != nil {
				t.Fatal(err)
			}
			get(t, c, "A", "")
			get(t, c, "B", "")
		})
	}
}

// MAXINST is of all clients together, MAXINSTC of one: on this machine the whole of 127/8 is loopback, so that a second
// client can be had.
func TestConnectionsOfAChannelHaveLimits(t *testing.T) {
	dir := t.TempDir()
	script := definitions + "DEFINE CHANNEL(FEW) CHLTYPE(SVRCONN) HBINT(5) MAXINST(3) MAXINSTC(2) REPLACE"
	if err := mqtest.New(t, mqtest.Options{Dir: dir, MQSC: script}).Close(); err != nil {
		t.Fatal(err)
	}
	qm := startIn(t, dir)
	endpoint := serve(t, qm)
	few := mqtest.TCP{Channel: "FEW"}
	first, second := dial(t, few, endpoint, false), dial(t, few, endpoint, false)
	refused := func(why string) {
		t.Helper()
		_, err := few.Dial(t.Context(), mqconn.DialOptions{Endpoint: endpoint})
		if err == nil {
			t.Fatal(why)
		}
		wantReason(t, err, mqrc.ChannelNotAvailable)
	}
	refused("a third connection of one client")
	dial(t, mqtest.TCP{}, endpoint, false) // another channel has limits of its own
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	third := dial(t, few, endpoint, false)
	if runtime.GOOS == "linux" {
		otherClient(t, endpoint, "FEW", mqrc.None)
		otherClient(t, endpoint, "FEW", mqrc.ChannelNotAvailable) // the fourth of all
	}
	for _, c := range []mqconn.Transport{second, third} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFIFOForgetsPriority(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: "DEFINE QLOCAL(A) MSGDLVSQ(FIFO)"})
	c := dial(t, qm.Dialer(), "", false)
	for priority := range 3 {
		m := mqconn.Message{Body: []byte{'0' + byte(priority)}, Priority: priority}
		if err := c.Put(mqconn.Address{Queue: "A"}, &m); err != nil {
			t.Fatal(err)
		}
	}
	for priority := range 3 {
		if m := get(t, c, "A", string('0'+rune(priority))); m.Priority != priority {
			t.Errorf("priority %d, want %d", m.Priority, priority)
		}
	}
}

// Two queue managers of one name, started at the same instant or with the clock set back, do not give one identifier
// to two messages.
func TestIdentifiersDoNotFollowTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(map[mqconn.ID]bool)
		for range 3 {
			qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
			c := dial(t, qm.Dialer(), "", false)
			for range 3 {
				id := put(t, c, "A", "x", false)
				if seen[id] {
					t.Fatalf("%x again", id)
				}
				seen[id] = true
			}
		}
	})
}

// Persistent messages that expire leave the log when somebody meets them: a queue of answers that nobody gets
// would let it grow for ever.
func TestExpiredMessagesLeaveTheLog(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		qm := mqtest.New(t, mqtest.Options{Dir: dir, MQSC: "DEFINE QLOCAL(A) MAXDEPTH(4)\nDEFINE QLOCAL(B)"})
		c := dial(t, qm.Dialer(), "", false)
		put(t, c, "B", "kept", true)
		m := mqconn.Message{Body: make([]byte, 4<<20), Persistent: true, Expiry: time.Second}
		for i := range 24 { // 96 MiB in all: the log is written anew above 64 MiB, if it is mostly old then
			if i%4 == 0 {
				time.Sleep(time.Second)
			}
			if err := c.Put(mqconn.Address{Queue: "A"}, &m); err != nil {
				t.Fatal(err)
			}
		}
		qm.Kill()
	})
	if n := size(t, filepath.Join(dir, "messages.log")); n > 64<<20 {
		t.Errorf("the log has %d bytes", n)
	}
	get(t, dial(t, startIn(t, dir).Dialer(), "", false), "B", "kept")
}

// A crash may come after a message is durable on a new queue and before the queue's definition is.
func TestMessagesOfAnUndefinedQueueSurvive(t *testing.T) {
	dir := t.TempDir()
	qm := startIn(t, dir)
	put(t, dial(t, qm.Dialer(), "", false), "A", "x", true)
	qm.Kill()
	if err := os.WriteFile(filepath.Join(dir, "objects.mqsc"), []byte("DEFINE QLOCAL(B)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	qm = mqtest.New(t, mqtest.Options{Dir: dir})
	get(t, dial(t, qm.Dialer(), "", false), "A", "x")
}

func TestBindingsSayThatTheyAre(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: "DEFINE QLOCAL(A)"}) // and no channel
	endpoint := serve(t, qm)
	for name, dialer := range map[string]mqconn.Dialer{"in process": qm.Bindings(), "over TCP": mqtest.TCP{Bindings: true}} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, dialer, endpoint, false)
			put(t, c, "A", "x", false)
			get(t, c, "A", "x")
			if !c.Info().Bindings {
				t.Error("its Info says that it is a client")
			}
			classify := func(err error) mqconn.Class {
				t.Helper()
				f, ok := err.(*mqconn.Fault)
				if !ok {
					t.Fatalf("got %v", err)
				}
				return mqconn.Classify(*f)
			}
			if f, ok := c.Put(mqconn.Address{Queue: "NOT.DEFINED"}, &mqconn.Message{}).(*mqconn.Fault); !ok || !f.Bindings {
				t.Errorf("got %+v", f)
			}
			if err := qm.Strike(mqtest.FaultMovedAway); err != nil {
				t.Fatal(err)
			}
			_, err := dialer.Dial(t.Context(), mqconn.DialOptions{Endpoint: endpoint})
			wantReason(t, err, mqrc.QMgrNameError)
			if got := classify(err); got != mqconn.NotHere {
				t.Errorf("2058 in bindings is %v", got)
			}
			if err := qm.Restore(); err != nil {
				t.Fatal(err)
			}
		})
	}
	qm.Kill()
	_, err := mqtest.TCP{Bindings: true}.Dial(t.Context(), mqconn.DialOptions{Endpoint: endpoint})
	wantReason(t, err, mqrc.QMgrNotAvailable)
}

// A vanished client keeps what it holds for twice HBINT, and not a moment longer than the queue manager knows of it.
func TestVanishedClientKeepsItsHandlesForTwiceTheHeartbeatInterval(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions + "ALTER CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) HBINT(1)\n"})
	endpoint := serve(t, qm)
	next := dial(t, mqtest.TCP{}, endpoint, false)
	begun := time.Now()
	holdAndVanish(t, endpoint, "HELD")
	wantReason(t, next.Hold("HELD"), mqrc.ObjectInUse)
	for connections, _ := qm.Handles(); connections > 1; connections, _ = qm.Handles() {
		yield()
	}
	if kept := time.Since(begun); kept < 2*time.Second {
		t.Errorf("kept for %s only", kept)
	}
	if err := next.Hold("HELD"); err != nil {
		t.Fatal(err)
	}
}

func TestCountsOfConnectionsOutliveThem(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	endpoint := serve(t, qm)
	for range 3 {
		if err := dial(t, mqtest.TCP{AppName: "agent"}, endpoint, false).Close(); err != nil {
			t.Fatal(err)
		}
	}
	dial(t, mqtest.TCP{AppName: "agent"}, endpoint, false)
	dial(t, qm.Dialer(), "", false)
	const want = "[{agent Go client 1 4} {test in process 1 1}]"
	if got := fmt.Sprint(qm.ConnectionCounts()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// otherClient connects from another address of this machine, until the end of the test.
func otherClient(t *testing.T, endpoint, channel string, want mqrc.Reason) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if got := mqtest.ConnectOver(conn, channel, ""); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

// holdAndVanish holds a queue, and then sends nothing any more.
func holdAndVanish(t *testing.T, endpoint, queue string) {
	t.Helper()
	conn, err := net.Dial("tcp", endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if got := mqtest.ConnectOver(conn, mqtest.DefaultChannel, queue); got != mqrc.None {
		t.Fatal(got)
	}
}
