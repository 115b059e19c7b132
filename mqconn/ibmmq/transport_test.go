//go:build ibmmq && cgo

package ibmmq

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

func dial(tb testing.TB, d mqconn.Dialer, endpoint string, transacted bool) *transport {
	tb.Helper()
	c, err := d.Dial(tb.Context(), mqconn.DialOptions{Endpoint: endpoint, Role: "test", Transacted: transacted})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c.(*transport)
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wantReason(tb testing.TB, err error, want mqrc.Reason) {
	tb.Helper()
	var f *mqconn.Fault
	if !errors.As(err, &f) || f.Reason != want {
		tb.Fatalf("got %v, want reason %s", err, want)
	}
}

var somewhere = mqconn.Address{Queue: "A"}

func TestNonPersistentGetIsNotInSyncpoint(t *testing.T) {
	_, d, endpoint := start(t, "", Options{})
	c := dial(t, d, endpoint, true)
	must(t, c.Put(somewhere, &mqconn.Message{Body: []byte("x")}))
	must(t, c.Commit())
	var m mqconn.Message
	must(t, c.Get("A", &m, mqconn.GetOptions{}))
	must(t, c.Backout())
	if err := c.Get("A", &m, mqconn.GetOptions{}); !errors.Is(err, mqconn.ErrNoMessage) {
		t.Errorf("it came back: %v", err)
	}
}

func TestReconnectionIsOffAndOptionsArrive(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(password, []byte("key secret\r\nmore"), 0o600))
	o, err := Options{
		QueueManager: "QM1", Channel: "C", User: "u", Password: "p", CipherSpec: "ANY_TLS12_OR_HIGHER", PeerName: "CN=QM1",
		KeyRepository: "/key", CertificateLabel: "label", KeyRepositoryPasswordFile: password, MaxMessage: 5 << 20,
	}.WithDefaults()
	must(t, err)
	change := func(cno *mqi.MQCNO) { cno.Options |= mqi.MQCNO_RECONNECT }
	cno, err := ConnectOptions(o, mqconn.DialOptions{Endpoint: "a(1414),b(1414)", Role: "in"}, change)
	must(t, err)
	const all = mqi.MQCNO_RECONNECT | mqi.MQCNO_RECONNECT_Q_MGR | mqi.MQCNO_RECONNECT_DISABLED
	if cno.Options&all != mqi.MQCNO_RECONNECT_DISABLED {
		t.Errorf("connection options %#x", cno.Options)
	}
	cd, sco, csp := cno.ClientConn, cno.SSLConfig, cno.SecurityParms
	if cd.ConnectionName != "a(1414),b(1414)" || cd.ChannelName != "C" || cd.SSLCipherSpec != "ANY_TLS12_OR_HIGHER" ||
		cd.SSLPeerName != "CN=QM1" || cd.MaxMsgLength != 5<<20 {
		t.Errorf("channel %+v", cd)
	}
	if sco.KeyRepository != "/key" || sco.CertificateLabel != "label" || sco.KeyRepoPassword != "key secret" {
		t.Error("the key repository's options do not arrive")
	}
	if csp.UserId != "u" || csp.Password != "p" || cno.ApplName != "in" {
		t.Error("user, password or application name do not arrive")
	}

	bound, err := ConnectOptions(Options{QueueManager: "QM1", Bindings: true, AppName: "agent"}, mqconn.DialOptions{}, nil)
	if err != nil || bound.Options != mqi.MQCNO_LOCAL_BINDING || bound.ClientConn != nil || bound.ApplName != "agent" {
		t.Errorf("bindings: %+v, %v", bound, err)
	}
	table, err := ConnectOptions(Options{CCDTURL: "file:///c.json"}, mqconn.DialOptions{Endpoint: "a name"}, nil)
	if err != nil || table.CCDTUrl != "file:///c.json" || table.ClientConn != nil {
		t.Errorf("channel table: %+v, %v", table, err)
	}
	own, err := ConnectOptions(Options{}, mqconn.DialOptions{}, nil)
	if err != nil || own.ClientConn != nil || own.Options&mqi.MQCNO_CLIENT_BINDING == 0 {
		t.Errorf("the client's own configuration: %+v, %v", own, err)
	}
}

func TestConnectionsThatCannotBeMade(t *testing.T) {
	qm, _, endpoint := start(t, "DEFINE CHANNEL(FULL) CHLTYPE(SVRCONN) MAXINST(0)", Options{})
	for _, c := range []struct {
		o        Options
		endpoint string
		want     mqrc.Reason
	}{
		{Options{QueueManager: "QM2", Channel: "MQHA.SVRCONN"}, endpoint, mqrc.QMgrNameError},
		{Options{Channel: "NOT.DEFINED"}, endpoint, mqrc.UnknownChannelName},
		{Options{Channel: "FULL"}, endpoint, mqrc.ChannelNotAvailable},
		{Options{Channel: "MQHA.SVRCONN"}, "127.0.0.1:1", mqrc.HostNotAvailable},
		{Options{Channel: "MQHA.SVRCONN"}, "", mqrc.CDError},
		{Options{}, endpoint, mqrc.CDError},
		{Options{Channel: "MQHA.SVRCONN"}, strings.Repeat("x", 300), mqrc.CDError},
		{Options{Channel: "MQHA.SVRCONN", KeyRepository: "/k", KeyRepositoryPasswordFile: "/no/such/file"}, endpoint, mqrc.KeyRepositoryError},
	} {
		d, err := New(c.o)
		must(t, err)
		_, err = d.Dial(t.Context(), mqconn.DialOptions{Endpoint: c.endpoint})
		wantReason(t, err, c.want)
	}
	if connections, _ := qm.Handles(); connections != 0 {
		t.Errorf("%d connections", connections)
	}
}

func TestManyDestinationsDoNotUseUpTheHandles(t *testing.T) {
	var mqsc strings.Builder
	for i := range 2 * maxOutputs {
		fmt.Fprintf(&mqsc, "DEFINE QLOCAL(REPLY.%d)\n", i)
	}
	qm, d, endpoint := start(t, mqsc.String(), Options{})
	c := dial(t, d, endpoint, false)
	for round := range 2 {
		for i := range 2 * maxOutputs {
			must(t, c.Put(mqconn.Address{Queue: fmt.Sprintf("REPLY.%d", i)}, &mqconn.Message{}))
			if n := len(c.outputs); n > maxOutputs {
				t.Fatalf("%d destinations are open in round %d", n, round)
			}
		}
	}
	if n, err := qm.Depth("REPLY.0"); err != nil || n != 2 {
		t.Errorf("%d messages, %v, want 2", n, err)
	}
}

// A program that gets from hundreds of queues, one after the other, would meet 2017 at MAXHANDS, by default 256, again and
// again until its session ends. What is held stays.
func TestManySourcesDoNotUseUpTheHandles(t *testing.T) {
	const sources = 300
	var mqsc strings.Builder
	for i := range sources {
		fmt.Fprintf(&mqsc, "DEFINE QLOCAL(SOURCE.%d)\n", i)
	}
	_, d, endpoint := start(t, mqsc.String(), Options{})
	c := dial(t, d, endpoint, false)
	must(t, c.Hold("A"))
	for i := range sources {
		queue := fmt.Sprintf("SOURCE.%d", i)
		if err := c.Get(queue, new(mqconn.Message), mqconn.GetOptions{}); !errors.Is(err, mqconn.ErrNoMessage) {
			t.Fatalf("%s: %v", queue, err)
		}
		if len(c.inputs) > 128 || c.inputs[queue] == nil || c.inputs["A"] == nil {
			t.Fatalf("%s: %d queues are open", queue, len(c.inputs))
		}
	}
}

// A client takes its dynamic reply queue with it and makes another of the same name: the handle that was kept of the first
// answers 2052 for as long as it is open.
func TestHandleOfADeletedQueueIsNotKept(t *testing.T) {
	qm, d, endpoint := start(t, "", Options{})
	c := dial(t, d, endpoint, true)
	must(t, c.Put(somewhere, &mqconn.Message{Body: []byte("1"), Persistent: true}))
	qm.Inject(mqtest.Fault{Verb: mqconn.VerbPut, Reason: mqrc.QDeleted})
	must(t, c.Put(somewhere, &mqconn.Message{Body: []byte("2"), Persistent: true}))
	must(t, c.Commit())
	if n, err := qm.Depth("A"); n != 2 || err != nil {
		t.Errorf("%d messages, %v", n, err)
	}
	qm.Inject(mqtest.Fault{Verb: mqconn.VerbPut, Reason: mqrc.QDeleted, Times: 2})
	wantReason(t, c.Put(somewhere, &mqconn.Message{}), mqrc.QDeleted) // not without end
	if len(c.outputs) != 0 {
		t.Error("the handle for puts is kept")
	}

	var m mqconn.Message
	must(t, c.Get("A", &m, mqconn.GetOptions{}))
	must(t, c.Browse("A", &m, false))
	qm.Inject(mqtest.Fault{Verb: mqconn.VerbGet, Reason: mqrc.QDeleted, Times: 2})
	wantReason(t, c.Get("A", &m, mqconn.GetOptions{}), mqrc.QDeleted)
	wantReason(t, c.Browse("A", &m, false), mqrc.QDeleted)
	if len(c.inputs) != 0 || len(c.browses) != 0 {
		t.Error("a handle for gets is kept")
	}

	// One that was held exclusively is not opened again by a get, which would share the queue.
	must(t, c.Hold("A"))
	qm.Inject(mqtest.Fault{Verb: mqconn.VerbGet, Reason: mqrc.QDeleted})
	wantReason(t, c.Get("A", &m, mqconn.GetOptions{}), mqrc.QDeleted)
	if len(c.inputs) != 1 {
		t.Error("the queue is not held any more")
	}
}

// Also not for what an agent's messages carry: a user, identifiers, a reply queue, an end, a wish for reports.
func TestPutAndGetDoNotAllocate(t *testing.T) {
	d, endpoint := startApart(t)
	for _, transacted := range []bool{false, true} {
		c := dial(t, d, endpoint, transacted)
		sent := mqconn.Message{Body: make([]byte, 8<<10), Persistent: transacted, CorrelationID: mqconn.ID{1}, Expiry: time.Hour,
			ReplyTo: mqconn.Address{QueueManager: "QM1", Queue: "B"}, Report: mqconn.ReportException}
		memory := make([]byte, 0, 8<<10)
		put := func() { must(t, c.Put(somewhere, &sent)) }
		get := func() {
			got := mqconn.Message{Body: memory}
			must(t, c.Get("A", &got, mqconn.GetOptions{Wait: time.Second}))
			if got.UserID != "mqha" || got.ReplyTo != sent.ReplyTo || len(got.Body) != 8<<10 {
				t.Fatalf("got %+v", got)
			}
		}
		const runs = 200
		for range runs { // as many as are got below
			put()
			must(t, c.Commit())
		}
		counts := map[string]float64{
			"put":     testing.AllocsPerRun(runs, put),
			"commit":  testing.AllocsPerRun(runs, func() { must(t, c.Commit()) }),
			"get":     testing.AllocsPerRun(runs, get),
			"backout": testing.AllocsPerRun(runs, func() { must(t, c.Backout()) }),
			"no message": testing.AllocsPerRun(runs, func() {
				if err := c.Get("A", &mqconn.Message{Body: memory}, mqconn.GetOptions{ID: mqconn.ID{23: 1}}); err != mqconn.ErrNoMessage {
					t.Fatal(err)
				}
			}),
		}
		for what, n := range counts {
			if n != 0 {
				t.Errorf("transacted %v: %v allocations for a %s, want none", transacted, n, what)
			}
		}
	}
}

// Reply queues that never come again must not pile up in a connection that lives for months.
func TestNamesThatWereSeenAreBounded(t *testing.T) {
	_, d, endpoint := start(t, "", Options{})
	c := dial(t, d, endpoint, false)
	for i := range 2 * mostNames {
		reply := mqconn.Address{QueueManager: "QM1", Queue: fmt.Sprintf("REPLY.%d", i)}
		must(t, c.Put(somewhere, &mqconn.Message{ReplyTo: reply}))
		var m mqconn.Message
		must(t, c.Get("A", &m, mqconn.GetOptions{}))
		if m.ReplyTo != reply {
			t.Fatalf("reply to %+v, want %+v", m.ReplyTo, reply)
		}
		if len(c.names) > mostNames {
			t.Fatalf("%d names are kept", len(c.names))
		}
	}
}

// The connection's own descriptors begin as mq-golang's do, in every field that both have.
func TestDescriptorsBeginAsThoseOfTheLibrary(t *testing.T) {
	c := newCall()
	md, pmo, gmo := mqi.NewMQMD(), mqi.NewMQPMO(), mqi.NewMQGMO()
	for field, values := range map[string][2]int32{
		"MQMD.Version":         {int32(c.freshMD.Version), md.Version},
		"MQMD.Report":          {int32(c.freshMD.Report), md.Report},
		"MQMD.MsgType":         {int32(c.freshMD.MsgType), md.MsgType},
		"MQMD.Expiry":          {int32(c.freshMD.Expiry), md.Expiry},
		"MQMD.Feedback":        {int32(c.freshMD.Feedback), md.Feedback},
		"MQMD.Encoding":        {int32(c.freshMD.Encoding), md.Encoding},
		"MQMD.CodedCharSetId":  {int32(c.freshMD.CodedCharSetId), md.CodedCharSetId},
		"MQMD.Priority":        {int32(c.freshMD.Priority), md.Priority},
		"MQMD.Persistence":     {int32(c.freshMD.Persistence), md.Persistence},
		"MQMD.BackoutCount":    {int32(c.freshMD.BackoutCount), md.BackoutCount},
		"MQMD.PutApplType":     {int32(c.freshMD.PutApplType), md.PutApplType},
		"MQMD.MsgSeqNumber":    {int32(c.freshMD.MsgSeqNumber), md.MsgSeqNumber},
		"MQMD.Offset":          {int32(c.freshMD.Offset), md.Offset},
		"MQMD.MsgFlags":        {int32(c.freshMD.MsgFlags), md.MsgFlags},
		"MQMD.OriginalLength":  {int32(c.freshMD.OriginalLength), md.OriginalLength},
		"MQPMO.Version":        {int32(c.freshPMO.Version), pmo.Version},
		"MQPMO.Timeout":        {int32(c.freshPMO.Timeout), pmo.Timeout},
		"MQPMO.Action":         {int32(c.freshPMO.Action), pmo.Action},
		"MQPMO.PubLevel":       {int32(c.freshPMO.PubLevel), pmo.PubLevel},
		"MQGMO.Version":        {int32(c.freshGMO.Version), gmo.Version},
		"MQGMO.WaitInterval":   {int32(c.freshGMO.WaitInterval), gmo.WaitInterval},
		"MQGMO.MatchOptions":   {int32(c.freshGMO.MatchOptions), gmo.MatchOptions},
		"MQGMO.GroupStatus":    {int32(c.freshGMO.GroupStatus), gmo.GroupStatus},
		"MQGMO.SegmentStatus":  {int32(c.freshGMO.SegmentStatus), gmo.SegmentStatus},
		"MQGMO.Segmentation":   {int32(c.freshGMO.Segmentation), gmo.Segmentation},
		"MQGMO.Reserved1":      {int32(c.freshGMO.Reserved1), gmo.Reserved1},
		"MQGMO.ReturnedLength": {int32(c.freshGMO.ReturnedLength), gmo.ReturnedLength},
	} {
		if values[0] != values[1] {
			t.Errorf("%s is %d, the library's %d", field, values[0], values[1])
		}
	}
	for want, got := range map[string][]byte{
		"MD  ": octets(c.freshMD.StrucId[:]), "PMO ": octets(c.freshPMO.StrucId[:]), "GMO ": octets(c.freshGMO.StrucId[:]),
		fmt.Sprintf("%-8s", md.Format): octets(c.freshMD.Format[:]),
	} {
		if string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// mq-golang adds these to what a program asks for; without them a connection would not notice that the queue manager ends.
func TestEveryCallFailsIfQuiescing(t *testing.T) {
	c := newCall()
	for _, transacted := range []bool{false, true} {
		c.forPut(new(mqconn.Message), transacted)
		if o := int32(c.pmo.Options); o&mqi.MQPMO_FAIL_IF_QUIESCING == 0 {
			t.Errorf("a put with options %#x", o)
		}
	}
	for _, wait := range []time.Duration{0, time.Second} {
		c.forGet(mqi.MQGMO_SYNCPOINT, mqconn.GetOptions{Wait: wait})
		if o := int32(c.gmo.Options); o&mqi.MQGMO_FAIL_IF_QUIESCING == 0 || (o&mqi.MQGMO_WAIT != 0) != (wait > 0) {
			t.Errorf("a get with options %#x", o)
		}
	}
}

// A name that does not fit is cut and does not run into the next field, and the message that follows has none of it.
func TestLongNamesAreCut(t *testing.T) {
	_, d, endpoint := start(t, "", Options{})
	c := dial(t, d, endpoint, false)
	long := strings.Repeat("X", 48)
	must(t, c.Put(somewhere, &mqconn.Message{ReplyTo: mqconn.Address{Queue: long + "Y", QueueManager: long}}))
	must(t, c.Put(somewhere, &mqconn.Message{}))
	for _, want := range []mqconn.Address{{Queue: long, QueueManager: long}, {}} {
		var m mqconn.Message
		must(t, c.Get("A", &m, mqconn.GetOptions{}))
		if m.ReplyTo != want {
			t.Errorf("reply to %+v, want %+v", m.ReplyTo, want)
		}
	}
}

func TestInfoComesFromTheQueueManager(t *testing.T) {
	_, d, endpoint := start(t, "ALTER QMGR MAXMSGL(100000)", Options{})
	info := dial(t, d, endpoint, false).Info()
	if info.QueueManager != "QM1" || info.MaxMessage != 100000 {
		t.Errorf("queue manager %q with messages of up to %d bytes", info.QueueManager, info.MaxMessage)
	}
	if info.Library != Library || info.Version == "" || info.Endpoint != endpoint {
		t.Errorf("%+v", info)
	}
	t.Logf("%s %s", info.Library, info.Version)
}

// MQBACK fails on a connection that lives, and MQDISC then commits what is open. Close says that, and does not pass it over.
func TestCloseSaysThatTheBackoutBeforeItFailed(t *testing.T) {
	qm, d, endpoint := start(t, "", Options{})
	c := dial(t, d, endpoint, true)
	must(t, c.Put(somewhere, &mqconn.Message{Body: []byte("x"), Persistent: true}))
	qm.Inject(mqtest.Fault{Verb: mqconn.VerbBackout, Reason: mqrc.StorageNotAvailable})
	err := c.Close()
	wantReason(t, err, mqrc.StorageNotAvailable)
	var f *mqconn.Fault
	if errors.As(err, &f); f.Verb != mqconn.VerbBackout {
		t.Errorf("the fault of %s", f.Verb)
	}
}
