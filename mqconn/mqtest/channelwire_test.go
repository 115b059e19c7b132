package mqtest

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// channelFrameOf builds a frame as a sender channel would send it.
func channelFrameOf(verb wireVerb, call uint32, parts ...[]byte) []byte {
	arguments := bytes.Join(parts, nil)
	h := header{length: uint32(headerLength + len(arguments)), verb: verb, call: call, version: protocolVersion}
	return append(h.append(nil), arguments...)
}

// messageTo is what a sender channel sends for queue A.
func messageTo(q *QueueManager, change func(*md)) []byte {
	d := newMD()
	for at, v := range map[int]int32{mdPriority: 0, mdPersistence: 1} {
		putLong(d[:], at, v)
	}
	change(&d)
	return q.wrap(&route{to: mqconn.Address{QueueManager: q.name, Queue: "A"}}, &message{md: d, body: newBody([]byte("body"))}).body.data
}

// converse gives the bytes of a sender channel to a queue manager and waits until it has hung up.
func converse(t *testing.T, data func(q *QueueManager) []byte) *QueueManager {
	t.Helper()
	qm, err := Start(Options{MQSC: "DEFINE QLOCAL(A)\nDEFINE CHANNEL(C) CHLTYPE(RCVR) MRRTY(0)"})
	if err != nil {
		t.Fatal(err)
	}
	client, server := net.Pipe()
	l := newLink(qm, server)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run()
	}()
	go func() { _, _ = io.Copy(io.Discard, client) }()
	_ = client.SetWriteDeadline(time.Now().Add(time.Minute)) // it need not read all of it
	_, _ = client.Write(ChannelOpenFrame("C", "QM2"))
	_, _ = client.Write(data(qm))
	_ = client.Close()
	<-ended
	if len(qm.receivers) != 0 {
		t.Errorf("%d receivers left", len(qm.receivers))
	}
	return qm
}

func TestReceiverHangsUpOnWhatItCannotUnderstand(t *testing.T) {
	none := func(*md) {}
	batch := make([]byte, idLength)
	for name, row := range map[string]struct {
		depth  int
		frames func(q *QueueManager) [][]byte
	}{
		"as it should be": {1, func(q *QueueManager) [][]byte {
			return [][]byte{channelFrameOf(wireChannelMessage, 1, messageTo(q, none)), channelFrameOf(wireChannelConfirm, 0, batch)}
		}},
		"not confirmed": {0, func(q *QueueManager) [][]byte {
			return [][]byte{channelFrameOf(wireChannelMessage, 1, messageTo(q, none))}
		}},
		"a message is missing": {0, func(q *QueueManager) [][]byte {
			return [][]byte{channelFrameOf(wireChannelMessage, 2, messageTo(q, none)), channelFrameOf(wireChannelConfirm, 0, batch)}
		}},
		"no such priority": {0, func(q *QueueManager) [][]byte {
			return [][]byte{channelFrameOf(wireChannelMessage, 0, messageTo(q, func(d *md) { putLong(d[:], mdPriority, 77) }))}
		}},
		"no such persistence": {0, func(q *QueueManager) [][]byte {
			return [][]byte{channelFrameOf(wireChannelMessage, 0, messageTo(q, func(d *md) { putLong(d[:], mdPersistence, -1) }))}
		}},
		"no header": {0, func(*QueueManager) [][]byte {
			return [][]byte{channelFrameOf(wireChannelMessage, 0, make([]byte, xqhLength))}
		}},
		"too short":       {0, func(*QueueManager) [][]byte { return [][]byte{channelFrameOf(wireChannelMessage, 0, []byte("XQH "))} }},
		"no batch":        {0, func(*QueueManager) [][]byte { return [][]byte{channelFrameOf(wireChannelConfirm, 0)} }},
		"a client's verb": {0, func(*QueueManager) [][]byte { return [][]byte{channelFrameOf(wireCommit, 0)} }},
		"longer than agreed": {0, func(q *QueueManager) [][]byte {
			return [][]byte{channelFrameOf(wireChannelMessage, 0, messageTo(q, none), make([]byte, 1000))}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			qm := converse(t, func(q *QueueManager) []byte { return bytes.Join(row.frames(q), nil) })
			defer qm.Close()
			if n, err := qm.Depth("A"); err != nil || n != row.depth {
				t.Errorf("%d messages, %v, want %d", n, err, row.depth)
			}
		})
	}
}

// A program can put anything to a transmission queue. What has a header with a descriptor that no message can have must not
// get to the other queue manager.
func TestHeaderWithAnImpossibleDescriptorIsNone(t *testing.T) {
	qm, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer qm.Close()
	for want, change := range map[bool]func(*md){true: func(*md) {}, false: func(d *md) { putLong(d[:], mdPriority, 10) }} {
		m := &message{md: newMD(), body: newBody(messageTo(qm, change))}
		putText(m.md[:], mdFormat, 8, formatXmit)
		if _, ok := m.unwrap(); ok != want {
			t.Errorf("taken for a header: %v, want %v", ok, want)
		}
	}
	var d md
	if r := d.check(); r != mqrc.MDError {
		t.Error(r)
	}
}

// FuzzReceiver throws bytes at a receiver channel: whatever comes, it must answer or hang up.
func FuzzReceiver(f *testing.F) {
	qm, err := Start(Options{})
	if err != nil {
		f.Fatal(err)
	}
	message := messageTo(qm, func(*md) {})
	if err := qm.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(append(channelFrameOf(wireChannelMessage, 1, message), channelFrameOf(wireChannelConfirm, 0, make([]byte, idLength))...))
	f.Add(append(channelFrameOf(wireChannelMessage, 0, message), channelFrameOf(wireHeartbeat, 0)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := converse(t, func(*QueueManager) []byte { return data }).Close(); err != nil {
			t.Error(err)
		}
	})
}
