package mqtest

import (
	"bufio"
	"net"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// ConnectFrame is the first frame of a client.
func ConnectFrame() []byte {
	b := TCP{}.request(mqconn.DialOptions{})
	h := header{length: uint32(headerLength + len(b)), verb: wireConnect, call: 1, version: protocolVersion}
	return append(h.append(nil), b...)
}

// ConnectOver makes a connection over conn that sends no heartbeats, and opens queue for exclusive input if it is named.
func ConnectOver(conn net.Conn, channel, queue string) mqrc.Reason {
	r := &remote{conn: conn, reader: bufio.NewReader(conn), closed: make(chan struct{})}
	_, reason := r.connect(TCP{Channel: channel}.request(mqconn.DialOptions{}))
	if reason == mqrc.None && queue != "" {
		d := newOD(mqconn.Address{Queue: queue})
		_, reason = r.open(&d, ooInputExclusive)
	}
	return reason
}

// ChannelAnswerLength is that of the whole frame that answers ChannelOpenFrame.
const ChannelAnswerLength = headerLength + channelAnswerLength

// Verbs of channels, for a test that looks at what passes between two queue managers.
const (
	MessageVerb   = uint32(wireChannelMessage)
	ConfirmVerb   = uint32(wireChannelConfirm)
	HeartbeatVerb = uint32(wireHeartbeat)
)

// ChannelOpenFrame is the first frame of a sender channel.
func ChannelOpenFrame(channel, queueManager string) []byte {
	open := channelOpen{channel: channel, queueManager: queueManager, batchSize: 1, maxLength: 1000}
	h := header{length: headerLength + channelOpenLength, verb: wireChannelOpen, version: protocolVersion}
	return open.append(h.append(nil))
}

// PutWithReport puts a message that asks for reports.
func PutWithReport(q *QueueManager, queue, replyTo string, report int32) (mqconn.ID, mqrc.Reason) {
	s, r := q.connect(connectRequest{})
	if r != mqrc.None {
		return mqconn.ID{}, r
	}
	defer s.disconnect()
	d, target, o := newMD(), newOD(mqconn.Address{Queue: queue}), newPMO(pmoNoSyncpoint)
	putLong(d[:], mdReport, report)
	putText(d[:], mdReplyToQ, queueNameLength, replyTo)
	r = s.put1(&target, &d, &o, newBody([]byte("x")))
	return d.id(mdMsgID), r
}
