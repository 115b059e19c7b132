package transfer

import (
	"sync"
	"testing"
)

// TestProbesOfSeveralLanesDoNotMeet: each removed the file of another, or found it, and a broken disk was then taken for
// the fault of one file.
func TestProbesOfSeveralLanesDoNotMeet(t *testing.T) {
	e := newSeat(t, "A").open(t, goodLease(1), nil)
	defer e.Close()
	var probing sync.WaitGroup
	for range 20 {
		probing.Go(func() {
			for range 50 {
				if err := e.probe(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	probing.Wait()
}
