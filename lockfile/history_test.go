package lockfile_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/mqha/mqha/lockfile"
)

// What several candidates do is one history. porcupine looks for an order of its calls, each between
// its begin and its end, that a single lock with a growing epoch and a register written under it
// could have given.

type lockCall struct {
	what  string // acquire, write, read, release
	value uint64 // of write
}

type lockState struct {
	held     bool
	epoch    uint64
	register uint64
}

var lockModel = porcupine.Model{
	Init: func() any { return lockState{} },
	Step: func(state, input, output any) (bool, any) {
		s, call, out := state.(lockState), input.(lockCall), output.(uint64)
		switch call.what {
		case "acquire":
			return !s.held && out > s.epoch, lockState{true, out, s.register}
		case "write":
			return s.held, lockState{s.held, s.epoch, call.value}
		case "read":
			return s.held && out == s.register, s
		}
		return s.held, lockState{false, s.epoch, s.register}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %d", input, output) },
}

// history collects calls with their times.
type history struct {
	mu  sync.Mutex
	ops []porcupine.Operation
}

func (h *history) call(client int, c lockCall, fn func() uint64) {
	begun := time.Now()
	out := fn()
	ended := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{
		ClientId: client, Input: c, Call: begun.UnixNano(), Output: out, Return: ended.UnixNano(),
	})
}

func TestHistoryOfManyHoldersIsThatOfOneLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var h history
	var register atomic.Uint64 // atomic, since the race detector does not see file locks
	var wg sync.WaitGroup
	for client := range 4 {
		wg.Go(func() {
			for turn := range 5 {
				takeTurn(t, &h, path, client, uint64(client*100+turn), &register)
			}
		})
	}
	wg.Wait()
	if len(h.ops) != 4*5*4 {
		t.Fatalf("%d calls", len(h.ops))
	}
	if result := porcupine.CheckOperationsTimeout(lockModel, h.ops, time.Minute); result != porcupine.Ok {
		t.Errorf("the history is %s", result)
	}
}

func takeTurn(t *testing.T, h *history, path string, client int, value uint64, register *atomic.Uint64) {
	var lease *lockfile.Lease
	h.call(client, lockCall{what: "acquire"}, func() uint64 {
		var err error
		if lease, err = lockfile.Acquire(context.Background(), path, lockfile.Options{Poll: 5 * time.Millisecond}); err != nil {
			t.Error(err)
			return 0
		}
		return lease.Epoch()
	})
	if lease == nil {
		return
	}
	h.call(client, lockCall{what: "write", value: value}, func() uint64 { register.Store(value); return 0 })
	h.call(client, lockCall{what: "read"}, register.Load)
	h.call(client, lockCall{what: "release"}, func() uint64 {
		if err := lease.Release(context.Background()); err != nil {
			t.Error(err)
		}
		return 0
	})
}
