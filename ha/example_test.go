package ha_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
)

// An agent with its queue manager in the same process. In production the Dialer is the one of package
// mqconn/jms20, several processes run the same configuration, and the program is ha.Main(config).
func Example() {
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	config := ha.Config{
		Name:     "PAYMENTS",
		StateDir: dir, // on the disk that the instances share
		Work: func(ctx context.Context, a *ha.Active) error {
			fmt.Println("working with epoch", a.Lease.Epoch())
			return nil // nothing left to do
		},
		Definitions: ha.Definitions{QueueManager: "QM1"},
	}
	var definitions bytes.Buffer
	if err := config.MQSC(&definitions); err != nil {
		log.Fatal(err)
	}
	qm, err := mqtest.Start(mqtest.Options{Name: "QM1", MQSC: definitions.String()})
	if err != nil {
		log.Fatal(err)
	}
	defer qm.Close()
	config.MQ = mqconn.Config{Dialer: qm.Dialer()}

	agent, err := ha.New(config)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("exit code", ha.ExitCode(agent.Run(context.Background())))
	// Output:
	// working with epoch 1
	// exit code 0
}

// Submit a transfer to the active instance of an agent, whichever it is, and follow it to its end: through a takeover, a
// restart of the queue manager, and a receiver that is away.
func ExampleClient_Watch() {
	dir, err := os.MkdirTemp("", "agents")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"paris", "rome", "out", "in"} {
		if err := os.Mkdir(path(name), 0o700); err != nil {
			log.Fatal(err)
		}
	}
	if err := os.WriteFile(path("out/invoice.txt"), []byte("42"), 0o600); err != nil {
		log.Fatal(err)
	}
	definitions := ha.Definitions{QueueManager: "QM1"}
	paris := ha.Config{Name: "PARIS", StateDir: path("paris"), Transfer: transfer.Options{ReadRoots: []string{path("out")}}, Definitions: definitions}
	rome := ha.Config{Name: "ROME", StateDir: path("rome"), Transfer: transfer.Options{WriteRoot: path("in")}, Definitions: definitions}
	var mqsc bytes.Buffer
	if err := errors.Join(paris.MQSC(&mqsc), rome.MQSC(&mqsc)); err != nil {
		log.Fatal(err)
	}
	qm, err := mqtest.Start(mqtest.Options{Name: "QM1", MQSC: mqsc.String()})
	if err != nil {
		log.Fatal(err)
	}
	defer qm.Close()

	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, c := range []ha.Config{paris, rome} {
		c.MQ = mqconn.Config{Dialer: qm.Dialer()}
		agent, err := ha.New(c)
		if err != nil {
			log.Fatal(err)
		}
		running.Go(func() {
			if err := agent.Run(ctx); err != nil {
				log.Print(err)
			}
		})
	}

	client, err := ha.NewClient(mqconn.Config{Dialer: qm.Dialer()}, "PARIS")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	id, err := client.Submit(ctx, transfer.Request{To: "ROME", Items: []transfer.Item{{Source: path("out/invoice.txt"), Destination: "invoice.txt"}}})
	if err != nil {
		log.Fatal(err)
	}
	status, err := client.Watch(ctx, id, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.State, status.Files, "file,", status.Failed, "failed")
	stop()
	running.Wait()
	// Output:
	// completed 1 file, 0 failed
}
