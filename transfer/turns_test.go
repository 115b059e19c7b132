package transfer

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/mqha/mqha/internal/core/stream"
)

// TestTransfersThatWaitForTheirTurnCostNothing: each frame, and each end, went through all transfers that had not ended. With
// ten thousand that took milliseconds, with a hundred thousand an agent stood still.
func TestTransfersThatWaitForTheirTurnCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newSeat(t, "A")
		e := a.open(t, goodLease(1), nil)
		x := a.file(t, "x", 1)
		var ids []ID
		for range maxSources + 5 {
			ids = append(ids, submit(t, e, "B", x, "x"))
		}
		e.Close()
		e = a.open(t, goodLease(2), nil)
		defer func() { e.Close() }()
		its, mine := Pipe()
		defer func(stop func()) { stop() }(start(e, its))
		l := &liar{t: t, link: mine, head: header{From: "B", Incarnation: [16]byte{1}, Epoch: 1}}
		look := func(want []ID, lowest uint64) {
			t.Helper()
			synctest.Wait()
			_ = e.call(t.Context(), func() {
				timed := e.timed()
				for _, id := range want {
					if timed[id] == nil {
						t.Errorf("number %d has no turn", slices.Index(ids, id)+1)
					}
				}
				if n := e.lowest("B"); len(timed) != len(want) || n != lowest {
					t.Errorf("%d have a turn, want %d; the lowest is %d, want %d", len(timed), len(want), n, lowest)
				}
			})
		}
		look(ids[:maxSources], 1)
		for range 2 { // the oldest goes last
			ids = append(ids, submit(t, e, "B", x, "x"))
		}
		if err := e.Cancel(t.Context(), ids[maxSources+2]); err != nil {
			t.Error(err)
		}
		look(append(slices.Clone(ids[:maxSources]), ids[maxSources+2]), 1)
		word, err := json.Marshal(result{})
		if err != nil {
			t.Fatal(err)
		}
		ends := func(i int, a stream.Answer) {
			t.Helper()
			l.head.Transfer = ids[i]
			l.send(header{Kind: kindEnd, Answer: a}, word)
		}
		ends(1, stream.Completed)
		ends(maxSources+2, stream.Cancelled)
		began := []ID{ids[0]}
		began = append(began, ids[2:maxSources+1]...)
		look(began, 1)
		for i := range 4 {
			ends(i, stream.Completed)
		}
		began = slices.Clone(ids[4 : maxSources+2])
		began = append(began, ids[maxSources+3:maxSources+5]...)
		look(began, 5)
	})
}
