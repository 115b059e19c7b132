package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/mqha/mqha/transfer"
)

// epoch is a Fence for programs without a standby. Each start of an Engine on a state directory may take the same one; a
// lease of package lockfile has a higher one each time.
type epoch uint64

func (e epoch) Epoch() uint64 { return uint64(e) }
func (e epoch) Err() error    { return nil }

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
	paris, err := transfer.Open(ctx, filepath.Join(dir, "paris"), epoch(1), transfer.Options{
		Name: "PARIS", ReadRoots: []string{filepath.Join(dir, "out")},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer paris.Close()
	rome, err := transfer.Open(ctx, filepath.Join(dir, "rome"), epoch(1), transfer.Options{
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

// The link breaks in the middle, both agents end, and the next two go on: with a higher epoch, the same state
// directories, and the same ID.
func ExampleEngine_Run() {
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
	ledger := filepath.Join(dir, "out", "ledger")
	if err := os.WriteFile(ledger, bytes.Repeat([]byte("entry\n"), 2<<20), 0o600); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	open := func(e epoch) (paris, rome *transfer.Engine) {
		paris, err := transfer.Open(ctx, filepath.Join(dir, "paris"), e, transfer.Options{
			Name: "PARIS", ReadRoots: []string{filepath.Join(dir, "out")},
		})
		if err != nil {
			log.Fatal(err)
		}
		rome, err = transfer.Open(ctx, filepath.Join(dir, "rome"), e, transfer.Options{
			Name: "ROME", WriteRoot: filepath.Join(dir, "in"),
		})
		if err != nil {
			log.Fatal(err)
		}
		return paris, rome
	}

	paris, rome := open(1)
	id, err := paris.Submit(ctx, transfer.Request{To: "ROME", Items: []transfer.Item{
		{Source: ledger, Destination: "ledger"},
	}})
	if err != nil {
		log.Fatal(err)
	}
	a, b := transfer.Pipe()
	go rome.Run(ctx, b)
	fmt.Println("Run:", paris.Run(ctx, &breaking{Link: a, after: 20}))
	paris.Close()
	rome.Close()

	paris, rome = open(2)
	defer paris.Close()
	defer rome.Close()
	a, b = transfer.Pipe()
	go paris.Run(ctx, a)
	go rome.Run(ctx, b)
	status, err := paris.Wait(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.State, status.Files, "file,", status.Durable, "bytes")
	// Output:
	// Run: the line is cut
	// completed 1 file, 12582912 bytes
}

// breaking is a Link that fails for good when it has sent so many frames.
type breaking struct {
	transfer.Link
	after int64
	sent  atomic.Int64
}

func (l *breaking) Send(ctx context.Context, f *transfer.Frame) error {
	if l.sent.Add(1) > l.after {
		return errors.New("the line is cut")
	}
	return l.Link.Send(ctx, f)
}
