package ha

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

func definitions() Config {
	return Config{Name: "SRC", Definitions: Definitions{
		QueueManager: "QM1", User: "mqha", DeadLetterQueue: "MQHA.DEAD.LETTER",
		Peers: []Peer{{Agent: "DST"}, {Agent: "FAR", QueueManager: "QM2", ConnectionName: "far.example(1414),far2.example(1414)"},
			{Agent: "FAR2", QueueManager: "QM2"}, {Agent: "OTHER", QueueManager: "QM3"}},
		Addresses: []string{"10.1.*", "127.0.0.1"},
		Service:   Service{Command: "/opt/agent", Arguments: "-name SRC -greet it's", Stdout: "/var/log/out", Stderr: "/var/log/err"},
	}}
}

func TestMQSCOfASingleAgent(t *testing.T) {
	var b bytes.Buffer
	if err := (Config{Name: "SRC", Definitions: Definitions{QueueManager: "QM1"}}).MQSC(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"DEFINE QLOCAL('MQHA.SRC.IN') +\n       DESCR('Transfer frames to agent SRC') +\n       DEFSOPT(EXCL) NOSHARE DEFPSIST(NO) +\n       MAXDEPTH(999999999) MAXMSGL(4194304) +\n",
		"DEFINE QLOCAL('MQHA.SRC.CMD')", "DEFINE QLOCAL('MQHA.SRC.HA')", "DEFINE QLOCAL('MQHA.REPLY.QM1')",
		"DEFINE CHANNEL('MQHA.SVRCONN') CHLTYPE(SVRCONN) TRPTYPE(TCP) +", "HBINT(5) SHARECNV(1) MAXINST(200)",
		"SET CHLAUTH('MQHA.SVRCONN') TYPE(BLOCKUSER) USERLIST('*MQADMIN') ACTION(REPLACE)",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, b.String())
		}
	}
	for _, unasked := range []string{"DEADQ", "AUTHREC", "QREMOTE", "SDR", "RCVR", "ADDRESSMAP", "SERVICE"} {
		if strings.Contains(b.String(), unasked) {
			t.Errorf("%s was not asked for", unasked)
		}
	}
}

func TestMQSCOfAnAgentWithPeersElsewhere(t *testing.T) {
	c := definitions()
	c.Definitions.MaxInstances = -1
	var b bytes.Buffer
	if err := c.MQSC(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"TRIGGER TRIGTYPE(FIRST) INITQ('SYSTEM.CHANNEL.INITQ') TRIGDATA('QM1.TO.QM2')",
		"DEFINE CHANNEL('QM1.TO.QM2') CHLTYPE(SDR)", "CONNAME('far.example(1414),far2.example(1414)') +\n       XMITQ('QM2')",
		"SHORTRTY(999999999) SHORTTMR(5)", "DEFINE CHANNEL('QM2.TO.QM1') CHLTYPE(RCVR)", "MAXINST(999999999)",
		"SET CHLAUTH('MQHA.SVRCONN') TYPE(ADDRESSMAP) ADDRESS('*') +\n       USERSRC(NOACCESS) ACTION(REPLACE)",
		"SET CHLAUTH('MQHA.SVRCONN') TYPE(ADDRESSMAP) ADDRESS('10.1.*') +\n       USERSRC(CHANNEL) ACTION(REPLACE)",
		"DEFINE SERVICE('MQHA.SRC') +", "SERVTYPE(SERVER) CONTROL(STARTONLY)", "STARTCMD('/opt/agent')",
		"STARTARG('-name SRC -greet it''s')", "STDERR('/var/log/err')",
	} {
		if strings.Count(b.String(), want) != 1 {
			t.Errorf("%q is there %d times in:\n%s", want, strings.Count(b.String(), want), b.String())
		}
	}
	if strings.Contains(b.String(), "QM1.TO.QM3") {
		t.Error("a channel to a queue manager of which nobody says where it is")
	}
}

// runmqsc takes lines of up to 2048 characters, continues them after + or -, and knows no other
// characters than printable ones here.
func TestMQSCIsPlainText(t *testing.T) {
	var b bytes.Buffer
	c := definitions()
	c.Name = strings.Repeat("A", 28)
	if err := c.MQSC(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for i, l := range lines {
		if len(l) > 200 || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("line %d: %q", i+1, l)
		}
		if strings.HasSuffix(l, "+") && strings.TrimSpace(lines[i+1]) == "" {
			t.Errorf("line %d continues into nothing: %q", i+1, l)
		}
		if d := strings.Index(l, "DESCR('"); d >= 0 && len(l[d+7:strings.LastIndex(l, "'")]) > 64 {
			t.Errorf("line %d: DESCR takes 64 characters: %q", i+1, l)
		}
	}
}

func TestMQSCReportsEverythingThatIsWrongAtOnce(t *testing.T) {
	c := definitions()
	c.Name = "lower"
	c.Definitions = Definitions{QueueManager: strings.Repeat("Q", 38), User: "o'brien", DeadLetterQueue: "A B",
		Peers: []Peer{{Agent: "far"}, {Agent: "lower"}, {Agent: "B", QueueManager: "Q'M"},
			{Agent: "C", QueueManager: "QM2", ConnectionName: "one(1414)"}, {Agent: "D", QueueManager: "QM2", ConnectionName: "two(1414)"},
			{Agent: "E", QueueManager: "QM3", ConnectionName: "x'", SendChannel: "A", ReceiveChannel: "B.CHANNEL.NAME.TOO.LONG"}},
		Addresses: []string{"10.1.2.3", "host"}, Service: Service{Arguments: "\n"}}
	var b bytes.Buffer
	err := c.MQSC(&b)
	if !errors.Is(err, ErrConfig) || b.Len() > 0 {
		t.Fatalf("got %v and %d bytes", err, b.Len())
	}
	for _, part := range []string{`"lower"`, "up to 37", "o'brien", `"A B"`, `"far"`, "itself", `"Q'M"`, "C and D", `"x'"`,
		"TOO.LONG", `"host"`, `"\n"`, "no Command", "SendChannel"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not reported in:\n%v", part, err)
		}
	}
	if err := (Config{Name: "SRC"}).MQSC(&b); err == nil || !strings.Contains(err.Error(), "QueueManager is empty") {
		t.Errorf("no queue manager: %v", err)
	}
}
func TestQueueManagerTakesTheDefinitionsTwice(t *testing.T) {
	var b bytes.Buffer
	if err := definitions().MQSC(&b); err != nil {
		t.Fatal(err)
	}
	q := mqtest.New(t)
	for range 2 {
		if err := q.MQSC(b.String()); err != nil {
			t.Fatal(err)
		}
	}
	defined := strings.Join(q.Queues(), " ")
	for _, name := range []string{"MQHA.SRC.IN", "MQHA.SRC.CMD", "MQHA.SRC.HA", "MQHA.REPLY.QM1", "MQHA.DEAD.LETTER", "QM2", "QM3"} {
		if !strings.Contains(defined, name) {
			t.Errorf("queue %s is not defined, only %s", name, defined)
		}
	}
	for name, kind := range map[string]string{"QM1.TO.QM2": "SDR", "QM2.TO.QM1": "RCVR"} {
		if got := q.Channel(name); got.Type != kind {
			t.Errorf("channel %s is %+v", name, got)
		}
	}
	if s := q.Services(); len(s) != 1 || s[0].Name != "MQHA.SRC" || s[0].Running {
		t.Errorf("services %+v", s)
	}
}

// The records let agents in from the addresses that are given, and nobody from elsewhere.
func TestAddressesDecideWhoMayConnect(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1": true, "10.1.*": false} {
		c := Config{Name: "SRC", Definitions: Definitions{QueueManager: "QM1", Addresses: []string{address}}}
		var b bytes.Buffer
		if err := c.MQSC(&b); err != nil {
			t.Fatal(err)
		}
		q := mqtest.New(t, mqtest.Options{MQSC: b.String()})
		conn, err := mqtest.TCP{}.Dial(within(t), mqconn.DialOptions{Endpoint: serveMQ(t, q)})
		var f *mqconn.Fault
		if want != (err == nil) || !want && (!errors.As(err, &f) || f.Reason != 2035) {
			t.Errorf("from 127.0.0.1 with %s: %v", address, err)
		}
		if err == nil {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
