package ha

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn/mqtest"
)

func definitions() Config {
	return Config{Name: "SRC", Definitions: Definitions{
		QueueManager: "QM1", User: "mqha", DeadLetterQueue: "MQHA.DEAD.LETTER",
		Peers: []Peer{{Agent: "DST"}, {Agent: "FAR", QueueManager: "QM2"}, {Agent: "FAR2", QueueManager: "QM2"}},
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
		"DEFINE CHANNEL('MQHA.SVRCONN') CHLTYPE(SVRCONN) TRPTYPE(TCP) +", "HBINT(5) SHARECNV(1)",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, b.String())
		}
	}
	for _, unasked := range []string{"DEADQ", "AUTHREC", "QREMOTE"} {
		if strings.Contains(b.String(), unasked) {
			t.Errorf("%s was not asked for", unasked)
		}
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
		Peers: []Peer{{Agent: "far"}, {Agent: "lower"}, {Agent: "B", QueueManager: "Q'M"}}}
	var b bytes.Buffer
	err := c.MQSC(&b)
	if !errors.Is(err, ErrConfig) || b.Len() > 0 {
		t.Fatalf("got %v and %d bytes", err, b.Len())
	}
	for _, part := range []string{`"lower"`, "up to 37", "o'brien", `"A B"`, `"far"`, "itself", `"Q'M"`} {
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
	for _, name := range []string{"MQHA.SRC.IN", "MQHA.SRC.CMD", "MQHA.SRC.HA", "MQHA.REPLY.QM1", "MQHA.DEAD.LETTER", "QM2"} {
		if !strings.Contains(defined, name) {
			t.Errorf("queue %s is not defined, only %s", name, defined)
		}
	}
}
