package mqlink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
	"github.com/mqha/mqha/transfer/mqlink"
)

// The longest frame reaches an agent on another queue manager through a transmission queue and channels of the default
// MAXMSGL. A message without room for the MQXQH does not: it is refused where it is put.
func TestLongestFrameGoesToAnotherQueueManager(t *testing.T) {
	there := mqtest.New(t, mqtest.Options{Name: "QM2", MQSC: definitions + "DEFINE CHANNEL(QM1.QM2) CHLTYPE(RCVR)"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := there.Serve(l); err != nil {
		t.Fatal(err)
	}
	here := mqtest.New(t, mqtest.Options{MQSC: fmt.Sprintf(`
DEFINE QLOCAL(MQHA.A.IN) DEFSOPT(EXCL) NOSHARE
DEFINE QREMOTE(MQHA.B.IN) RNAME(MQHA.B.IN) RQMNAME(QM2) XMITQ(QM2)
DEFINE QLOCAL(QM2) USAGE(XMITQ) MAXMSGL(4194304)
DEFINE CHANNEL(QM1.QM2) CHLTYPE(SDR) CONNAME('127.0.0.1(%d)') XMITQ(QM2) MAXMSGL(4194304)
START CHANNEL(QM1.QM2)`, l.Addr().(*net.TCPAddr).Port)})
	withSession(t, here, func(ctx context.Context, sa *mqconn.Session) {
		a := link(t, ctx, sa, "A")
		if a.MaxBody() != mqlink.MaxFrame {
			t.Errorf("a frame may have %d bytes", a.MaxBody())
		}
		withSession(t, there, func(ctx context.Context, sb *mqconn.Session) {
			b := link(t, ctx, sb, "B")
			sent := transfer.Frame{Peer: "B", Persistent: true, Body: bytes.Repeat([]byte("x"), a.MaxBody())}
			if err := a.Send(ctx, &sent); err != nil {
				t.Fatal(err)
			}
			var got transfer.Frame
			if err := b.Receive(ctx, &got); err != nil || !bytes.Equal(got.Body, sent.Body) {
				t.Errorf("%d bytes arrived of %d: %v", len(got.Body), len(sent.Body), err)
			}
			if err := b.Commit(ctx); err != nil {
				t.Error(err)
			}
		})
		err := a.Send(ctx, &transfer.Frame{Peer: "B", Persistent: true, Body: make([]byte, 4<<20)})
		var e *mqconn.Error
		if !errors.Is(err, transfer.ErrPeer) || !errors.As(err, &e) || e.Reason != mqrc.MsgTooBigForQ {
			t.Errorf("a message of 4 MiB: %v", err)
		}
	})
}
