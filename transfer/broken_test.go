package transfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A list that could not be read was told to the receiver as trouble with the files: it refused the transfer,
// or reported every file as failed, for ever, though the next instance could have sent them.
func TestListThatCannotBeReadStopsTheSenderAndNotTheTransfer(t *testing.T) {
	for name, of := range map[string]func(*outRecord) string{"manifest": (*outRecord).manifestName, "sources": (*outRecord).sourcesName} {
		t.Run(name, func(t *testing.T) {
			a, b := newSeat(t, "A"), newSeat(t, "B")
			if err := os.WriteFile(filepath.Join(a.read, "x"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			ea, eb := a.open(t, &hookFence{epoch: 1}, nil), b.open(t, &hookFence{epoch: 1}, nil)
			id, err := ea.Submit(t.Context(), Request{To: "B", Items: []Item{{Source: a.read, Destination: "."}}})
			if err != nil {
				t.Fatal(err)
			}
			list := filepath.Join(a.state, of(&outRecord{ID: id, Lists: 1}))
			away := filepath.Join(t.TempDir(), "list")
			if err := os.Rename(list, away); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(list, 0o700); err != nil { // can be opened, and not read
				t.Fatal(err)
			}
			la, lb := Pipe()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- eb.Run(ctx, lb) }()
			if err := ea.Run(ctx, la); !errors.Is(err, ErrDurability) {
				t.Errorf("Run: %v", err)
			}
			if err := ea.Close(); !errors.Is(err, ErrDurability) {
				t.Errorf("Close: %v", err)
			}
			if err := errors.Join(os.Remove(list), os.Rename(away, list)); err != nil {
				t.Fatal(err)
			}
			ea = a.open(t, &hookFence{epoch: 2}, nil)
			next := make(chan error, 1)
			go func() { next <- ea.Run(ctx, la) }()
			if s, err := ea.Wait(ctx, id); err != nil || s.State != Completed || s.Failed != 0 {
				t.Errorf("%+v, %v", s, err)
			}
			cancel()
			<-ended
			<-next
			if err := errors.Join(ea.Close(), eb.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}
