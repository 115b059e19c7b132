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
	// The instance of a clone has a colon; a slash would lead elsewhere.
	name := strings.NewReplacer("/", "_", ":", "_").Replace(m.Name + "-" + v.Instance)
	return meeting{filepath.Join(dir, name)}
}
