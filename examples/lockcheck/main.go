// Command lockcheck finds out whether a directory can carry the lock of package lockfile, as IBM's
// amqmfsck does for multi-instance queue managers:
//
//	lockcheck DIR
//
// Between two machines that share a file system, which is what counts, run on one of them
//
//	lockcheck -listen 192.0.2.1:7070 DIR
//
// and on the other one
//
//	lockcheck -peer 192.0.2.1:7070 DIR
//
// where DIR is the same directory, under whatever name it has there. Who can connect to the listening
// side can create and remove files named .lockcheck-* in its DIR, nothing else; end it when the check is done.
//
// The exit code is 0 if the directory can carry a lock, under conditions or not, 1 if it cannot, and 2 if
// the check itself failed. With -json the report is one JSON object.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"github.com/mqha/mqha/lockfile"
)

func main() { os.Exit(run()) }

func run() int {
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: lockcheck [-json] [-timeout d] [-peer host:port | -listen host:port] DIR")
		flag.PrintDefaults()
	}
	asJSON := flag.Bool("json", false, "write the report as JSON")
	timeout := flag.Duration("timeout", 5*time.Minute, "give up after this time")
	listen := flag.String("listen", "", "be the other machine, for checks that connect to this `address`")
	peer := flag.String("peer", "", "check against the machine that listens on this `address`")
	helper := flag.Bool("helper", false, "be the other process of a check; used by lockcheck itself")
	relay := flag.String("relay", "", "carry a check to this `address`; used by lockcheck itself")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	switch {
	case *helper:
		lockfile.CheckHelper()
		return 0
	case *relay != "":
		return failed(carry(*relay, os.Stdin, os.Stdout))
	case flag.NArg() != 1:
		flag.Usage()
		return 2
	case *listen != "":
		return failed(serve(ctx, *listen, flag.Arg(0), os.Stdout))
	}
	ctx, stop := context.WithTimeout(ctx, *timeout)
	defer stop()
	r, err := lockfile.Check(ctx, flag.Arg(0), func() *exec.Cmd { return other(*peer) })
	if err != nil {
		return failed(err)
	}
	if err := write(r, *asJSON); err != nil {
		return failed(err)
	}
	if r.Verdict == lockfile.Cannot {
		return 1
	}
	return 0
}

// other is this program as the other process of a check, or as the way to it.
func other(peer string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	c := exec.Command(self, "-helper")
	if peer != "" {
		c = exec.Command(self, "-relay", peer)
	}
	c.Stderr = os.Stderr
	return c
}

func write(r *lockfile.Report, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Print(r)
		return err
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func failed(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "lockcheck:", err)
	return 2
}
