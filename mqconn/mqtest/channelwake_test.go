package mqtest

import "testing"

// A channel that looked at its transmission queue for another reason than its signal, and found nothing, left the signal
// behind. The next message then waited for room for another one, with the queue locked, and the queue manager stood still
// if the channel's connection broke at that moment.
func TestChannelThatSleepsAgainHasNoSignalLeft(t *testing.T) {
	q := &queue{}
	w := q.wait(selection{})
	c := &conversation{queue: q}
	for range 2 {
		q.wakeAll()
		if m, err := c.take(w); m != nil || err != nil || w.woken || len(w.signal) != 0 {
			t.Fatalf("took %v, %v; woken %v, %d signals left", m, err, w.woken, len(w.signal))
		}
	}
}
