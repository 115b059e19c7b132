package ha_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
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
