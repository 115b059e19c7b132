package mqtest

import (
	"sync"
	"sync/atomic"
)

// A latch is something that has happened or not, that can be waited for, and that can be taken back. Looking
// costs no lock: every call looks whether the queue manager is frozen.
type latch struct {
	mu     sync.Mutex
	signal atomic.Pointer[chan struct{}] // closed when it has happened
}

func newLatch(happened bool) *latch {
	l := new(latch)
	l.take()
	if happened {
		l.set()
	}
	return l
}

// set makes it happen, and says whether that is news.
func (l *latch) set() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.happened() {
		return false
	}
	close(*l.signal.Load())
	return true
}

// reset takes it back, and says whether that is news. Who already waits has seen it or waits for the old signal,
// which was closed.
func (l *latch) reset() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.happened() {
		return false
	}
	l.take()
	return true
}

func (l *latch) take() {
	signal := make(chan struct{})
	l.signal.Store(&signal)
}

// wait is a channel that is closed when it has happened.
func (l *latch) wait() <-chan struct{} { return *l.signal.Load() }

func (l *latch) happened() bool {
	select {
	case <-l.wait():
		return true
	default:
		return false
	}
}
