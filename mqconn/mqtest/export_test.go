package mqtest

import "github.com/mqha/mqha/mqconn"

// ConnectFrame is the first frame of a client.
func ConnectFrame() []byte {
	b := TCP{}.request(mqconn.DialOptions{})
	h := header{length: uint32(headerLength + len(b)), verb: wireConnect, call: 1, version: protocolVersion}
	return append(h.append(nil), b...)
}
