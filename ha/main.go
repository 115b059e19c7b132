package ha

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main runs an agent and ends the process with ExitCode. SIGINT or SIGTERM begins a controlled stop, a
// second one an immediate stop. What made the agent end is the last line on standard error, also when
// the disk with the log is gone.
//
// Without Config.HardStop it ends the process with 70 when something does not end in time: the lock
// then goes to a successor, because the process is gone.
func Main(c Config) {
	if c.HardStop == nil {
		c.HardStop = func(err error) {
			lastWords(err)
			os.Exit(ExitCode(err))
		}
	}
	err := main(c)
	if err != nil {
		lastWords(err)
	}
	os.Exit(ExitCode(err))
}

func main(c Config) error {
	a, err := New(c)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	over := make(chan struct{})
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		for drain := true; ; drain = false {
			select {
			case <-signals:
				a.stop(drain)
			case <-over:
				return
			}
		}
	}()
	err = a.Run(context.Background())
	close(over)
	<-listening
	return err
}

// lastWords waits a moment for standard error to take them. It may be a file on the disk that hangs, or a pipe whose reader is
// stopped, and the process has to end: until then it may have the lock.
func lastWords(err error) {
	ctx, cancel := context.WithTimeout(context.Background(), lingering)
	defer cancel()
	answers(ctx, func() { fmt.Fprintln(os.Stderr, err) })
}
