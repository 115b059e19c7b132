package ha

import (
	"sync"
	"time"

	"github.com/mqha/mqha/lockfile"
)

// announcer says beside the lock what the active instance should know of this one, which stands by: the campaign puts it
// up, and the connection of the standby says whether it is ready. What cannot be said is reported, and the instance stands
// by all the same. A goroutine of its own writes, one word after the other, so that a disk that hangs keeps nobody from being
// elected, or from ending.
type announcer struct {
	path   string
	self   lockfile.Standby
	report func(error)

	mu     sync.Mutex // never held while writing
	wanted word
	said   chan struct{} // closed when what is wanted is said; nil: nobody writes
	puts   int

	is      word                   // the writer's, as is
	up      *lockfile.Announcement // nil: not up, or that could not be said
	trouble string                 // reported last
}

// word is what the disk is to say.
type word struct {
	campaign int // counts them; 0: nothing is up
	ready    bool
	times    int // it is said
}

// put puts the announcement up until it is withdrawn. It is up when said is closed, and nobody need wait for the withdrawal.
func (a *announcer) put() (said <-chan struct{}, withdraw func()) {
	said = a.want(func(w *word) {
		a.puts++
		w.campaign = a.puts
	})
	return said, func() { a.want(func(w *word) { w.campaign = 0 }) }
}

// say keeps it also for an announcement that is put up later. To say the same again helps where that could not be put up, or
// somebody has removed it.
func (a *announcer) say(ready bool) (said <-chan struct{}) {
	return a.want(func(w *word) {
		w.ready = ready
		w.times++
	})
}

func (a *announcer) want(change func(*word)) (said <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.wanted)
	if a.said == nil {
		a.said = make(chan struct{})
		go a.write()
	}
	return a.said
}

func (a *announcer) write() {
	for {
		w, ok := a.next()
		if !ok {
			return
		}
		trouble := ""
		if err := a.make(w); err != nil {
			trouble = err.Error()
			if trouble != a.trouble {
				a.report(err)
			}
		}
		a.trouble, a.is = trouble, w
	}
}

func (a *announcer) next() (w word, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wanted == a.is {
		close(a.said)
		a.said = nil
		return w, false
	}
	return a.wanted, true
}

func (a *announcer) make(w word) (err error) {
	if a.up != nil && (w.campaign != a.is.campaign || !a.up.Stands()) {
		err = a.up.Withdraw()
		a.up = nil
	}
	switch {
	case w.campaign == 0:
		return err
	case a.up != nil:
		return a.up.SetReady(w.ready)
	}
	s := a.self
	s.Ready = w.ready
	a.up, err = lockfile.Announce(a.path, s)
	return err
}

// settle waits for what is being written. On a disk that hangs it is left to itself after a while.
func (a *announcer) settle() {
	a.mu.Lock()
	said := a.said
	a.mu.Unlock()
	if said == nil {
		return
	}
	t := time.NewTimer(lossLimit)
	defer t.Stop()
	select {
	case <-said:
	case <-t.C:
	}
}
