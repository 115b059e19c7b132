package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

// The exit codes.
const (
	exitReached = 0 // every goal that was measured
	exitMissed  = 1
	exitTrouble = 2 // no report
)

type options struct {
	size   byteCount
	rounds int
	budget time.Duration // no round begins that would not end within it; 0: none
	seed   uint64
	dir    string
	only   string
	json   bool
	quick  bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{size: 2 << 30}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Var(&o.size, "size", "`size` of the file")
	f.IntVar(&o.rounds, "rounds", 5, "how often each variant runs")
	f.Uint64Var(&o.seed, "seed", 1, "of the order and the content")
	f.StringVar(&o.dir, "dir", "", "`directory` on the disk to be measured; needs room for three of the files (default: the system's for temporary files)")
	f.StringVar(&o.only, "only", "", "`goals and variants`, separated by commas, such as G2,rclone")
	f.BoolVar(&o.json, "json", false, "write the report as one JSON object")
	f.BoolVar(&o.quick, "quick", false, "96 MiB, three rounds, as many as end within 50 s: shows that all works, and no more")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("bench: %q is no flag", f.Arg(0))
	}
	if o.quick {
		o.size, o.rounds, o.budget = 96<<20, 3, 50*time.Second
	}
	if o.size < 8<<20 || o.rounds < 1 {
		return o, errors.New("bench: at least -size 8MiB and -rounds 1")
	}
	return o, nil
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == childArgument {
		os.Exit(childMain(os.Args[2]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitReached
	}
	var r *report
	if err == nil {
		r, err = measure(ctx, o, stderr)
	}
	if err == nil {
		write := r.table
		if o.json {
			write = r.json
		}
		err = write(stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitTrouble
	}
	if r.missed() {
		return exitMissed
	}
	return exitReached
}
