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
