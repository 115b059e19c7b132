package mqtest_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/loopback"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// Two queue managers in processes of their own, each with a directory, killed and started again while a channel
// moves persistent messages between them: each arrives once, in order.
func TestKilledQueueManagersLoseAndRepeatNothing(t *testing.T) {
	script := filepath.Join(t.TempDir(), "far.mqsc")
	if err := os.WriteFile(script, []byte(far+"DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) HBINT(5)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	farDir, nearDir := t.TempDir(), t.TempDir()
	farProcess, farAddress := startQueueManager(t, "-name", "QM2", "-listen", loopback.Any(), "-dir", farDir, "-mqsc", script, "-second", "1ms")
	nearScript := filepath.Join(t.TempDir(), "near.mqsc")
	definitions := near(farAddress, "BATCHSZ(4) SHORTTMR(5) SHORTRTY(999999999)") + "START CHANNEL(QM1.TO.QM2)\n"
	if err := os.WriteFile(nearScript, []byte(definitions), 0o600); err != nil {
		t.Fatal(err)
	}
	nearProcess, nearAddress := startQueueManager(t, "-dir", nearDir, "-mqsc", nearScript, "-second", "1ms")

	const rounds, each = 10, 20
	var want []string
	for round := range rounds {
		c := dial(t, mqtest.TCP{}, nearAddress, true)
		for i := range each {
			text := fmt.Sprintf("%d.%d", round, i)
			want = append(want, text)
			put(t, c, "FAR.A", text, true)
			if i%3 == 2 || i == each-1 {
				if err := c.Commit(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if round%2 == 0 {
			nearProcess.kill()
			nearProcess, nearAddress = startQueueManager(t, "-dir", nearDir, "-second", "1ms")
		} else {
			farProcess.kill()
			farProcess, _ = startQueueManager(t, "-name", "QM2", "-dir", farDir, "-listen", farAddress, "-second", "1ms")
		}
	}
	c := dial(t, mqtest.TCP{}, farAddress, false)
	var got []string
	for len(got) < len(want) {
		var m mqconn.Message
		if err := c.Get("A", &m, mqconn.GetOptions{Wait: 30 * time.Second}); err != nil {
			t.Fatalf("after %d of %d messages: %v", len(got), len(want), err)
		}
		got = append(got, string(m.Body))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	get(t, c, "A", "")
	if n, err := (mqtest.TCP{}).Depth(t.Context(), nearAddress, "QM2"); err != nil || n != 0 {
		t.Errorf("%d messages left to be sent, %v", n, err)
	}
}

// A batch that is in doubt when the sending queue manager is killed is still in doubt, hidden from everybody, when it is
// started again, and settled as the receiver remembers it; so too if the receiver is killed meanwhile.
func TestDoubtSurvivesBothQueueManagers(t *testing.T) {
	for name, v := range map[string]verdict{"not committed": cutBefore, "committed": cutAfter} {
		t.Run(name, func(t *testing.T) {
			farDir, nearDir := t.TempDir(), t.TempDir()
			to, err := mqtest.Start(mqtest.Options{Name: "QM2", Dir: farDir, Second: scale, MQSC: far})
			if err != nil {
				t.Fatal(err)
			}
			endpoint := serve(t, to)
			x := newProxy(t, endpoint, func(verb uint32) verdict {
				if verb == confirmVerb {
					return v
				}
				return forward
			})
			from, err := mqtest.Start(mqtest.Options{Dir: nearDir, Second: scale, MQSC: near(endpoint, "SHORTTMR(999999)") +
				"ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(SDR) CONNAME('" + x.connectionName() + "')"})
			if err != nil {
				t.Fatal(err)
			}
			c := dial(t, from.Dialer(), "", false)
			put(t, c, "FAR.A", "one", true)
			put(t, c, "FAR.A", "two", true)
			if err := from.MQSC("START CHANNEL(QM1.TO.QM2)"); err != nil {
				t.Fatal(err)
			}
			awaitChannel(t, from, func(s mqtest.ChannelStatus) bool { return s.State == mqtest.ChannelRetrying && s.InDoubt })
			from.Kill()
			to.Kill()

			mqtest.New(t, mqtest.Options{Dir: nearDir, Second: time.Hour}).Kill() // and again, with its log written anew
			again := mqtest.New(t, mqtest.Options{Dir: nearDir, Second: scale})
			if s := again.Channel("QM1.TO.QM2"); !s.InDoubt || s.Sequence != 0 {
				t.Errorf("after the start: %+v", s)
			}
			if err := again.MQSC("STOP CHANNEL(QM1.TO.QM2)"); err != nil {
				t.Fatal(err)
			}
			awaitState(t, again, mqtest.ChannelStopped)
			d := dial(t, again.Dialer(), "", false)
			get(t, d, "QM2", "")
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			mqtest.New(t, mqtest.Options{Name: "QM2", Dir: farDir}).Kill()
			back := mqtest.New(t, mqtest.Options{Name: "QM2", Dir: farDir, Second: scale})
			if err := again.MQSC("ALTER CHANNEL(QM1.TO.QM2) CHLTYPE(SDR) CONNAME('" + connectionName(serve(t, back)) + "')\n" +
				"START CHANNEL(QM1.TO.QM2)"); err != nil {
				t.Fatal(err)
			}
			awaitChannel(t, again, func(s mqtest.ChannelStatus) bool { return s.Sequence == 2 && !s.InDoubt })
			if got := strings.Join(bodies(t, back, "A"), " "); got != "one two" {
				t.Errorf("got %q", got)
			}
			wantDepth(t, again, "QM2", 0)
		})
	}
}

// Definitions, and whether a channel was started or stopped, survive a restart.
func TestChannelsAreAsTheyWereAfterARestart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	script := near(l.Addr().String(), "SHORTTMR(999999)") + `
DEFINE CHANNEL(RUNS) CHLTYPE(SDR) CONNAME('127.0.0.1(1)') XMITQ(QM2) SHORTTMR(999999)
DEFINE CHANNEL(STOPPED) CHLTYPE(SDR) CONNAME('127.0.0.1(1)') XMITQ(QM2) SHORTTMR(999999)
DEFINE CHANNEL(RECEIVES) CHLTYPE(RCVR) BATCHSZ(7)
DEFINE CHANNEL(REFUSES) CHLTYPE(RCVR)
DEFINE QREMOTE(FULL) RNAME(A) RQMNAME(QM2) XMITQ(QM2) PUT(DISABLED) DEFPSIST(YES) DEFPRTY(3)
ALTER QMGR DEADQ(A) DEFXMITQ(QM2) CHLAUTH(DISABLED)
SET CHLAUTH('MQHA.*') TYPE(ADDRESSMAP) ADDRESS('10.*') USERSRC(MAP) MCAUSER('it''s')
SET CHLAUTH('MQHA.*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS)
SET CHLAUTH('*') TYPE(BLOCKUSER) USERLIST('*MQADMIN','nobody')
DEFINE SERVICE(S) CONTROL(STARTONLY) SERVTYPE(SERVER) STARTCMD('/no such') STARTARG('-a "b c"') STDOUT('o') STDERR('e')
START CHANNEL(RUNS)
STOP CHANNEL(STOPPED)
STOP CHANNEL(REFUSES)
`
	first := mqtest.New(t, mqtest.Options{Dir: dir, MQSC: script})
	first.Kill()
	read := func() string {
		b, err := os.ReadFile(filepath.Join(dir, "objects.mqsc"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before := read()
	again := mqtest.New(t, mqtest.Options{Dir: dir})
	if got := read(); got != before {
		t.Errorf("the definitions were\n%s\nand are\n%s", before, got)
	}
	for name, want := range map[string]mqtest.ChannelState{
		"RUNS": mqtest.ChannelRetrying, "STOPPED": mqtest.ChannelStopped, "RECEIVES": mqtest.ChannelInactive,
		"REFUSES": mqtest.ChannelStopped, "QM1.TO.QM2": mqtest.ChannelInactive,
	} {
		for again.Channel(name).State != want {
			yield()
		}
	}
}
