package sim

import (
	"errors"
	"flag"
	"maps"
	"slices"
	"testing"
)

var (
	seeds = flag.Int("seeds", 10_000, "how many transfers are simulated")
	seed  = flag.Uint64("seed", 0, "simulate this one and show it")
)

// enough is how often everything below must have happened for the simulation to prove something.
const enough = 100

var needed = []string{
	"consumer took a file",
	"CONFIRM of an unknown transfer",
	"END of an unknown transfer",
	"part gone, counts as delivered",
	"unfinished file begun anew",
	"frame of the tail log taken in", "frame of the tail log not there",
	"put to an unknown agent failed",
	"granted the least", "granted less than it wants", "frame read that was granted with less than it wants",
	"CANCEL of an unknown transfer", "end: cancelled",
	"sender cancelled while idle", "sender cancelled while asking", "sender cancelled while seeking",
	"sender cancelled while sending", "sender killed while cancelling",
	"receiver cancelled while repairing", "receiver cancelled while taking",
	"receiver cancelled while loading", "receiver cancelled while ending", "receiver cancelled while over",
	"end: completed", "end: refused", "end: file delivered", "end: file failed",
	"fault: connection of the receiver lost", "fault: connection of the sender lost",
	"fault: crash in a new phase", "fault: create failed", "fault: directory not made", "fault: late call of a stopped holder",
	"fault: manifest refused", "fault: message held up", "fault: message lost",
	"fault: message lost with the connection", "fault: message repeated", "fault: message truncated", "fault: metadata not set",
	"fault: name taken by a foreign file", "fault: orderly stop",
	"fault: power of the receiver lost", "fault: power of the sender lost",
	"fault: put failed", "fault: put failed only apparently",
	"fault: receiver killed", "fault: sender killed", "fault: reopen failed",
	"fault: source file vanished", "fault: sync failed", "fault: write failed",
	"receiver killed while new", "receiver killed while repairing", "receiver killed while taking",
	"receiver killed while loading", "receiver killed while ending", "receiver killed while over",
	"sender killed while idle", "sender killed while asking", "sender killed while seeking",
	"sender killed while sending", "sender killed while ending", "sender killed while ended",
}

func TestEveryFileIsDeliveredOnceWhateverFails(t *testing.T) {
	counts := make(Counts)
	if *seed != 0 {
		if err := Run(*seed, counts, t.Logf); err != nil {
			t.Fatal(err)
		}
		return
	}
	n := uint64(*seeds)
	short := testing.Short() || few
	if short {
		n /= 10
	}
	failed := 0
	for i := uint64(1); i <= n && failed < 10; i++ {
		if err := Run(i, counts, nil); err != nil {
			t.Errorf("seed %d: %v (to see it: -v -seed %d)", i, err, i)
			failed++
		}
	}
	report(t, counts)
	for _, name := range needed {
		if !short && failed == 0 && counts[name] < enough {
			t.Errorf("%s: only %d times", name, counts[name])
		}
	}
}

// TestDefectsOfOthersAreFound makes mistakes that another agent once made. Each is found within so many seeds
// that a run of all of them cannot miss it.
func TestDefectsOfOthersAreFound(t *testing.T) {
	const most = 500
	for _, d := range []Defect{LostCompletion, CompletionRace, NegotiationTimeOut, UnknownDestination} {
		found := uint64(0)
		var err error
		for i := uint64(1); i <= most && err == nil; i++ {
			found, err = i, RunWith(d, i, make(Counts), nil)
		}
		if err == nil {
			t.Errorf("%s is not found within %d seeds", d, most)
			continue
		}
		t.Logf("%s: seed %d: %v", d, found, err)
	}
}

func TestSeedTellsTheSameStoryAgain(t *testing.T) {
	for i := uint64(1); i <= 20; i++ {
		first, second := make(Counts), make(Counts)
		if err := errors.Join(Run(i, first, nil), Run(i, second, nil)); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(first, second) {
			t.Errorf("seed %d: %v, then %v", i, first, second)
		}
	}
}

func report(t *testing.T, counts Counts) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%8d %s", counts[name], name)
	}
}
