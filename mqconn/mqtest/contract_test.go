package mqtest_test

import (
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/mqconn/mqtest/conformance"
)

func TestContractInProcess(t *testing.T) {
	skipped := conformance.Run(t, func(t *testing.T) conformance.Target {
		qm := mqtest.New(t, mqtest.Options{MQSC: conformance.Definitions})
		return conformance.Target{QueueManager: qm, Dialer: qm.Dialer(), Endpoint: "here"}
	})
	if len(skipped) != 0 {
		t.Errorf("skipped %q: this transport does everything", skipped)
	}
}

func TestContractOverTCP(t *testing.T) {
	skipped := conformance.Run(t, func(t *testing.T) conformance.Target {
		qm := mqtest.New(t, mqtest.Options{MQSC: conformance.Definitions})
		return conformance.Target{QueueManager: qm, Dialer: mqtest.TCP{}, Endpoint: serve(t, qm)}
	})
	if len(skipped) != 0 {
		t.Errorf("skipped %q: this transport does everything", skipped)
	}
}

// ways are a connection in process and one over TCP to the same queue manager.
func ways(t *testing.T, qm *mqtest.QueueManager) map[string]func(transacted bool) mqconn.Transport {
	t.Helper()
	endpoint := serve(t, qm)
	return map[string]func(bool) mqconn.Transport{
		"in process": func(transacted bool) mqconn.Transport { return dial(t, qm.Dialer(), "", transacted) },
		"over TCP":   func(transacted bool) mqconn.Transport { return dial(t, mqtest.TCP{}, endpoint, transacted) },
	}
}

func TestNonPersistentGetIsNotInSyncpoint(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	for way, dial := range ways(t, qm) {
		t.Run(way, func(t *testing.T) {
			c := dial(true)
			put(t, c, "A", "x", false)
			if err := c.Commit(); err != nil {
				t.Fatal(err)
			}
			get(t, c, "A", "x")
			if err := c.Backout(); err != nil {
				t.Fatal(err)
			}
			get(t, c, "A", "")
		})
	}
}

func TestOtherQueueManagersAreUnknown(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	for way, dial := range ways(t, qm) {
		t.Run(way, func(t *testing.T) {
			c := dial(false)
			wantReason(t, c.Put(mqconn.Address{Queue: "A", QueueManager: "QM2"}, &mqconn.Message{}), mqrc.UnknownRemoteQMgr)
			sent := mqconn.Message{Body: []byte("x"), ReplyTo: mqconn.Address{QueueManager: "QM9", Queue: "MY.ANSWERS"}}
			if err := c.Put(mqconn.Address{Queue: "A", QueueManager: "QM1"}, &sent); err != nil {
				t.Fatal(err)
			}
			if got := get(t, c, "A", "x"); got.ReplyTo != sent.ReplyTo {
				t.Errorf("reply to %+v", got.ReplyTo)
			}
		})
	}
}

func TestConnectionsAreRefused(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions + "DEFINE CHANNEL(FULL) CHLTYPE(SVRCONN) MAXINST(0)"})
	qm.Inject(mqtest.Fault{Verb: mqconn.VerbConnect, Reason: mqrc.NotAuthorized})
	endpoint := serve(t, qm)
	for _, row := range []struct {
		tcp  mqtest.TCP
		want mqrc.Reason
	}{
		{mqtest.TCP{}, mqrc.NotAuthorized},
		{mqtest.TCP{QueueManager: "QM2"}, mqrc.QMgrNameError},
		{mqtest.TCP{Channel: "NOT.DEFINED"}, mqrc.UnknownChannelName},
		{mqtest.TCP{Channel: "FULL"}, mqrc.ChannelNotAvailable},
	} {
		_, err := row.tcp.Dial(t.Context(), mqconn.DialOptions{Endpoint: endpoint})
		wantReason(t, err, row.want)
	}
	if connections, _ := qm.Handles(); connections != 0 {
		t.Errorf("%d connections", connections)
	}
}

func TestInfoIsTrue(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	for way, dial := range ways(t, qm) {
		t.Run(way, func(t *testing.T) {
			want := mqconn.Info{
				Library: "github.com/mqha/mqha/mqconn/mqtest", QueueManager: "QM1", MaxMessage: 4 << 20,
				RemoteQueueManager: true, UserID: true, BackoutCount: true, ExclusiveOpen: true, HeldBrowse: true,
				Reports: ^mqconn.Report(0),
			}
			got := dial(false).Info()
			got.Endpoint = ""
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
