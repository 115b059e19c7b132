package sim

import "time"

// lane carries out the operations of one process in the order given, one at a time.
type lane struct {
	w     *world
	queue []func(late bool)
	busy  bool
	dead  bool
}

// add queues an operation. late: its process is no longer the holder, and nobody hears the result.
func (l *lane) add(do func(late bool)) {
	l.queue = append(l.queue, do)
	l.next()
}

func (l *lane) next() {
	if l.busy || len(l.queue) == 0 {
		return
	}
	l.busy = true
	l.w.after(l.w.soon(), func() {
		if l.dead {
			return
		}
		do := l.queue[0]
		l.queue, l.busy = l.queue[1:], false
		do(false)
		l.next()
	})
}

// stop ends the lane with its process. A process that was only stopped may be inside one system
// call, which is made when it wakes.
func (l *lane) stop(wakes bool) {
	l.dead = true
	if wakes && len(l.queue) > 0 {
		do := l.queue[0]
		l.w.after(time.Duration(l.w.rng.Int64N(int64(200*time.Millisecond))), func() {
			l.w.count("fault: late call of a stopped holder")
			do(true)
		})
	}
}
