package main

import (
	"bytes"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/mqha/mqha/mqconn/mqtest"
)

// queueManagerSettings is what the queue manager's process is told on its command line.
type queueManagerSettings struct {
	listen string
	dir    string
	script string // definitions, as ha.Config.MQSC writes them
}

func (s *queueManagerSettings) flags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.StringVar(&s.listen, "listen", "", "address to listen at")
	f.StringVar(&s.dir, "dir", "", "data directory")
	f.StringVar(&s.script, "mqsc", "", "file with definitions")
	return f
}

func (s *queueManagerSettings) arguments() (args []string) {
	s.flags("").VisitAll(func(f *flag.Flag) { args = append(args, "-"+f.Name+"="+f.Value.String()) })
	return args
}

// askDepths is the line that the queue manager's process answers with an event of the depths.
const askDepths = "depths"

// runQueueManager is the role of the queue manager's process. With IBM MQ, of all this only the
// definitions would be left.
func runQueueManager(args []string) error {
	var s queueManagerSettings
	if err := s.flags("queue manager").Parse(args); err != nil {
		return err
	}
	script, err := os.ReadFile(s.script)
	if err != nil {
		return err
	}
	qm, err := mqtest.Start(mqtest.Options{Name: queueManager, Dir: s.dir, MQSC: string(script)})
	if err != nil {
		return err
	}
	out := newReporter(os.Stdout)
	ctx, cancel := untilClosed(os.Stdin, func(line string) {
		if line == askDepths {
			out.tell(depths(qm))
		}
	})
	defer cancel()
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return errors.Join(err, qm.Close())
	}
	if err := qm.Serve(listener); err != nil {
		return errors.Join(err, qm.Close())
	}
	out.tell(event{Time: time.Now(), Listening: listener.Addr().String()})
	<-ctx.Done()
	return qm.Close()
}

// depths counts the messages on each queue; a queue that cannot be asked counts as not empty.
func depths(qm *mqtest.QueueManager) event {
	found := make(map[string]int)
	for _, q := range qm.Queues() {
		n, err := qm.Depth(q)
		if err != nil {
			n = -1
		}
		found[q] = n
	}
	return event{Time: time.Now(), Depths: found}
}

// writeDefinitions writes what both agents need of the queue manager.
func writeDefinitions(file string, agents ...agentSettings) error {
	var b bytes.Buffer
	for _, a := range agents {
		if err := a.config().MQSC(&b); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Clean(file), b.Bytes(), 0o644)
}
