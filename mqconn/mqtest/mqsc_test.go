package mqtest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

func TestMQSCAsOperatorsWriteIt(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: `
* A comment, and an empty line before it

define qlocal(lower) +
* a comment in the middle
       maxdepth( 7 ) +

       descr('It''s quoted, (with) + and - in it') -
 replace
DEF QL('Mixed.Case') NOSHARE; ALTER QL('Mixed.Case') SHARE PUT(DISABLED)
DEFINE QLOCAL(SPL+
              IT.NAME)
DEFINE QALIAS(OTHER) TARGET(LOWER) REPLACE
DEFINE QLOCAL(QM2) USAGE(XMITQ) TRIGGER
DEFINE QREMOTE(UNKNOWN) RNAME(LOWER) RQMNAME(QM3)
DEFINE QREMOTE(AWAY) RNAME(LOWER) RQMNAME(QM2) XMITQ(QM2)
DEFINE CHANNEL(TO.QM2) CHLTYPE(SDR) CONNAME('host(1414)') XMITQ(QM2) SHORTTMR(5)
DEFINE SERVICE(AGENT) CONTROL(STARTONLY) SERVTYPE(SERVER) STARTCMD('/usr/bin/agent') STARTARG('-x')
ALTER QMGR DEADQ('LOWER')
SET CHLAUTH('MQHA.*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(CHANNEL) ACTION(REPLACE)
SET CHLAUTH('*') TYPE(BLOCKADDR) ADDRLIST('10.9.*')
SET AUTHREC PROFILE(LOWER) OBJTYPE(QUEUE) PRINCIPAL('mqha') AUTHADD(GET,PUT)
`})
	if got, want := qm.Queues(), []string{"LOWER", "Mixed.Case", "QM2", "SPLIT.NAME"}; !slices.Equal(got, want) {
		t.Errorf("queues %q, want %q", got, want)
	}
	c := dial(t, qm.Dialer(), "", false)
	put(t, c, "OTHER", "through the alias", false)
	put(t, c, "AWAY", "through the remote queue", false)
	get(t, c, "LOWER", "through the alias")
	wantDepth(t, qm, "QM2", 1)
	wantReason(t, c.Put(mqconn.Address{Queue: "UNKNOWN"}, &mqconn.Message{}), mqrc.UnknownRemoteQMgr)
	wantReason(t, c.Get("AWAY", new(mqconn.Message), mqconn.GetOptions{}), 2045)
	wantReason(t, c.Put(mqconn.Address{Queue: "Mixed.Case"}, &mqconn.Message{}), mqrc.PutInhibited)
	if got := qm.Channel("TO.QM2"); got.Type != "SDR" || got.QueueManager != "" {
		t.Errorf("channel %+v", got)
	}
	ignored := strings.Join(qm.Ignored(), "\n")
	for _, want := range []string{
		"DESCR(It's quoted, (with) + and - in it)", "SET CHLAUTH(*) TYPE(BLOCKADDR)", "SET AUTHREC",
	} {
		if !strings.Contains(ignored, want) {
			t.Errorf("%q is not in\n%s", want, ignored)
		}
	}
}

func TestMQSCErrorsNameTheLine(t *testing.T) {
	for _, row := range []struct {
		script string
		line   int
		want   string
	}{
		{"DEFINE QLOCAL(X)\nDEFINE NONSENSE(Y)", 2, "NONSENSE"},
		{"DEFINE QLOCAL(X) +\n  MAXDEPTH(1) +\n  NONSENSE(2)", 3, "NONSENSE"},
		{"DEFINE QLOCAL(X) MAXDEPTH(many)", 1, "MAXDEPTH(MANY)"},
		{"DEFINE QLOCAL(X) MAXDEPTH(1000000000)", 1, "999999999"},
		{"DEFINE QLOCAL(X) GET(MAYBE)", 1, "ENABLED"},
		{"DEFINE QLOCAL(X) DEFPRTY(10)", 1, "0 to 9"},
		{"DEFINE QLOCAL('NO BLANKS')", 1, "name"},
		{"DEFINE QLOCAL", 1, "name"},
		{"DEFINE QLOCAL(" + strings.Repeat("X", 49) + ")", 1, "name"},
		{"\nDEFINE QLOCAL(A)", 2, "REPLACE"},
		{"ALTER QLOCAL(X) MAXDEPTH(1)", 1, "not defined"},
		{"DEFINE QALIAS(A) TARGET(B)", 1, "REPLACE"},
		{"DEFINE QALIAS(X)", 1, "TARGET"},
		{"DEFINE QREMOTE(A) RNAME(B)", 1, "REPLACE"},
		{"DEFINE CHANNEL(X)", 1, "CHLTYPE"},
		{"DEFINE CHANNEL(X) CHLTYPE(PIGEON)", 1, "PIGEON"},
		{"DEFINE CHANNEL(X) CHLTYPE(SVRCONN) HBINT(-1)", 1, "HBINT"},
		{"DEFINE CHANNEL(X) CHLTYPE(SDR) XMITQ(A)", 1, "CONNAME"},
		{"DEFINE CHANNEL(X) CHLTYPE(SDR) CONNAME(A) XMITQ(B) BATCHSZ(0)", 1, "BATCHSZ"},
		{"DEFINE CHANNEL(X) CHLTYPE(RCVR) CONNAME(A)", 1, "CONNAME"},
		{"DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(RCVR) REPLACE", 1, "SVRCONN"},
		{"DEFINE CHANNEL(X) CHLTYPE(CLNTCONN) NONSENSE(1)", 1, "NONSENSE"},
		{"START CHANNEL(X)", 1, "not defined"},
		{"START CHANNEL(MQHA.SVRCONN) MODE(FORCE)", 1, "MODE"},
		{"DEFINE CHANNEL(X) CHLTYPE(RCVR); RESOLVE CHANNEL(X) ACTION(COMMIT)", 1, "sender"},
		{"DEFINE CHANNEL(X) CHLTYPE(RCVR); STOP CHANNEL(X) MODE(GENTLY)", 1, "GENTLY"},
		{"START SERVICE(X)", 1, "not defined"},
		{"DEFINE SERVICE(X) CONTROL(SOMETIMES)", 1, "SOMETIMES"},
		{"SET CHLAUTH(X)", 1, "TYPE"},
		{"SET CHLAUTH('A B') TYPE(BLOCKUSER) USERLIST(X)", 1, "profile"},
		{"SET CHLAUTH(X) TYPE(ADDRESSMAP) ADDRESS('1.2') USERSRC(CHANNEL)", 1, "ADDRESS"},
		{"SET CHLAUTH(X) TYPE(ADDRESSMAP) ADDRESS('1.2.3.9-3') USERSRC(CHANNEL)", 1, "ADDRESS"},
		{"SET CHLAUTH(X) TYPE(ADDRESSMAP) ADDRESS('*')", 1, "MCAUSER"},
		{"SET CHLAUTH(X) TYPE(ADDRESSMAP) ADDRESS('*') ACTION(MAYBE)", 1, "MAYBE"},
		{"ALTER QMGR CHLAUTH(MAYBE)", 1, "ENABLED"},
		{"DEFINE SERVICE(X) NONSENSE(1)", 1, "NONSENSE"},
		{"ALTER QMGR MAXMSGL(1)", 1, "MAXMSGL"},
		{"DISPLAY QLOCAL(A)", 1, "DISPLAY"},
		{"DEFINE", 1, "DEFINE"},
		{"DEFINE QLOCAL(X", 1, "parenthesis"},
		{"DEFINE QLOCAL('X)", 1, "quote"},
		{"DEFINE QLOCAL(X) 'stray'", 1, "not expected"},
		{"DEFINE QLOCAL(X) +\n\n", 3, "continued"},
		{"DEFINE QLOCAL(X) +", 1, "continued"},
	} {
		qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
		before := qm.Queues()
		err := qm.MQSC(row.script)
		var e *mqtest.MQSCError
		if !errors.As(err, &e) || !errors.Is(err, mqtest.ErrMQSC) || e.Line != row.line || !strings.Contains(e.Text, row.want) {
			t.Errorf("%q: got %v, want line %d with %q", row.script, err, row.line, row.want)
		}
		if row.line == 1 && !slices.Equal(qm.Queues(), before) {
			t.Errorf("%q: queues are %q", row.script, qm.Queues())
		}
	}
}

func TestReplaceKeepsTheMessages(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	c := dial(t, qm.Dialer(), "", false)
	put(t, c, "SMALL", "kept", false)
	if err := qm.MQSC("DEFINE QLOCAL(SMALL) REPLACE"); err != nil {
		t.Fatal(err)
	}
	put(t, c, "SMALL", strings.Repeat("x", 100), false) // MAXMSGL is the default again
	get(t, c, "SMALL", "kept")
}

func FuzzMQSC(f *testing.F) {
	f.Add(definitions)
	f.Add("DEFINE QLOCAL('A''B') DESCR('x (y') +\n* c\n-\nREPLACE;ALTER QMGR DEADQ(X)")
	f.Add("SET AUTHREC PROFILE(A) OBJTYPE(QUEUE) AUTHADD(GET,PUT)\nDEF CHL(A.B) CHLTYPE(SVRCONN)")
	f.Add("(((")
	f.Fuzz(func(t *testing.T, script string) {
		qm := mqtest.New(t)
		if err := qm.MQSC(script); err != nil {
			var e *mqtest.MQSCError
			if !errors.As(err, &e) || e.Line < 1 || e.Line > strings.Count(script, "\n")+1 {
				t.Errorf("%q: %v", script, err)
			}
		}
	})
}
