package transfer

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// TestDeliverKnowsWhatItDoesNotKnow: the rename has no answer, and the look for the part has none.
func TestDeliverKnowsWhatItDoesNotKnow(t *testing.T) {
	d := crashdisk.New()
	for name, c := range map[string]struct {
		rename crashdisk.Fate
		look   error
		want   error
	}{
		"done":            {crashdisk.Goes, nil, nil},
		"done, no answer": {crashdisk.Fate{Done: true, Err: syscall.EIO}, nil, nil},
		"not done":        {crashdisk.Fate{Err: syscall.EIO}, nil, syscall.EIO},
		"taken":           {crashdisk.Fate{Err: fs.ErrExist}, nil, fs.ErrExist},
		"nobody knows":    {crashdisk.Fate{Err: syscall.EIO}, syscall.EIO, errUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			m := crashdisk.NewMachine(func(op crashdisk.Op) crashdisk.Fate {
				switch op.Kind {
				case "RenameNoReplace":
					return c.rename
				case "Lstat":
					return crashdisk.Fate{Done: true, Err: c.look}
				}
				return crashdisk.Goes
			})
			tr, err := openTree(m.Mount(d), "/", goodLease(1))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tr.createPart("part"); err != nil {
				t.Fatal(err)
			}
			if err := tr.deliver("part", name); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}
