package transfer

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/core/stream"
)

// TestTransferOfASenderThatLostItsStateIsGivenUp: nobody could go on with it, nor cancel it. Its parts lay below WriteRoot for
// ever, and the engine refused any other WriteRoot for its sake (ErrRoot).
func TestTransferOfASenderThatLostItsStateIsGivenUp(t *testing.T) {
	for name, ends := range map[string]bool{"unfinished": false, "not confirmed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { orphan(t, ends) })
		})
	}
}

func orphan(t *testing.T, ends bool) {
	b := newSeat(t, "B")
	e := b.open(t, goodLease(1), nil)
	defer func() { e.Close() }()
	mine, its := Pipe()
	stop := start(e, its)
	defer func() { stop() }()
	l := &liar{t: t, link: mine, head: header{From: "A", Incarnation: [16]byte{1}, Epoch: 7, Transfer: NewID()}}
	if ok, reason := l.manifest([]byte(`{"dirs":["d"],"files":[{"name":"d/x","size":8,"mode":384}]}`), 1, 8); !ok {
		t.Fatal(reason)
	}
	l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 1}}, []byte("half"))
	want, reason := stream.Cancelled, "lost its state directory"
	if ends {
		l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 1, Offset: 4}, Flags: flagFin, Digest: digestOf([]byte("halfhalf"))}, []byte("half"))
		l.expect(kindEnd)
		want, reason = stream.Completed, ""
	}
	time.Sleep(time.Second)
	old := l.head.Transfer
	l.head.Transfer, l.head.Incarnation, l.head.Epoch = NewID(), [16]byte{2}, 1
	l.send(header{Kind: kindAsk, Nonce: 1, Frames: 1, Bytes: 1}, nil)
	l.head.Transfer = old
	if h, _ := l.expect(kindEnd); h.Answer != want {
		t.Errorf("the last word: %v", h.Answer)
	}
	if s, err := e.Status(old); err != nil || !s.State.Ended() || !strings.Contains(s.Reason, reason) {
		t.Errorf("%+v, %v", s, err)
	}
	if p := namesIn(t, b.got+"/d", ".part"); len(p) > 0 {
		t.Errorf("left behind: %v", p)
	}
	stop() // the confirmation is lost
	e.Close()
	e = b.open(t, goodLease(2), func(o *Options) { o.WriteRoot = t.TempDir() })
	stop = start(e, its)
	l.expect(kindEnd)
	l.send(header{Kind: kindConfirm}, nil)
	synctest.Wait()
	if s, err := e.Status(old); err == nil {
		t.Errorf("its record is there for ever: %+v", s)
	}
}
