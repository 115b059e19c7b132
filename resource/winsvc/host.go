package winsvc

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/mqha/mqha/resource"
)

// control is what the control manager asks for.
type control int

// The controls.
const (
	interrogate control = iota
	stopNow             // Stop, Shutdown or PreShutdown
)

// severity of an entry in the event log.
type severity int

// The severities.
const (
	info severity = iota
	failure
)

// host runs a Program as a service. It is the Program's Notifier, and knows nothing of Windows.
type host struct {
	program resource.Program
	options Options
	say     func(status)           // to the control manager
	log     func(severity, string) // to the event log

	news chan struct{} // capacity 1: the Program has said something

	mu       sync.Mutex
	ready    bool
	progress time.Duration // the latest that was announced and not reported yet; 0: none
	healthy  func(context.Context) error
}

// execute is the life of the service; it returns the exit code.
func (h *host) execute(controls <-chan control) int {
	l := newLedger(h.options.ReadyAtStart, h.options.WaitHint)
	h.say(l.status)
	h.log(info, h.program.Name+" starts")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- h.program.Run(ctx, h) }()
	tick := time.NewTicker(h.options.WaitHint / 3)
	defer tick.Stop()
	answers, asking := make(chan error, 1), false
	for {
		select {
		case c := <-controls:
			if c == stopNow && l.stop() {
				h.log(info, h.program.Name+" is asked to stop")
				stop()
			}
			h.say(l.status)
		case <-h.news:
			if h.enter(l) {
				h.say(l.status)
			}
		case <-tick.C:
			if l.state != running && !asking {
				asking = h.ask(ctx, answers)
			}
		case err := <-answers:
			asking = false
			if err == nil && l.beat() {
				h.say(l.status)
			}
		case err := <-done:
			code := h.options.ExitCode(err)
			if err != nil {
				h.log(failure, fmt.Sprintf("%s ended with exit code %d: %v", h.program.Name, code, err))
			} else {
				h.log(info, h.program.Name+" has stopped")
			}
			return code
		}
	}
}

// ask begins a check, if there is one. It is not asked beside itself, and one that hangs is not waited
// for: the process is about to end.
func (h *host) ask(ctx context.Context, answers chan<- error) bool {
	h.mu.Lock()
	check := h.healthy
	h.mu.Unlock()
	if check == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.options.WaitHint)
	go func() {
		defer cancel()
		answers <- check(ctx)
	}()
	return true
}

// enter takes over what the Program has said, and reports whether it is news.
func (h *host) enter(l *ledger) bool {
	h.mu.Lock()
	ready, progress := h.ready, h.progress
	h.ready, h.progress = false, 0
	h.mu.Unlock()
	news := ready && l.ready()
	if news {
		h.log(info, h.program.Name+" is ready")
	}
	return progress > 0 && l.progress(progress) || news
}

func (h *host) wake() {
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// Ready says RUNNING.
func (h *host) Ready() {
	h.mu.Lock()
	h.ready = true
	h.mu.Unlock()
	h.wake()
}

// Progress is a checkpoint while the service is pending; of several in quick succession the last.
func (h *host) Progress(_ string, next time.Duration) {
	h.mu.Lock()
	h.progress = max(next, time.Millisecond)
	h.mu.Unlock()
	h.wake()
}

// Healthy sets what is asked for signs of life while the service is pending.
func (h *host) Healthy(check func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.healthy = check
}
