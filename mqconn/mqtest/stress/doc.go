// Package stress holds a mqconn.Transport to what package mqconn promises when queue managers die and
// answers are lost: no message is lost, and one arrives twice only where a commit's outcome was unknown.
//
// Producers put persistent messages in units of work, consumers get them in units of work, both back out
// now and then, and each follows the queue manager with a Connector of its own. Meanwhile the queue
// manager, a process with a data directory, is killed with SIGKILL and started again, and the answers of
// chosen commits are lost: of some that were not made, and of some that were. A ledger outside of the
// queue manager has every message and every commit, and judges in the end.
//
// A test of a transport runs it so:
//
//	func TestMain(m *testing.M) { stress.Main(); os.Exit(m.Run()) }
//
//	func TestStress(t *testing.T) { stress.Run(t, stress.Options{Dialer: mine}) }
package stress

import "github.com/mqha/mqha/mqconn"

// Options of a run.
type Options struct {
	Dialer mqconn.Dialer // to queue manager QM1, channel MQHA.SVRCONN
	// Producers and Consumers are how many there are of each; default 4.
	Producers, Consumers int
	// Kills of the queue manager's process; default 20.
	Kills int
	// Forced is how many commits lose their answer before the queue manager has acted on them, and
	// how many after it has; default 50 each.
	Forced int
	// Seed orders kills and lost answers, and decides on the size and end of units of work; what the
	// system's scheduler adds it cannot repeat. Default: MQHA_STRESS_SEED, else another one each time. It
	// is logged.
	Seed uint64
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		n       *int
		missing int
	}{{&o.Producers, 4}, {&o.Consumers, 4}, {&o.Kills, 20}, {&o.Forced, 50}} {
		if *d.n == 0 {
			*d.n = d.missing
		}
	}
	return o
}

// Result is what a run did.
type Result struct {
	Messages   int // identities that were put for certain
	Backouts   int // units of work that were backed out on purpose
	Kills      int
	NotMade    int // commits whose answer was lost before they were made
	Made       int // and after
	Undecided  int // commits that a kill met: nobody knows
	Duplicates int // deliveries beyond the first, each of them allowed by a commit of unknown outcome
}
