//go:build lab

package winsvc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/need"
	"github.com/mqha/mqha/lockfile"
	"golang.org/x/sys/windows/svc"
)

// nodeVariable is a or b, and sharedVariable the directory that both nodes see.
const (
	nodeVariable   = "MQHA_WINSVC_NODE"
	sharedVariable = "MQHA_WINSVC_SHARED"
)

// sign is how the tests on two nodes tell each other how far they are.
type sign string

func (s sign) file() string { return filepath.Join(os.Getenv(sharedVariable), string(s)) }

func (s sign) give(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(s.file(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s sign) await(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		_, err := os.Stat(s.file())
		if err == nil {
			return
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	t.Fatalf("no sign %q of the other node", s)
}

const (
	aRuns    = sign("a runs")
	bWaits   = sign("b waits")
	bHasDone = sign("b has done")
)

// Two nodes with the same service: on b it is registered while it runs on a, its start waits there for the
// lock, with checkpoints, and it is up when it was stopped on a.
func TestServiceOnASecondNodeTakesOver(t *testing.T) {
	node, shared := os.Getenv(nodeVariable), os.Getenv(sharedVariable)
	if node == "" {
		need.Missing(t, "needs two nodes with a directory in common: %s and %s", nodeVariable, sharedVariable)
	}
	if node == "b" {
		aRuns.await(t)
	}
	install(t, Config{Name: serviceName, Args: []string{serviceArgument, "holds", shared}})
	s := open(t)
	started := ask("start")
	if node == "b" {
		deadline := time.Now().Add(time.Minute)
		for now := query(t, s); now.CheckPoint < 3; now = query(t, s) {
			if svc.State(now.CurrentState) == svc.Running || time.Now().After(deadline) {
				t.Fatalf("state %d, checkpoint %d, while it runs on a", now.CurrentState, now.CheckPoint)
			}
			time.Sleep(20 * time.Millisecond)
		}
		bWaits.give(t)
	}
	until(t, s, svc.StartPending, svc.Running)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	record, err := lockfile.Inspect(lockIn(shared))
	if want := map[string]uint64{"a": 1, "b": 2}[node]; err != nil || record.Epoch != want {
		t.Errorf("epoch %d: %v", record.Epoch, err)
	}
	if node == "a" {
		aRuns.give(t)
		bWaits.await(t)
	}
	stopped := ask("stop")
	until(t, s, svc.StopPending, svc.Stopped)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if node == "b" {
		bHasDone.give(t)
	} else {
		bHasDone.await(t) // the end of the last process of a node ends the node
	}
}
