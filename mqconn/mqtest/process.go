package mqtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// ErrKilled is returned by RunProcess when the queue manager was killed over its admin port.
var ErrKilled = errors.New("mqtest: killed")

// RunProcess is the command qmgr: it runs a queue manager until ctx ends or stdin does, then stops
// it in order, or until it is killed over its admin port (ErrKilled). When it accepts connections it has written
// the line "listening ADDRESS" to stdout, and with -admin before it "admin URL". A program that starts itself again as its own queue manager calls it with the arguments
// meant for qmgr.
func RunProcess(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("qmgr", flag.ContinueOnError)
	flags.SetOutput(stdout)
	name := flags.String("name", "QM1", "name of the queue manager")
	listen := flags.String("listen", "127.0.0.1:0", "address to accept connections on")
	admin := flags.String("admin", "", "loopback address of the admin port, such as 127.0.0.1:0; empty: none")
	dir := flags.String("dir", "", "directory for definitions and persistent messages; empty: nothing is kept")
	second := flags.Duration("second", 0, "how long a second of SHORTTMR, LONGTMR, DISCINT and HBINT lasts; 0: a second")
	var scripts fileList
	flags.Var(&scripts, "mqsc", "file of MQSC commands, or several with commas; may be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("qmgr takes flags only, not %q", flags.Arg(0))
	}
	qm, err := Start(Options{Name: *name, Dir: *dir, Second: *second})
	if err != nil {
		return err
	}
	if *admin == "" {
		return errors.Join(serveProcess(ctx, qm, *listen, scripts, stdin, stdout), qm.Close())
	}
	port, err := qm.ServeAdmin(*admin)
	if err == nil {
		_, err = fmt.Fprintf(stdout, "admin %s\n", port.URL)
	}
	if err == nil {
		err = serveProcess(ctx, qm, *listen, scripts, stdin, stdout)
	}
	err = errors.Join(err, qm.Close())
	if port != nil {
		err = errors.Join(err, port.Close())
	}
	return err
}

func serveProcess(ctx context.Context, qm *QueueManager, listen string, scripts []string, stdin io.Reader, stdout io.Writer) error {
	for _, file := range scripts {
		script, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := qm.MQSC(string(script)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	if err := qm.Serve(l); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "listening %s\n", l.Addr()); err != nil {
		return err
	}
	for _, s := range qm.Services() {
		if s.Err != nil {
			_, _ = fmt.Fprintln(stdout, s.Err) // it runs without that service
		}
	}
	return waitForEnd(ctx, qm, stdin)
}

// waitForEnd leaves its goroutine reading when ctx ends first: a read of standard input cannot be
// interrupted, and the process ends with it.
func waitForEnd(ctx context.Context, qm *QueueManager, stdin io.Reader) error {
	closed := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, stdin)
		closed <- err
	}()
	select {
	case err := <-closed:
		return err
	case <-qm.Ended():
		return ErrKilled
	case <-ctx.Done():
		return nil
	}
}

// fileList is a flag that may be repeated.
type fileList []string

func (f *fileList) String() string { return strings.Join(*f, ",") }

// Set adds one file, or several with commas between them.
func (f *fileList) Set(value string) error {
	*f = append(*f, strings.Split(value, ",")...)
	return nil
}
