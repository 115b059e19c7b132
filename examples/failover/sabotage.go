package main

import (
	"context"
	"errors"
	"os"

	"github.com/mqha/mqha/examples/failover/outside"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
)

// What -sabotage can spoil, beside what the consumer does to files: one thing for each place that is
// looked at in the end.
const (
	otherTransfer = "forget" // the agents are asked about a transfer that they do not know
	leaveLetter   = "letter" // a dead letter
	leaveAgent    = "agent"  // the destination agent is not stopped, and keeps its lock
	leaveList     = "list"   // the list of files of a transfer, beside the journal
	leavePart     = "part"   // a file that is still being received

	otherLibrary = "library" // one connection through the pure Go client
)

var sabotages = []string{
	string(outside.Flip), string(outside.Drop), string(outside.Twice), otherTransfer, leaveLetter, leaveAgent, leaveList, leavePart,
	otherLibrary,
}

// consumerSabotage is what of it the consumer does.
func (o *options) consumerSabotage() outside.Sabotage {
	switch s := outside.Sabotage(o.sabotage); s {
	case outside.Flip, outside.Drop, outside.Twice:
		return s
	}
	return ""
}

// spoilRunning spoils what is looked at while the agents run. It returns the transfer to ask about.
func (d *demo) spoilRunning(ctx context.Context, id transfer.ID) (transfer.ID, error) {
	switch d.options.sabotage {
	case otherTransfer:
		return transfer.NewID(), nil
	case otherLibrary:
		link, err := mqtest.TCP{}.Dial(ctx, mqconn.DialOptions{Endpoint: d.endpoint, Role: "sabotage"})
		if err != nil {
			return id, err
		}
		return id, link.Close()
	case leaveLetter:
		link, err := d.dialer.Dial(ctx, mqconn.DialOptions{Endpoint: d.endpoint, Role: "sabotage"})
		if err != nil {
			return id, err
		}
		return id, errors.Join(link.Put(mqconn.Address{Queue: deadLetterQueue}, &mqconn.Message{Body: []byte("sabotage")}), link.Close())
	}
	return id, nil
}

// journals is where an agent has its journals, below its state directory.
const journals = "transfer"

// spoilStopped spoils what is looked at when they have stopped.
func (d *demo) spoilStopped() error {
	switch d.options.sabotage {
	case leaveList:
		return os.WriteFile(d.path("source-state", journals, "out.0.1.manifest"), nil, 0o600)
	case leavePart:
		return os.WriteFile(d.path("delivered", ".0.1.part"), nil, 0o600)
	}
	return nil
}
