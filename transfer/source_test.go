package transfer

import (
	"os"
	"strings"
	"sync"
	"testing"
)

// TestSourceThatIsTruncatedHasChanged: it was reported as failed for "EOF".
func TestSourceThatIsTruncatedHasChanged(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	ea, eb := a.open(t, goodLease(1), nil), b.open(t, goodLease(1), nil)
	defer ea.Close()
	defer eb.Close()
	x := a.file(t, "x", 100<<20)
	id := submit(t, ea, "B", x, "x")
	la, lb := Pipe()
	var once sync.Once
	defer start(ea, &sendFilter{Link: la, look: func(f *Frame) error {
		if len(f.Body) > 1<<16 {
			once.Do(func() {
				if err := os.Truncate(x, 1<<20+1); err != nil {
					t.Error(err)
				}
			})
		}
		return nil
	}})()
	defer start(eb, lb)()
	s, ended := ends(t, ea, id, patience)
	if !ended || s.Failed != 1 || !strings.Contains(s.Failures[0].Reason, errChanged.Error()) {
		t.Errorf("%+v", s)
	}
}
