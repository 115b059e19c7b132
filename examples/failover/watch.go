package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/transfer"
)

// event is one line of an agent's standard output.
type event struct {
	Time     time.Time       `json:"time"` // wall clock; all processes are on one machine
	Code     string          `json:"code,omitempty"`
	Epoch    uint64          `json:"epoch,omitempty"`
	Text     string          `json:"text,omitempty"`
	Dropped  int             `json:"dropped,omitempty"`
	Transfer *transfer.Event `json:"transfer,omitempty"`
	Library  *library        `json:"library,omitempty"` // of a connection that was made
}

// library is a client library, as a connection through it says.
type library struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// resume is a sender that goes on at an offset in the bytes of all files.
type resume struct {
	at     time.Time
	offset int64
}

// activation is an agent that has become active and holds all its queues.
type activation struct {
	at    time.Time
	who   string
	epoch uint64
}

// watch is what the children have told so far.
type watch struct {
	tell func(who string, e event) // shows an event; called outside the lock

	mu         sync.Mutex
	changed    chan struct{} // closed and replaced at each change
	trouble    error         // a child ended by itself, or told something that cannot be read
	total      int64
	durable    int64
	progressed time.Time // when durable last grew
	completed  time.Time
	resumes    []resume
	actives    []activation
	standing   map[string]bool // children that wait for the lock
	listening  activation      // of the queue manager; who is the address
	admin      string          // URL of its admin port
	dropped    int             // events that did not reach us
	libraries  map[library]int // connections made through each
}

func newWatch(tell func(string, event)) *watch {
	return &watch{tell: tell, changed: make(chan struct{}), standing: make(map[string]bool), libraries: make(map[library]int)}
}

// agentLine takes one line of the agent process who.
func (w *watch) agentLine(who string, text []byte) {
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		w.fail(fmt.Errorf("%s told %q: %w", who, text, err))
		return
	}
	w.change(func() { w.note(who, e) })
	w.tell(who, e)
}

// queueManagerLine takes one line of the queue manager's process, as stamped wrote it.
func (w *watch) queueManagerLine(text []byte) {
	stamp, line, _ := strings.Cut(string(text), " ")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		w.fail(fmt.Errorf("the queue manager told %q: %w", text, err))
		return
	}
	if url, ok := strings.CutPrefix(line, "admin "); ok { // the line before
		w.change(func() { w.admin = url })
	}
	if address, ok := strings.CutPrefix(line, "listening "); ok {
		w.change(func() { w.listening = activation{at: time.Unix(0, at), who: address} })
	}
}

func (w *watch) note(who string, e event) {
	w.dropped += e.Dropped
	if e.Library != nil {
		w.libraries[*e.Library]++
	}
	switch {
	case e.Code == string(ha.CodeStandby):
		w.standing[who] = true
	case e.Code == string(ha.CodeActive):
		w.actives = append(w.actives, activation{at: e.Time, who: who, epoch: e.Epoch})
	case e.Transfer != nil && e.Transfer.Sending:
		w.sending(e.Transfer)
	}
}

func (w *watch) sending(t *transfer.Event) {
	w.total = t.Bytes
	w.dropped += t.Dropped
	switch t.Kind {
	case transfer.EventResumed:
		w.resumes = append(w.resumes, resume{at: t.Time, offset: t.Offset})
	case transfer.EventProgress:
		if t.Durable > w.durable {
			w.durable, w.progressed = t.Durable, t.Time
		}
	case transfer.EventCompleted:
		w.durable, w.completed = t.Bytes, t.Time
	case transfer.EventRefused:
		w.trouble = fmt.Errorf("the transfer was refused: %s", t.Reason)
	}
}

func (w *watch) fail(err error) {
	w.change(func() {
		if w.trouble == nil {
			w.trouble = err
		}
	})
}

func (w *watch) change(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
	close(w.changed)
	w.changed = make(chan struct{})
}

// look runs fn with the state locked.
func (w *watch) look(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
}

// await waits until cond, which is called with the state locked, is true.
func (w *watch) await(ctx context.Context, what string, limit time.Duration, cond func() bool) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		w.mu.Lock()
		met, trouble, changed := cond(), w.trouble, w.changed
		w.mu.Unlock()
		if trouble != nil {
			return fmt.Errorf("while waiting for %s: %w", what, trouble)
		}
		if met {
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return fmt.Errorf("waited %v in vain for %s", limit, what)
		case <-ctx.Done():
			return fmt.Errorf("while waiting for %s: %w", what, context.Cause(ctx))
		}
	}
}

// runsSince says whether the transfer goes on after t: resumed, and then something more was durable.
func (w *watch) runsSince(t time.Time) bool {
	if t.IsZero() {
		return w.durable > 0
	}
	r, ok := w.resumedSince(t)
	return ok && w.progressed.After(r.at)
}

func (w *watch) resumedSince(t time.Time) (resume, bool) {
	for _, r := range w.resumes {
		if r.at.After(t) {
			return r, true
		}
	}
	return resume{}, false
}

// activeSince is the first of names that became active after t.
func (w *watch) activeSince(t time.Time, names ...string) (activation, bool) {
	for _, a := range w.actives {
		for _, n := range names {
			if a.who == n && a.at.After(t) {
				return a, true
			}
		}
	}
	return activation{}, false
}
