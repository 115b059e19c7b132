package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/mqconn"
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

// agentSettings is what an agent process is told on its command line.
type agentSettings struct {
	name     string
	stateDir string // of all instances of the agent
	endpoint string // of the queue manager
	readTree string // directories that the agent may send from
	readBig  string
	write    string // directory that the agent delivers to
	frames   string // log of the frames it sends; empty: not counted
	rate     int64  // bytes a second that it sends at the most; 0: no limit
}

func (s *agentSettings) flags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.StringVar(&s.name, "name", "", "name of the agent")
	f.StringVar(&s.stateDir, "state", "", "state directory")
	f.StringVar(&s.endpoint, "endpoint", "", "host:port of the queue manager")
	f.StringVar(&s.readTree, "read-tree", "", "directory to send from")
	f.StringVar(&s.readBig, "read-big", "", "directory to send from")
	f.StringVar(&s.write, "write", "", "directory to deliver to")
	f.StringVar(&s.frames, "frames", "", "log of the frames that are sent")
	f.Int64Var(&s.rate, "rate", 0, "bytes a second that are sent at the most")
	return f
}

// arguments is the command line that flags reads.
func (s *agentSettings) arguments() (args []string) {
	s.flags("").VisitAll(func(f *flag.Flag) { args = append(args, "-"+f.Name+"="+f.Value.String()) })
	return args
}

// config is all there is to an agent: a name, a directory, a queue manager, and what it may read
// and write. The instances of one agent have the same.
func (s *agentSettings) config() ha.Config {
	c := ha.Config{
		Name:     s.name,
		StateDir: s.stateDir,
		MQ:       mqConfig(s.endpoint),
		Transfer: transfer.Options{WriteRoot: s.write},
		Definitions: ha.Definitions{
			QueueManager: queueManager, DeadLetterQueue: deadLetterQueue,
		},
	}
	if s.readTree != "" {
		c.Transfer.ReadRoots = []string{s.readTree, s.readBig}
	}
	return c
}

func mqConfig(endpoint string) mqconn.Config {
	return mqconn.Config{Dialer: mqtest.TCP{QueueManager: queueManager}, Endpoints: []string{endpoint}}
}

// runAgent is the role of the agent processes: it runs the agent, active or standing by, until its
// standard input closes, and tells what happens.
func runAgent(args []string) error {
	var s agentSettings
	if err := s.flags("agent").Parse(args); err != nil {
		return err
	}
	ctx, cancel := untilClosed(os.Stdin, func(string) {})
	defer cancel()

	c := s.config()
	out := newReporter(os.Stdout)
	c.OnEvent = func(e ha.Event) { out.tell(agentEvent(e)) }
	c.HardStop = func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(ha.ExitCode(err))
	}
	if s.frames != "" {
		log, err := openFrameLog(s.frames, bigFileMark(filepath.Join(s.readBig, bigFileName)), s.rate)
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
	return out
}

// submit asks the source agent, whichever instance is active, for the transfer of the demo.
func submit(ctx context.Context, endpoint string, r transfer.Request) (transfer.ID, error) {
	client, err := ha.NewClient(mqConfig(endpoint), sourceAgent)
	if err != nil {
		return transfer.ID{}, err
	}
	defer client.Close()
	return client.Submit(ctx, r)
}

// status asks an agent what it knows of a transfer.
func status(ctx context.Context, endpoint, agent string, id transfer.ID) (transfer.Status, error) {
	client, err := ha.NewClient(mqConfig(endpoint), agent)
	if err != nil {
		return transfer.Status{}, err
	}
	defer client.Close()
	return client.Status(ctx, id)
}
