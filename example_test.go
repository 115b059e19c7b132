package mqha_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
)

// Two agents on one queue manager, and a client that asks the first to send a file to the second.
// The queue manager is the one for tests; on IBM MQ only the Dialer is another.
func Example() {
	dir := directories("paris", "rome", "out", "in")
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "out", "report"), []byte("all quiet"), 0o600); err != nil {
		log.Fatal(err)
	}
	paris := ha.Config{
		Name: "PARIS", StateDir: filepath.Join(dir, "paris"),
		Transfer:    transfer.Options{ReadRoots: []string{filepath.Join(dir, "out")}},
		Definitions: ha.Definitions{QueueManager: "QM1"},
	}
	rome := ha.Config{
		Name: "ROME", StateDir: filepath.Join(dir, "rome"),
		Transfer:    transfer.Options{WriteRoot: filepath.Join(dir, "in")},
		Definitions: ha.Definitions{QueueManager: "QM1"},
	}
	qm := queueManager(paris, rome)
	defer qm.Close()
	mq := mqconn.Config{Dialer: qm.Dialer(), Endpoints: []string{"in process"}}
	paris.MQ, rome.MQ = mq, mq

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	for _, c := range []ha.Config{paris, rome} {
		agent, err := ha.New(c)
		if err != nil {
			log.Fatal(err)
		}
		go func() { ended <- agent.Run(ctx) }()
	}

	client, err := ha.NewClient(mq, "PARIS")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	id, err := client.Submit(ctx, transfer.Request{To: "ROME", Items: []transfer.Item{
		{Source: filepath.Join(dir, "out", "report"), Destination: "monday/report"},
	}})
	if err != nil {
		log.Fatal(err)
	}
	status := transfer.Status{}
	for !status.State.Ended() {
		if status, err = client.Status(ctx, id); err != nil {
			log.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "in", "monday", "report"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d file, %d bytes: %s\n", status.State, status.Files, status.Bytes, got)

	stop()
	for range 2 {
		if err := <-ended; err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("both agents have ended")
	// Output:
	// completed: 1 file, 9 bytes: all quiet
	// both agents have ended
}

// queueManager starts a queue manager for tests with the definitions that the agents ask for.
func queueManager(agents ...ha.Config) *mqtest.QueueManager {
	qm, err := mqtest.Start(mqtest.Options{Name: "QM1"})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range agents {
		if err := c.MQSC(mqscOf{qm}); err != nil {
			log.Fatal(err)
		}
	}
	return qm
}

// mqscOf runs what is written to it.
type mqscOf struct{ qm *mqtest.QueueManager }

func (w mqscOf) Write(script []byte) (int, error) { return len(script), w.qm.MQSC(string(script)) }

func directories(names ...string) string {
	dir, err := os.MkdirTemp("", "mqha")
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range names {
		if err := os.Mkdir(filepath.Join(dir, n), 0o700); err != nil {
			log.Fatal(err)
		}
	}
	return dir
}
