package mqlink_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// crashBound is what a crash of one process may cost at the options of the test: what was in flight, the frame that was
// being sent, and the one that the receiver had in hand. What a receiver that was killed had written, and not made
// durable, is not sent again; a loss of power would cost a checkpoint more.
const crashBound = creditBytes + 2*frameBytes

const (
	killsVariable = "MQHA_CRASH_KILLS" // of each process; default 10
	seedVariable  = "MQHA_CRASH_SEED"  // repeats the plan of an earlier run
)

// TestKillNineOfEachProcess kills the sender, the receiver and the queue manager between them with SIGKILL, each at
// many places that chance chooses among all of its operations. Every file arrives once and identical, as a
// consumer sees it that takes files away at once, and little is sent twice. Every other transfer moves its files: a source is
// gone if and only if it arrived.
func TestKillNineOfEachProcess(t *testing.T) {
	kills, seed := int(number(t, killsVariable, 10)), number(t, seedVariable, rand.Uint64())
	t.Logf("seed %d (again with %s=%d)", seed, seedVariable, seed)
	for i, role := range []string{sender, receiver, queueManager} {
		t.Run(role, func(t *testing.T) {
			w := newCrashWorld(t, role)
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			clean, operations := map[bool]uint64{}, map[bool]int64{} // of a transfer that moves, or does not
			for _, moves := range []bool{false, true} {
				before := w.count()
				_, clean[moves] = w.transfer("", moves)
				operations[moves] = w.count() - before
				if clean[moves] < w.bytes || clean[moves] > w.bytes+frameBytes { // the list of the files is sent, too
					t.Fatalf("%d bytes were sent when nothing was killed, the files have %d", clean[moves], w.bytes)
				}
			}
			// A kill may also fall behind the last word, into what is put in order after it; then it strikes
			// there or in the next transfer.
			var most, sum uint64
			for w.kills < kills {
				plan, moves := "", w.number%2 == 1
				if !w.armed {
					plan = fmt.Sprintf("%s %d", []string{"die", "say"}[random.IntN(2)], 1+random.Int64N(operations[moves]*11/10))
				}
				name, sent := w.transfer(plan, moves)
				again := sent - clean[moves]
				most, sum = max(most, again), sum+again
				if again > crashBound {
					t.Errorf("transfer %s, %q: %d bytes were sent twice, at most %d are in flight or not durable", name, plan, again, uint64(crashBound))
				}
			}
			w.judge()
			t.Logf("%d operations a transfer, %d transfers, %d of them moved, %d kills; %d bytes re-sent in all, %d at the most, bound %d",
				operations[true], w.number, len(w.moving), w.kills, sum, most, uint64(crashBound))
		})
	}
}

func number(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
