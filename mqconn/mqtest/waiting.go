package mqtest

// Waiting counts the gets that wait for a message on a local queue: a test that is to find one waiting
// asks until it does.
func (q *QueueManager) Waiting(queue string) int {
	q.mu.Lock()
	local := q.objects.queues[queue]
	q.mu.Unlock()
	if local == nil {
		return 0
	}
	local.mu.Lock()
	defer local.mu.Unlock()
	return len(local.waiters)
}
