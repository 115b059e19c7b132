package ocf

import (
	"path/filepath"
	"strconv"
	"time"
)

func (m meeting) lock() string     { return filepath.Join(m.dir, "lock") }
func (m meeting) farewell() string { return filepath.Join(m.dir, "end") }
func (m meeting) out() string      { return filepath.Join(m.dir, "out") }
func (m meeting) older() string    { return filepath.Join(m.dir, "out.1") }

// timeout is how long the action may take: OCF_RESKEY_CRM_meta_timeout is in milliseconds, and when it
// is over Pacemaker kills the action.
func (a *action) timeout(otherwise time.Duration) time.Duration {
	ms, err := strconv.ParseInt(a.getenv("OCF_RESKEY_CRM_meta_timeout"), 10, 64)
	if err != nil || ms <= 0 {
		return otherwise
	}
	return time.Duration(ms) * time.Millisecond
}

// margin is what is kept back of a time-out for the way out: a tenth, between one and five seconds, but
// never more than half.
func margin(timeout time.Duration) time.Duration {
	return min(max(timeout/10, time.Second), 5*time.Second, timeout/2)
}

// request is a line that an action sends to the daemon.
type request struct {
	Ask   string `json:"ask"` // status, follow or stop
	Level int    `json:"level,omitempty"`
	// Limit is how long the daemon may take to find out whether the program is healthy.
	Limit time.Duration `json:"limit,omitempty"`
}

// reply is a line that the daemon sends. To follow it sends one for every change until ready or the end.
type reply struct {
	State    string `json:"state"`              // starting, ready, stopping, ended
	Progress string `json:"progress,omitempty"` // what it is busy with
	Error    string `json:"error,omitempty"`    // ended, or not healthy
	Code     Code   `json:"code,omitempty"`     // of Error
}

// The states of a daemon.
const (
	starting = "starting"
	ready    = "ready"
	stopping = "stopping"
	ended    = "ended"
)
