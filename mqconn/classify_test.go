package mqconn

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn/mqrc"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name string
		in   Fault
		want Class
	}{
		{"queue manager moved away", Fault{Verb: VerbConnect, Reason: mqrc.QMgrNameError, Bindings: true}, NotHere},
		{"another queue manager answers", Fault{Verb: VerbConnect, Reason: mqrc.QMgrNameError}, NextEndpoint},
		{"half-started queue manager", Fault{Verb: VerbConnect, Reason: mqrc.UnknownChannelName}, NextEndpoint},
		{"queue manager down", Fault{Verb: VerbConnect, Reason: mqrc.QMgrNotAvailable, Bindings: true}, Retry},
		{"standby instance", Fault{Verb: VerbConnect, Reason: mqrc.StandbyQMgr}, Retry},
		{"connections of the old instance still count", Fault{Verb: VerbConnect, Reason: mqrc.ChannelNotAvailable}, Throttle},
		{"too many connections", Fault{Verb: VerbConnect, Reason: mqrc.MaxConnsLimitReached}, Throttle},
		{"commit while memory is short", Fault{Verb: VerbCommit, Reason: mqrc.StorageNotAvailable, CompletionCode: 2}, OutcomeUnknown},
		{"commit that overlaps a call", Fault{Verb: VerbCommit, Reason: mqrc.CallInProgress, CompletionCode: 2}, Throttle},
		{"short of resources at connect", Fault{Verb: VerbConnect, Reason: mqrc.ResourceProblem}, Retry},
		{"unknown reason at connect", Fault{Verb: VerbConnect, Reason: 9999}, Retry},
		{"wrong password", Fault{Verb: VerbConnect, Reason: mqrc.NotAuthorized}, Fatal},
		{"bindings without an installation", Fault{Verb: VerbConnect, Reason: mqrc.EnvironmentError, Bindings: true}, Fatal},
		{"queue held elsewhere", Fault{Verb: VerbOpen, Reason: mqrc.ObjectInUse}, InUse},
		{"queue full", Fault{Verb: VerbPut, Reason: mqrc.QFull, Syncpoint: true}, Throttle},
		{"queue full outside a unit of work", Fault{Verb: VerbPut1, Reason: mqrc.QFull}, Throttle},
		{"short of resources", Fault{Verb: VerbGet, Reason: mqrc.ResourceProblem}, Throttle},
		{"overlapping calls", Fault{Verb: VerbGet, Reason: mqrc.CallInProgress}, Throttle},
		{"message larger than the buffer", Fault{Verb: VerbGet, Reason: mqrc.TruncatedMsgFailed}, MessageFault},
		{"unknown destination (IT29902)", Fault{Verb: VerbPut1, Reason: mqrc.UnknownRemoteQMgr}, MessageFault},
		{"no authority for one destination", Fault{Verb: VerbPut, Reason: mqrc.NotAuthorized, Syncpoint: true}, MessageFault},
		{"no authority for the own queue", Fault{Verb: VerbOpen, Reason: mqrc.NotAuthorized}, Fatal},
		{"own queue is missing", Fault{Verb: VerbGet, Reason: mqrc.UnknownObject}, Fatal},
		{"backed out", Fault{Verb: VerbCommit, Reason: mqrc.BackedOut}, BackedOut},
		{"broken under a put in a unit of work", Fault{Verb: VerbPut, Reason: mqrc.ConnectionBroken, Syncpoint: true}, BackedOut},
		{"broken under a put outside", Fault{Verb: VerbPut1, Reason: mqrc.ConnectionBroken}, OutcomeUnknown},
		{"broken under a commit", Fault{Verb: VerbCommit, Reason: mqrc.ConnectionBroken}, OutcomeUnknown},
		{"broken under a backout", Fault{Verb: VerbBackout, Reason: mqrc.ConnectionBroken}, Retry},
		{"broken under a get in a unit of work", Fault{Verb: VerbGet, Reason: mqrc.ConnectionBroken, Syncpoint: true}, Retry},
		{"broken under a get outside", Fault{Verb: VerbGet, Reason: mqrc.ConnectionBroken}, OutcomeUnknown},
		{"interrupted put", Fault{Verb: VerbPut, Reason: mqrc.CallInterrupted}, OutcomeUnknown},
		{"quiescing under a put outside", Fault{Verb: VerbPut, Reason: mqrc.QMgrQuiescing}, Retry},
		{"quiescing under a put in a unit of work", Fault{Verb: VerbPut, Reason: mqrc.ConnectionQuiescing, Syncpoint: true}, BackedOut},
		{"stopping under a get", Fault{Verb: VerbGet, Reason: mqrc.QMgrStopping, Syncpoint: true}, Retry},
		{"stopping under a commit", Fault{Verb: VerbCommit, Reason: mqrc.QMgrStopping}, OutcomeUnknown},
		{"unknown reason under a put", Fault{Verb: VerbPut, Reason: 9999, CompletionCode: 2}, OutcomeUnknown},
		{"unknown reason under an open", Fault{Verb: VerbOpen, Reason: 9999, CompletionCode: 2}, Retry},
		{"a queue that others can open too", Fault{Verb: VerbOpen, CompletionCode: 2, Err: ErrNotExclusive}, Fatal},
		{"a buffer that is fixed with the connection", Fault{Verb: VerbGet, Reason: mqrc.TruncatedMsgFailed, Syncpoint: true,
			Err: fmt.Errorf("5 bytes: %w", ErrReopen)}, Retry},
		{"unknown warning", Fault{Verb: VerbGet, Reason: 9999, CompletionCode: 1}, MessageFault},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Classify(c.in); got != c.want {
				t.Errorf("%v: class %v, want %v", &c.in, got, c.want)
			}
		})
	}
}

// IBM's own list of reasons on which its clients reconnect, and what belongs to it: after each of
// them at connect it is tried again, and under any other call the session ends.
func TestReasonsOfAnOutageAreAlwaysRetried(t *testing.T) {
	for _, reason := range []mqrc.Reason{2009, 2059, 2161, 2162, 2202, 2203, 2223, 2279, 2537, 2538,
		2018, 2019, 2273, 2528, 2543, 2548, 2555, 2556, 2568, 2601} {
		if reason.Name() == "" {
			t.Errorf("%v has no name", reason)
		}
		if c := Classify(Fault{Verb: VerbConnect, CompletionCode: 2, Reason: reason}); c != Retry && c != Throttle {
			t.Errorf("%v at connect: %v", reason, c)
		}
		for _, v := range []Verb{VerbOpen, VerbPut, VerbPut1, VerbGet, VerbCommit, VerbBackout, VerbInquire, VerbClose} {
			for _, syncpoint := range []bool{false, true} {
				f := Fault{Verb: v, CompletionCode: 2, Reason: reason, Syncpoint: syncpoint}
				if e := (&Error{Verb: v, Class: Classify(f)}); !e.EndsSession() {
					t.Errorf("%v, syncpoint %v: %v", &f, syncpoint, e.Class)
				}
			}
		}
	}
}

// A transport that opens the queue inside Put reports an MQOPEN; what is wrong is one destination.
func TestOpenInsideAPutIsJudgedAsThePut(t *testing.T) {
	c := newConnector(t, Config{Dialer: &manager{}})
	f := &Fault{Verb: VerbOpen, CompletionCode: 2, Reason: mqrc.UnknownObject}
	if e := c.classify(f, VerbPut, "a", "PEER", true); e.Class != MessageFault || e.Verb != VerbOpen || e.Queue != "PEER" {
		t.Errorf("%v, class %v", e, e.Class)
	}
	if e := c.classify(f, VerbGet, "a", "IN", true); e.Class != Fatal {
		t.Errorf("%v, class %v", e, e.Class)
	}
	f.Reason = mqrc.ConnectionBroken
	if e := c.classify(f, VerbPut, "a", "PEER", false); e.Class != Retry {
		t.Errorf("%v, class %v: nothing was put yet", e, e.Class)
	}
	if f.Queue != "" || f.Syncpoint {
		t.Error("the transport's Fault was changed; it may belong to several connections")
	}
}

func TestErrorSaysWhatAPersonNeeds(t *testing.T) {
	c := newConnector(t, Config{Dialer: &manager{}})
	for _, x := range []struct {
		err  *Error
		want string
	}{
		{c.classify(fault(VerbPut, mqrc.QFull), VerbPut, "qma(1414)", "MQHA.B.IN", true),
			"mqconn: MQPUT queue MQHA.B.IN at qma(1414): completion code 2, reason 2053 MQRC_Q_FULL: a resource is short, try again later"},
		{c.classify(fault(VerbConnect, mqrc.NotAuthorized), VerbConnect, "qma(1414)", "", false),
			"mqconn: MQCONNX at qma(1414): completion code 2, reason 2035 MQRC_NOT_AUTHORIZED: check user, authorities, channel authentication, TLS and queue definitions"},
		{c.classify(ErrStuck, VerbCommit, "qma(1414)", "", true),
			"mqconn: MQCMIT at qma(1414): mqconn: the call did not return from the MQ client: it is not known whether the call took effect"},
		{c.classify(&Fault{Verb: VerbOpen, CompletionCode: 2, Err: ErrNotExclusive}, VerbOpen, "qma(1414)", "MQHA.B.IN", true),
			"mqconn: MQOPEN queue MQHA.B.IN at qma(1414): mqconn: the queue can be shared, define it with DEFSOPT(EXCL) NOSHARE: " +
				"check user, authorities, channel authentication, TLS and queue definitions"},
		{c.classify(&Fault{Verb: VerbGet, CompletionCode: 2, Reason: mqrc.TruncatedMsgFailed, Err: ErrReopen}, VerbGet, "qma(1414)", "A", true),
			"mqconn: MQGET queue A at qma(1414): completion code 2, reason 2080 MQRC_TRUNCATED_MSG_FAILED: mqconn: the connection has to be made again"},
	} {
		if got := x.err.Error(); got != x.want {
			t.Errorf("\n got %s\nwant %s", got, x.want)
		}
	}
	if e := c.classify(&Fault{Verb: VerbOpen, Err: ErrNotExclusive}, VerbOpen, "a", "Q", true); !errors.Is(e, ErrNotExclusive) {
		t.Errorf("%v has lost what the transport said", e)
	}
	var f *Fault
	if e := c.classify(fault(VerbPut, mqrc.QFull), VerbPut, "a", "Q", true); !errors.As(e, &f) || f.Queue != "Q" || !f.Syncpoint {
		t.Errorf("the Fault below %v is %+v", e, f)
	}
}

func TestClassesHaveNames(t *testing.T) {
	for c := Retry; c <= Fatal; c++ {
		if s := c.String(); s == "" || strings.Contains(s, "unclassified") {
			t.Errorf("class %d: %q", int(c), s)
		}
	}
	if s := Class(0).String(); s != "unclassified" {
		t.Error(s)
	}
	for k := DialFailed; k <= CallStuck; k++ {
		if s := k.String(); s == "" || s == "unknown" {
			t.Errorf("event %d: %q", int(k), s)
		}
	}
}
