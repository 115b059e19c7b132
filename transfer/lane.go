package transfer

import "sync"

// lane runs operations in order on its own goroutines. add never waits, so that the engine's loop
// never does; what bounds a lane is the credit and the checkpoint sizes of the cores.
type lane[T any] struct {
	mu    sync.Mutex
	queue []T
	spare []T
	ended bool
	wake  chan struct{}
	wg    sync.WaitGroup
}

// newLane starts a lane of one goroutine, which hands run all that has gathered.
func newLane[T any](run func([]T)) *lane[T] {
	l := &lane[T]{wake: make(chan struct{}, 1)}
	l.wg.Add(1)
	go func() {
		defer l.wg.Done()
		for range l.wake {
			ops, ended := l.take()
			if len(ops) > 0 {
				run(ops)
				l.recycle(ops)
			}
			if ended {
				return
			}
		}
	}()
	return l
}

// add says whether op will be run: not when the lane is closed.
func (l *lane[T]) add(op T) bool {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return false
	}
	l.queue = append(l.queue, op)
	l.mu.Unlock()
	l.signal()
	return true
}

func (l *lane[T]) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *lane[T]) take() ([]T, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 { // the last call took what this one was woken for
		return nil, l.ended
	}
	ops := l.queue
	l.queue, l.spare = l.spare, nil
	return ops, l.ended
}

func (l *lane[T]) recycle(ops []T) {
	clear(ops)
	l.mu.Lock()
	l.spare = ops[:0]
	l.mu.Unlock()
}

// close runs what is queued and waits for the goroutine.
func (l *lane[T]) close() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.signal()
	l.wg.Wait()
}

// mailbox gathers completions for the engine's loop without ever making a sender wait.
type mailbox[T any] struct {
	mu    sync.Mutex
	queue []T
	spare []T
	wake  chan struct{}
}

func newMailbox[T any]() *mailbox[T] {
	return &mailbox[T]{wake: make(chan struct{}, 1)}
}

func (m *mailbox[T]) put(v T) {
	m.mu.Lock()
	m.queue = append(m.queue, v)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take gives what has gathered; the slice is valid until the next call.
func (m *mailbox[T]) take() []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.spare)
	got := m.queue
	m.queue, m.spare = m.spare[:0], got
	return got
}
