package sdnotify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// host is the Program's Notifier. What it has to tell waits in a queue: systemd may be slow, and a
// Notifier returns at once.
type host struct {
	options Options
	address string        // empty: nobody listens
	limit   time.Duration // of a send, and of all that are left when the Program has ended
	send    func(ctx context.Context, message string, limit time.Duration) error
	told    chan struct{} // capacity 1: the queue is not empty
	over    chan struct{} // closed when the Program has ended
	trouble string        // the error that was reported last, until systemd takes a message

	mu       sync.Mutex
	queue    []string
	status   string // that the Program said last
	ready    bool
	stopping bool
	healthy  func(context.Context) error
}

func newHost(o Options, address string, limit time.Duration) *host {
	h := &host{options: o, address: address, limit: limit, told: make(chan struct{}, 1), over: make(chan struct{})}
	h.send = h.write
	return h
}

// maxQueue bounds what waits for systemd. The oldest goes first, but for what counts: a later message says the
// same of the watchdog and of the time-out.
const maxQueue = 64

// tell queues a message: assignments, one a line.
func (h *host) tell(message string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.add(message)
}

// add is tell for whoever holds mu: what is said has to come in the order of what it says.
func (h *host) add(message string) {
	if h.address == "" {
		return
	}
	if len(h.queue) >= maxQueue {
		for i, old := range h.queue {
			if !counts(old) {
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

// counts: systemd acts on it, and it is said once, so it may never make room.
func counts(message string) bool {
	return strings.HasPrefix(message, "READY=") || strings.HasPrefix(message, "STOPPING=")
}

// show queues what the Program says for STATUS, with the assignments that go with it. The caller holds mu.
func (h *host) show(before, status, after string) {
	h.status = status
	h.add(before + "STATUS=" + status + after)
}

// Ready says READY=1, once.
func (h *host) Ready() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ready {
		return
	}
	h.ready = true
	if h.options.ReadyAtStart {
		h.show("", "ready", "")
	} else {
		h.show("READY=1\n", "ready", "")
	}
}

// Progress shows what the Program does. While it starts or stops, the time-out is extended to what it
// announced and half as much again, because systemd takes the time literally. A service that is up has no
// time-out to extend.
func (h *host) Progress(what string, next time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	up := (h.ready || h.options.ReadyAtStart) && !h.stopping
	extend := ""
	if !up && next > 0 {
		extend = "\nEXTEND_TIMEOUT_USEC=" + strconv.FormatInt((next+next/2).Microseconds(), 10)
	}
	h.show("", oneLine(what), extend)
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
	defer h.mu.Unlock()
	h.stopping = true
	h.show("STOPPING=1\n", "stopping", "")
}

// deliver sends what is told until all was said. What systemd has not taken is sent again, for as long as the
// Program runs: a service whose READY=1 is lost is killed when its start has taken too long. The time-out is that
// of a systemd that is being debugged or executes itself anew, and reads later. Any other error passes as well: its
// socket is gone or refuses while it is restarted (ENOENT, ECONNREFUSED), the kernel has no room (ENOBUFS), this
// process no descriptor (EMFILE).
func (h *host) deliver(said context.Context) {
	for said.Err() == nil {
		message, ok := h.next()
		if !ok {
			select {
			case <-h.told:
			case <-said.Done():
			}
			continue
		}
		err := h.send(said, message, h.limit)
		h.report(err)
		if err == nil || errors.Is(err, syscall.EMSGSIZE) { // too long will be too long again
			continue
		}
		h.putBack(message)
		pause := time.NewTimer(retryAfter)
		select {
		case <-pause.C:
		case <-said.Done():
			pause.Stop()
		}
	}
	last := h.rest()
	for _, message := range last {
		h.report(h.send(context.Background(), message, h.limit/time.Duration(len(last))))
	}
}

// retryAfter bounds how often a systemd that is away is tried. It is short beside any WatchdogSec, for which a
// message waits meanwhile.
const retryAfter = 250 * time.Millisecond

// report tells an error once, until a message has been sent again. Only deliver calls it.
func (h *host) report(err error) {
	if err == nil {
		h.trouble = ""
		return
	}
	if text := err.Error(); text != h.trouble && h.options.OnError != nil {
		h.trouble = text
		h.options.OnError(err)
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

// putBack has a message sent again, without the assignments that a later message makes anew, and without WATCHDOG=1:
// that the service was healthy some time ago must not feed the watchdog of one that hangs now.
func (h *host) putBack(message string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var keep []string
	for assignment := range strings.SplitSeq(message, "\n") {
		name, _, _ := strings.Cut(assignment, "=")
		if name != "WATCHDOG" && !h.assigns(name) {
			keep = append(keep, assignment)
		}
	}
	if len(keep) > 0 {
		h.queue = slices.Insert(h.queue, 0, strings.Join(keep, "\n"))
	}
}

// assigns says whether a message in the queue assigns to name. The caller holds mu.
func (h *host) assigns(name string) bool {
	for _, message := range h.queue {
		if strings.HasPrefix(message, name+"=") || strings.Contains(message, "\n"+name+"=") {
			return true
		}
	}
	return false
}

// rest is what is still worth saying at the end: what counts, and the last word.
func (h *host) rest() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for i, message := range h.queue {
		if counts(message) || i == len(h.queue)-1 {
			out = append(out, message)
		}
	}
	h.queue = nil
	return out
}

// sendLimit: systemd reads at once, unless it is being restarted or debugged.
const sendLimit = 5 * time.Second

// write makes a new socket each time: messages are rare, and systemd's own socket may be a new one. A
// leading @ stands for the zero byte of an abstract address, which package net knows. When ctx ends it
// waits no longer.
func (h *host) write(ctx context.Context, message string, limit time.Duration) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: h.address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("sdnotify: %w", err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return fmt.Errorf("sdnotify: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })()
	if _, err := conn.Write([]byte(message)); err != nil {
		first, _, _ := strings.Cut(message, "\n")
		return fmt.Errorf("sdnotify: %s: %w", first, err)
	}
	return nil
}

// recovered takes back what a failed check has put into STATUS.
func (h *host) recovered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.show("WATCHDOG=1\n", cmp.Or(h.status, "healthy again"), "")
}

// watchdog asks the Program three times an interval, so that one slow answer is not the end. The check is
// never asked beside itself: while it hangs, nothing is said, and systemd acts.
func (h *host) watchdog(interval time.Duration) {
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	answers := make(chan error, 1)
	asking, ill := false, false
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
			switch {
			case err != nil:
				h.tell("STATUS=not healthy: " + oneLine(err.Error()))
			case ill:
				h.recovered()
			default:
				h.tell("WATCHDOG=1")
			}
			ill = err != nil
		case <-h.over:
			return
		}
	}
}
