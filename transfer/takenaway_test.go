package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestPartThatSomebodyTakesAwayIsNotDelivered: a program that clears a directory away may meet a part at any time of its
// life. Its file fails by name then, and the source of it stays.
func TestPartThatSomebodyTakesAwayIsNotDelivered(t *testing.T) {
	remove := func(t *testing.T, part string) {
		if err := os.Remove(part); err != nil {
			t.Error(err)
		}
	}
	for _, tt := range []struct {
		name  string
		after string // a function that asked the fence before; empty: none
		when  string // the function that asks the fence
		take  func(t *testing.T, part string)
	}{
		{"removed while it is written", "", "(*Engine).writeFrame", remove},
		{"removed before it is synced", "", "(*Engine).syncPart", remove},
		{"removed before COMMIT", "", "(*tree).syncDir", remove},
		{"removed after COMMIT", "(*Engine).syncPart", "(*journal).sync", remove},
		{"another file in its place", "", "(*Engine).syncPart", func(t *testing.T, part string) {
			remove(t, part)
			if err := os.WriteFile(part, []byte("not what was sent"), 0o600); err != nil {
				t.Error(err)
			}
		}},
		{"its directory renamed", "", "(*Engine).syncPart", func(t *testing.T, part string) {
			if err := os.Rename(filepath.Dir(part), filepath.Dir(part)+".old"); err != nil {
				t.Error(err)
			}
		}},
		{"its directory exchanged", "(*Engine).syncPart", "(*journal).sync", func(t *testing.T, part string) {
			dir := filepath.Dir(part)
			if err := os.Rename(dir, dir+".old"); err != nil {
				t.Error(err)
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Error(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := newSeat(t, "A"), newSeat(t, "B")
			source := a.file(t, "d/x", 300<<10)
			fence := &hookFence{epoch: 1}
			var ready, taken atomic.Bool
			ready.Store(tt.after == "")
			fence.set(func(stack string) error {
				parts, err := filepath.Glob(filepath.Join(b.got, "in", ".*.part"))
				if err != nil || len(parts) == 0 {
					return nil
				}
				if ready.Load() && strings.Contains(stack, tt.when) && taken.CompareAndSwap(false, true) {
					tt.take(t, parts[0])
				}
				if tt.after != "" && strings.Contains(stack, tt.after) {
					ready.Store(true)
				}
				return nil
			})
			from, to := a.open(t, goodLease(1), nil), b.open(t, fence, nil)
			defer from.Close()
			defer to.Close()
			id, err := from.Submit(t.Context(), Request{To: "B", SourceDisposition: DeleteSource, Items: []Item{{Source: filepath.Dir(source), Destination: "in"}}})
			if err != nil {
				t.Fatal(err)
			}
			la, lb := Pipe()
			defer start(to, lb)()
			defer start(from, la)()
			s, ok := ends(t, from, id, patience)
			if !ok || !taken.Load() || s.State != Completed || s.Failed != 1 || !strings.Contains(s.Failures[0].Reason, errTakenAway.Error()) {
				t.Errorf("%+v, taken %v", s, taken.Load())
			}
			if _, err := os.Stat(source); err != nil {
				t.Error("the source is gone:", err)
			}
			if got, err := filepath.Glob(filepath.Join(b.got, "in", "x")); err != nil || len(got) > 0 {
				t.Errorf("delivered: %v, %v", got, err)
			}
		})
	}
}

// TestPartThatWasTakenAwayIsNotDeliveredByTheSuccessor, to whom a part that is gone after COMMIT counts as delivered.
func TestPartThatWasTakenAwayIsNotDeliveredByTheSuccessor(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	fence, lost := &hookFence{epoch: 1}, errors.New("lease lost")
	var taken, gone atomic.Bool
	var appended atomic.Int32
	ended := make(chan struct{})
	fence.set(func(stack string) error {
		if strings.Contains(stack, "(*Engine).syncPart") { // of the file, or of the manifest, which lies elsewhere
			parts, err := filepath.Glob(filepath.Join(b.got, ".*.part"))
			if err == nil && len(parts) == 1 && taken.CompareAndSwap(false, true) {
				if err := os.Remove(parts[0]); err != nil {
					t.Error(err)
				}
			}
		}
		// The first record after that is COMMIT.
		if taken.Load() && strings.Contains(stack, "(*journal).append") && appended.Add(1) == 2 && gone.CompareAndSwap(false, true) {
			close(ended)
		}
		if gone.Load() {
			return lost
		}
		return nil
	})
	from, to := a.open(t, goodLease(1), nil), b.open(t, fence, nil)
	defer from.Close()
	id := submit(t, from, "B", a.file(t, "x", 300<<10), "x")
	la, lb := Pipe()
	stopTo, stopFrom := start(to, lb), start(from, la)
	<-ended
	stopTo()
	stopFrom()
	to.Close()
	to = b.open(t, goodLease(2), nil)
	defer to.Close()
	la, lb = Pipe()
	defer start(to, lb)()
	defer start(from, la)()
	if s, ok := ends(t, from, id, patience); !ok || s.Failed != 1 || !strings.Contains(s.Failures[0].Reason, errTakenAway.Error()) {
		t.Errorf("%+v", s)
	}
}
