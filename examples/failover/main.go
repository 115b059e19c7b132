// Command failover shows a file transfer that survives the end of every process that takes part.
//
//	go run ./examples/failover
//
// It starts a queue manager, a destination agent and two source agents, one active and one standing
// by, each a process of its own; submits one transfer of a directory and a big file; and, while that
// runs, kills the active source agent, the queue manager and the destination agent with SIGKILL. A
// consumer takes each file away as soon as it is delivered. In the end everything is read again and
// compared. The exit code is 0 if every file was delivered once, is identical, and was resumed rather
// than sent again; otherwise 1.
//
// The parts that would look the same in a real program are in agents.go; the queue manager is the one
// for tests, package mqtest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// options are the flags.
type options struct {
	source   string
	big      byteCount
	faults   bool
	outage   time.Duration
	seed     uint64
	dir      string
	keep     bool
	json     bool
	pace     time.Duration
	limit    time.Duration
	through  string
	sabotage string
	earlier  string
}

func (o *options) flags() *flag.FlagSet {
	o.big = 1 << 30
	f := flag.NewFlagSet("failover", flag.ContinueOnError)
	f.StringVar(&o.source, "source", "", "`directory` to transfer (default: the Go distribution's source, go env GOROOT and src)")
	f.Var(&o.big, "big", "`size` of the file that is made and transferred with it")
	f.BoolVar(&o.faults, "faults", true, "kill processes while the transfer runs")
	f.DurationVar(&o.outage, "outage", 2*time.Second, "how long the queue manager stays away")
	f.Uint64Var(&o.seed, "seed", 1, "varies content, order and places of the kills")
	f.StringVar(&o.dir, "dir", "", "`directory` for all files, which are removed in the end (default: the system's for temporary files)")
	f.BoolVar(&o.keep, "keep", false, "keep the files")
	f.BoolVar(&o.json, "json", false, "write the last line as one JSON object")
	f.DurationVar(&o.pace, "pace", 0, "slow down sending so that it takes at least this long (default: 4s below 512MiB, so that kills meet it running; negative: never)")
	f.DurationVar(&o.limit, "limit", 30*time.Minute, "give up after this time")
	f.StringVar(&o.through, "transport", throughTest, "client library of the agents: mqtest, jms20 or ibmmq; the latter two need -tags ibmmq")
	f.StringVar(&o.earlier, "earlier", "", "this `program` of an earlier release: the first source agent, and the destination agent once it was killed, are started from it, so that a roll-out and a roll-back happen in the middle of the transfer; in the end the upgrade is finalised")
	f.StringVar(&o.sabotage, "sabotage", "", "spoil something, to see that it is found and the exit code is 1: `what`, one of "+strings.Join(sabotages, ", "))
	return f
}

func (o *options) check() error {
	if o.sabotage != "" && !slices.Contains(sabotages, o.sabotage) {
		return fmt.Errorf("-sabotage %q: one of %s", o.sabotage, strings.Join(sabotages, ", "))
	}
	if o.sabotage == otherLibrary && o.through == throughTest {
		return fmt.Errorf("-sabotage %s: -transport %s is the pure Go client", otherLibrary, throughTest)
	}
	if o.big < 1<<20 {
		return fmt.Errorf("-big %s: at least 1MiB", o.big.String())
	}
	return nil
}

// The roles of the processes that this program starts of itself.
const (
	roleAgent        = "agent"
	roleQueueManager = "queue-manager"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) > 0 && (args[0] == roleAgent || args[0] == roleQueueManager) {
		return runRole(args[0], args[1:])
	}
	var o options
	flags := o.flags()
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "failover: takes flags only, not %q\n", flags.Arg(0))
		return 2
	}
	if _, err := mqConfig(o.through, ""); err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
		return 2
	}
	// SIGHUP is a terminal that was closed, SIGPIPE a reader of the output that has ended: both would end
	// this process before it has cleaned up.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer cancel()
	ok, err := runDemo(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
	}
	if err != nil || !ok {
		return 1
	}
	return 0
}

// runRole runs one of the processes. Ctrl-C, and the end of a terminal, reach all of its processes, but
// it is for the first one to say in which order the others end.
func runRole(role string, args []string) int {
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	var err error
	if role == roleAgent {
		err = runAgent(args)
	} else {
		err = mqtest.RunProcess(context.Background(), args, os.Stdin, stamped{os.Stdout})
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "failover %s: %v\n", role, err)
	}
	return ha.ExitCode(err)
}
