package ocf

import (
	"path/filepath"
	"strings"
)

// daemonAction is how start calls the executable again.
const daemonAction = "mqha-daemon"

// meeting is where the daemon and the actions of one resource meet.
type meeting struct {
	dir string
}

func newMeeting(m Metadata, v Values, getenv func(string) string) meeting {
	dir := m.RunDir
	if dir == "" {
		dir = getenv("HA_RSCTMP")
	}
	if dir == "" {
		dir = "/run/resource-agents"
	}
	// A slash would lead elsewhere. The colon of a clone's instance stays: a_1 may be another resource than a:1.
	name := strings.ReplaceAll(m.Name+"-"+v.Instance, "/", "_")
	return meeting{filepath.Join(dir, name)}
}

func (m meeting) socket() string { return filepath.Join(m.dir, "socket") }

// check: the kernel says no more than "invalid argument" to a longer path, see unix(7).
func (m meeting) check() error {
	if n := len(m.socket()); n > 107 {
		return Errorf(Configured, "the path %s has %d bytes, that of a unix socket has at most 107 bytes: choose a shorter name", m.socket(), n)
	}
	return nil
}
