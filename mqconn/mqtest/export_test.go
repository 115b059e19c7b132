package mqtest

import "github.com/mqha/mqha/mqconn"

// Waiting counts the gets that wait on a queue.
func (q *QueueManager) Waiting(queue string) int {
	q.mu.Lock()
	local := q.objects.queues[queue]
	q.mu.Unlock()
	local.mu.Lock()
	defer local.mu.Unlock()
	return len(local.waiters)
}

// ConnectFrame is the first frame of a client.
func ConnectFrame() []byte {
	b := TCP{}.request(mqconn.DialOptions{})
	h := header{length: uint32(headerLength + len(b)), verb: wireConnect, call: 1, version: protocolVersion}
	return append(h.append(nil), b...)
}
