package transfer_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mqha/mqha/transfer"
	"golang.org/x/sys/unix"
)

// fewDescriptors leaves this process so many more.
func fewDescriptors(t *testing.T, more int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	now := before
	now.Cur = uint64(len(open) + more)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	})
}

// TestShortageOfDescriptorsFailsNoFile: files ended as "too many open files", for good, on both sides.
func TestShortageOfDescriptorsFailsNoFile(t *testing.T) {
	for _, c := range []struct{ more, transfers int }{{60, 1}, {100, 10}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			a, b := newAgent(t, "A"), newAgent(t, "B")
			for n := range c.transfers {
				for i := range 1500 / c.transfers {
					writeFile(t, a.read, fmt.Sprintf("%d/f%d", n, i), 10, 0o600)
				}
			}
			want := facts(t, a.read)
			fewDescriptors(t, c.more)
			ea, eb := a.open(t, 1, nil), b.open(t, 1, nil)
			defer closeEngines(t, ea, eb)
			var ids []transfer.ID
			for n := range c.transfers {
				id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: fmt.Sprintf("%s/%d", a.read, n), Destination: fmt.Sprint(n)}}})
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, id)
			}
			defer runBoth(t, ea, eb)()
			for _, id := range ids {
				if s := wait(t, ea, id); s.State != transfer.Completed || s.Failed > 0 {
					t.Errorf("%+v", s)
				}
			}
			if d := cmp.Diff(want, facts(t, b.got)); d != "" {
				t.Error(d)
			}
		})
	}
}
