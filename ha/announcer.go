package ha

import (
	"sync"

	"github.com/mqha/mqha/lockfile"
)

// announcer says beside the lock what the active instance should know of this one, which stands by: the campaign puts it
// up, and the connection of the standby says whether it is ready. What cannot be said is reported, and the instance stands
// by all the same.
type announcer struct {
	path   string
	self   lockfile.Standby
	report func(error)

	mu sync.Mutex
	up *lockfile.Announcement // nil: not up
}

// put puts the announcement up until it is withdrawn.
func (a *announcer) put() (withdraw func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	up, err := lockfile.Announce(a.path, a.self)
	if err != nil {
		a.report(err)
		return func() {}
	}
	a.up = up
	return a.withdraw
}

func (a *announcer) withdraw() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.up.Withdraw(); err != nil {
		a.report(err)
	}
	a.up = nil
}

// say keeps it also for an announcement that is put up later.
func (a *announcer) say(ready bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.self.Ready = ready
	if a.up == nil {
		return
	}
	if err := a.up.SetReady(ready); err != nil {
		a.report(err)
	}
}
