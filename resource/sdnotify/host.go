package sdnotify

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// host is the Program's Notifier. What it has to tell waits in a queue: systemd may be slow, and a
// Notifier returns at once.
type host struct {
	options Options
	address string        // empty: nobody listens
	told    chan struct{} // capacity 1: the queue is not empty
	over    chan struct{} // closed when the Program has ended

	mu       sync.Mutex
	queue    []string
	ready    bool
	stopping bool
	healthy  func(context.Context) error
}

// maxQueue bounds what waits for systemd. The oldest STATUS goes first.
const maxQueue = 64

// tell queues a message: assignments, one a line.
func (h *host) tell(message string) {
	if h.address == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) >= maxQueue {
		for i, old := range h.queue {
			if strings.HasPrefix(old, "STATUS=") || strings.HasPrefix(old, "WATCHDOG=") {
				h.queue = append(h.queue[:i], h.queue[i+1:]...)
				break
			}
		}
	}
	h.queue = append(h.queue, message)
	select {
	case h.told <- struct{}{}:
	default:
	}
}

// Ready says READY=1, once.
func (h *host) Ready() {
	h.mu.Lock()
	first := !h.ready
	h.ready = true
	h.mu.Unlock()
	if !first {
		return
	}
	if h.options.ReadyAtStart {
		h.tell("STATUS=ready")
	} else {
		h.tell("READY=1\nSTATUS=ready")
	}
}

// Progress shows what the Program does. While it starts or stops, the time-out is extended to what it
// announced and half as much again, because systemd takes the time literally. A service that is up has no
// time-out to extend.
func (h *host) Progress(what string, next time.Duration) {
	message := "STATUS=" + oneLine(what)
	h.mu.Lock()
	up := (h.ready || h.options.ReadyAtStart) && !h.stopping
	h.mu.Unlock()
	if !up && next > 0 {
		message += "\nEXTEND_TIMEOUT_USEC=" + strconv.FormatInt((next+next/2).Microseconds(), 10)
	}
	h.tell(message)
}

// Healthy sets what the watchdog asks.
func (h *host) Healthy(check func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.healthy = check
}

func (h *host) announceStop(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-h.over:
		if ctx.Err() == nil {
			return
		}
	}
	h.mu.Lock()
	h.stopping = true
	h.mu.Unlock()
	h.tell("STOPPING=1\nSTATUS=stopping")
}

// deliver sends what is told until all was said and the queue is empty.
func (h *host) deliver(said <-chan struct{}) {
	for last := false; ; {
		for {
			message, ok := h.next()
			if !ok {
				break
			}
			if err := send(h.address, message); err != nil && h.options.OnError != nil {
				h.options.OnError(err)
			}
		}
		if last {
			return
		}
		select {
		case <-h.told:
		case <-said:
			last = true
		}
	}
}

func (h *host) next() (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		return "", false
	}
	message := h.queue[0]
	h.queue = h.queue[1:]
	return message, true
}

// sendLimit: systemd reads at once, unless it is being restarted or debugged.
const sendLimit = 5 * time.Second

// send makes a new socket each time: messages are rare, and systemd's own socket may be a new one. A
// leading @ stands for the zero byte of an abstract address, which package net knows.
func send(address, message string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("sdnotify: %w", err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(sendLimit)); err != nil {
		return fmt.Errorf("sdnotify: %w", err)
	}
	if _, err := conn.Write([]byte(message)); err != nil {
		return fmt.Errorf("sdnotify: %w", err)
	}
	return nil
}

// watchdog asks the Program three times an interval, so that one slow answer is not the end. The check is
// never asked beside itself: while it hangs, nothing is said, and systemd acts.
func (h *host) watchdog(interval time.Duration) {
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	answers := make(chan error, 1)
	asking := false
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // a check that heeds its context ends; one that hangs is not waited for
	for {
		select {
		case <-tick.C:
			if asking {
				continue
			}
			h.mu.Lock()
			check := h.healthy
			h.mu.Unlock()
			if check == nil { // the Program lives, more is not known
				h.tell("WATCHDOG=1")
				continue
			}
			asking = true
			go func() {
				ctx, cancel := context.WithTimeout(ctx, interval)
				defer cancel()
				answers <- check(ctx)
			}()
		case err := <-answers:
			asking = false
			if err != nil {
				h.tell("STATUS=not healthy: " + oneLine(err.Error()))
				continue
			}
			h.tell("WATCHDOG=1")
		case <-h.over:
			return
		}
	}
}
