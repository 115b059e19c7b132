package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/ibmmq"
	"github.com/mqha/mqha/mqconn/jms20"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
)

// The names of the demo.
const (
	sourceAgent      = "SOURCE"
	destinationAgent = "DESTINATION"
	queueManager     = "QM1"
	deadLetterQueue  = "DEAD.LETTERS"
)

// agentSettings is what an agent process is told on its command line, as JSON.
type agentSettings struct {
	Name     string
	StateDir string // of all instances of the agent
	Endpoint string // of the queue manager
	Through  string // transport to it
	ReadTree string // directories that the agent may send from
	ReadBig  string
	Write    string // directory that the agent delivers to
	Frames   string // log of the frames it sends; empty: not counted
	Rate     int64  // bytes a second that it sends at the most; 0: no limit
}

// config is all there is to an agent: a name, a directory, a queue manager, and what it may read
// and write. The instances of one agent have the same.
func (s *agentSettings) config() (ha.Config, error) {
	mq, err := mqConfig(s.Through, s.Endpoint)
	if err != nil {
		return ha.Config{}, err
	}
	c := ha.Config{
		Name:     s.Name,
		StateDir: s.StateDir,
		MQ:       mq,
		Transfer: transfer.Options{WriteRoot: s.Write},
		Definitions: ha.Definitions{
			QueueManager: queueManager, DeadLetterQueue: deadLetterQueue,
		},
	}
	if s.ReadTree != "" {
		c.Transfer.ReadRoots = []string{s.ReadTree, s.ReadBig}
	}
	return c, nil
}

// mqConfig is all that depends on the client library: the dialer. jms20 and ibmmq have to be built in.
func mqConfig(through, endpoint string) (c mqconn.Config, err error) {
	c.Endpoints = []string{endpoint}
	switch through {
	case throughTest:
		c.Dialer = mqtest.TCP{QueueManager: queueManager}
	case "jms20":
		c.Dialer, err = jms20.New(jms20.Options{QueueManager: queueManager, Channel: mqtest.DefaultChannel})
	case "ibmmq":
		c.Dialer, err = ibmmq.New(ibmmq.Options{QueueManager: queueManager, Channel: mqtest.DefaultChannel})
	default:
		err = fmt.Errorf("-transport %q: mqtest, jms20 or ibmmq", through)
	}
	return c, err
}

// throughTest is the transport that every program has.
const throughTest = "mqtest"

// runAgent is the role of the agent processes: it runs the agent, active or standing by, until its
// standard input closes, and tells what happens.
func runAgent(args []string) error {
	var s agentSettings
	if err := json.Unmarshal([]byte(strings.Join(args, "")), &s); err != nil {
		return err
	}
	ctx, cancel := untilClosed(os.Stdin)
	defer cancel()

	c, err := s.config()
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	os.Stdout = os.Stderr // mq-golang-jms20 prints what goes wrong, and must not print between the events
	// When nobody reads any more, standard input is closed, too, and the agent stops.
	c.OnEvent = func(e ha.Event) { _ = out.Encode(agentEvent(e)) }
	c.HardStop = func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(ha.ExitCode(err))
	}
	if s.Frames != "" {
		log, err := openFrameLog(s.Frames, bigFileMark(filepath.Join(s.ReadBig, bigFileName)), s.Rate)
		if err != nil {
			return err
		}
		defer log.Close()
		c.MQ.Dialer = countingDialer{Dialer: c.MQ.Dialer, queue: ha.InputQueue(destinationAgent), log: log}
	}
	agent, err := ha.New(c)
	if err != nil {
		return err
	}
	return agent.Run(ctx)
}

func agentEvent(e ha.Event) event {
	out := event{Time: e.Time, Code: string(e.Code), Epoch: e.Epoch, Text: e.Text, Dropped: e.Dropped}
	if t, ok := e.Detail.(transfer.Event); ok {
		out.Time, out.Transfer = t.Time, &t
	}
	if c, ok := e.Detail.(mqconn.Event); ok && c.Kind == mqconn.Connected {
		out.Library = &library{Name: c.Info.Library, Version: c.Info.Version}
	}
	return out
}

// submit asks the source agent, whichever instance is active, for the transfer of the demo.
func submit(ctx context.Context, mq mqconn.Config, r transfer.Request) (transfer.ID, error) {
	client, err := ha.NewClient(mq, sourceAgent)
	if err != nil {
		return transfer.ID{}, err
	}
	defer client.Close()
	return client.Submit(ctx, r)
}

// status asks an agent what it knows of a transfer.
func status(ctx context.Context, mq mqconn.Config, agent string, id transfer.ID) (transfer.Status, error) {
	client, err := ha.NewClient(mq, agent)
	if err != nil {
		return transfer.Status{}, err
	}
	defer client.Close()
	return client.Status(ctx, id)
}

// definitionsFile has the definitions that the queue manager starts with.
const definitionsFile = "definitions.mqsc"

// writeDefinitions writes what agents need of their queue manager, as for runmqsc.
func writeDefinitions(file string, agents ...agentSettings) error {
	var b bytes.Buffer
	for _, a := range agents {
		c, err := a.config()
		if err != nil {
			return err
		}
		if err := c.MQSC(&b); err != nil {
			return err
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}
