package lockfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mqha/mqha/lockfile"
)

// One instance works, another one is told who does.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "agent.lck")

	lease, err := lockfile.Acquire(ctx, path, lockfile.Options{Instance: "a"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lease.Release(ctx) // after the work, also when the lease was lost

	working, cancel := lease.Context(ctx)
	defer cancel()
	for step := 1; step <= 2 && lease.Err() == nil; step++ { // before each write
		fmt.Println("epoch", lease.Epoch(), "step", step, "may go on:", working.Err() == nil)
	}

	_, err = lockfile.TryAcquire(path, lockfile.Options{Instance: "b"})
	var held *lockfile.HeldError
	if errors.As(err, &held) {
		fmt.Println("held by", held.Owner.Instance)
	}
	// Output:
	// epoch 1 step 1 may go on: true
	// epoch 1 step 2 may go on: true
	// held by a
}

// A program that checks its directory before it relies on it. It is its own helper.
func ExampleCheck() {
	if len(os.Args) > 1 && os.Args[1] == "-check-helper" {
		lockfile.CheckHelper()
		return
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := lockfile.Check(context.Background(), "/shared/agent", func() *exec.Cmd {
		return exec.Command(self, "-check-helper")
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(report)
	if report.Verdict == lockfile.Cannot {
		os.Exit(1)
	}
}
