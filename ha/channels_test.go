package ha

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
)

func serveMQ(t *testing.T, q *mqtest.QueueManager) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Serve(l); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// Two agents on two queue managers that were made by nothing but the output of MQSC: a file goes over the channel though
// both channels are cut while it is under way.
func TestFileGoesToAnotherQueueManagerThoughTheChannelsAreCut(t *testing.T) {
	t.Parallel()
	const size = 48 << 20
	queueManagers := map[string]*mqtest.QueueManager{}
	connectionNames := map[string]string{}
	for _, name := range []string{"QM1", "QM2"} {
		q := mqtest.New(t, mqtest.Options{Name: name, Second: time.Millisecond})
		host, port, err := net.SplitHostPort(serveMQ(t, q))
		if err != nil {
			t.Fatal(err)
		}
		queueManagers[name], connectionNames[name] = q, host+"("+port+")"
	}
	from, to := t.TempDir(), t.TempDir()
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content) // never fails
	if err := os.WriteFile(filepath.Join(from, "big"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	agentOn := func(name, queueManager, peer, peerQueueManager string) Config {
		c := Config{
			Name: name, StateDir: t.TempDir(), MQ: mqconn.Config{Dialer: queueManagers[queueManager].Dialer()},
			Definitions: Definitions{QueueManager: queueManager, DeadLetterQueue: "MQHA.DEAD.LETTER", Peers: []Peer{{
				Agent: peer, QueueManager: peerQueueManager, ConnectionName: connectionNames[peerQueueManager],
			}}},
		}
		var b bytes.Buffer
		if err := c.MQSC(&b); err != nil {
			t.Fatal(err)
		}
		if err := queueManagers[queueManager].MQSC(b.String()); err != nil {
			t.Fatal(err)
		}
		return c
	}
	src, dst := agentOn("SRC", "QM1", "DST", "QM2"), agentOn("DST", "QM2", "SRC", "QM1")
	src.Transfer.ReadRoots, dst.Transfer.WriteRoot = []string{from}, to
	client, err := NewClient(src.MQ, "SRC")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	delivered := filepath.Join(to, "in", "big")
	// The sender itself cuts, with half of its frames put: some of them have passed the channel, because no more than
	// CreditFrames wait for an acknowledgement, and the rest cannot have.
	var frames atomic.Int64
	src.MQ.Dialer = &gate{inner: src.MQ.Dialer, before: func(_ string, verb mqconn.Verb, queue string) *mqconn.Fault {
		if verb != mqconn.VerbPut || queue != InputQueue("DST") {
			return nil
		}
		if frames.Add(1) == size/(256<<10)/2 {
			queueManagers["QM1"].CutChannel("QM1.TO.QM2")
			queueManagers["QM2"].CutChannel("QM2.TO.QM1")
			if _, err := os.Stat(delivered); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the cut came too late: %v", err)
			}
		}
		return nil
	}}
	a, b := start(t, src), start(t, dst)
	if _, err := client.Submit(within(t), transfer.Request{
		ID: transfer.NewID(), To: "DST", Items: []transfer.Item{{Source: filepath.Join(from, "big"), Destination: "in/big"}},
	}); err != nil {
		t.Fatal(err)
	}
	for n := 1; a.event(CodeTransfer, n).Detail.(transfer.Event).Kind != transfer.EventCompleted; n++ {
	}
	got, err := os.ReadFile(delivered)
	if err != nil || sha256.Sum256(got) != sha256.Sum256(content) {
		t.Errorf("delivered %d bytes, %v", len(got), err)
	}
	for name, q := range queueManagers {
		s := q.Channel(map[string]string{"QM1": "QM1.TO.QM2", "QM2": "QM2.TO.QM1"}[name])
		if s.Connections < 2 || s.Messages == 0 || s.State != mqtest.ChannelRunning {
			t.Errorf("channel %+v", s)
		}
		if n, err := q.Depth("MQHA.DEAD.LETTER"); n != 0 || err != nil {
			t.Errorf("%d messages on the dead-letter queue of %s, %v", n, name, err)
		}
	}
	if err := errors.Join(a.stop(), b.stop()); err != nil {
		t.Error(err)
	}
}
