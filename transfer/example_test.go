package transfer_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/mqha/mqha/transfer"
)

// alone is a Fence for a program that has no standby: epoch 1 for ever.
type alone struct{}

func (alone) Epoch() uint64 { return 1 }
func (alone) Err() error    { return nil }

// Two engines in one process, joined by a pipe. Over IBM MQ the Link comes from package mqlink, and
// the Fence is the lease of package lockfile.
func Example() {
	dir, err := os.MkdirTemp("", "transfer")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, d := range []string{"paris", "rome", "out", "in"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			log.Fatal(err)
		}
	}
	report := filepath.Join(dir, "out", "report")
	if err := os.WriteFile(report, []byte("all quiet"), 0o600); err != nil {
		log.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	paris, err := transfer.Open(ctx, filepath.Join(dir, "paris"), alone{}, transfer.Options{
		Name: "PARIS", ReadRoots: []string{filepath.Join(dir, "out")},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer paris.Close()
	rome, err := transfer.Open(ctx, filepath.Join(dir, "rome"), alone{}, transfer.Options{
		Name: "ROME", WriteRoot: filepath.Join(dir, "in"),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer rome.Close()
	a, b := transfer.Pipe()
	go paris.Run(ctx, a)
	go rome.Run(ctx, b)

	id, err := paris.Submit(ctx, transfer.Request{To: "ROME", Items: []transfer.Item{
		{Source: report, Destination: "monday/report"},
	}})
	if err != nil {
		log.Fatal(err)
	}
	status, err := paris.Wait(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "in", "monday", "report"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.State, status.Files, "file,", string(got))
	// Output: completed 1 file, all quiet
}
