package mqtest

// Waiting counts the gets that wait on a queue.
func (q *QueueManager) Waiting(queue string) int {
	q.mu.Lock()
	local := q.objects.queues[queue]
	q.mu.Unlock()
	local.mu.Lock()
	defer local.mu.Unlock()
	return len(local.waiters)
}
