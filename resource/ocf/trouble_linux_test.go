package ocf

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// One EMFILE of accept(2) made the daemon deaf for the rest of its life: each monitor failed, and each stop killed.
func TestDaemonThatWasShortOfDescriptorsAnswersAgain(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	var old unix.Rlimit
	if err := unix.Prlimit(r.pid(), unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	tight := unix.Rlimit{Cur: 3, Max: old.Max}
	if err := unix.Prlimit(r.pid(), unix.RLIMIT_NOFILE, &tight, nil); err != nil {
		t.Fatal(err)
	}
	r.act(Generic, "monitor", timeout("2000"))
	if err := unix.Prlimit(r.pid(), unix.RLIMIT_NOFILE, &old, nil); err != nil {
		t.Fatal(err)
	}
	r.act(Success, "monitor")
}

// Without its socket nobody told the daemon to stop: it was killed just before the time-out, and its lock not
// released.
func TestDaemonThatCannotBeAskedStopsInGoodOrder(t *testing.T) {
	for name, stop := range map[string]func(*rig){
		"stop": func(r *rig) {
			if out := r.act(Success, "stop"); strings.Contains(out, "killed") {
				r.t.Errorf("it says %q", out)
			}
		},
		"a start that gives up": func(r *rig) {
			if fate, err := r.m.abandon(20 * time.Second); fate != "told to stop" || err != nil {
				r.t.Errorf("%s, %v", fate, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.act(Success, "start")
			if err := os.Remove(r.m.socket()); err != nil {
				t.Fatal(err)
			}
			stop(r)
			if _, err := os.Stat(r.m.farewell()); err != nil {
				t.Errorf("it did not say good-bye: %v", err)
			}
			r.act(NotRunning, "monitor")
		})
	}
}
