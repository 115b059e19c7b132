package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// child is a process of the demo: this program again, in a role. It ends in order when its standard
// input closes, and so even when this process is killed: the system closes the pipe.
type child struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{} // closed when the process has ended and its last line was handled
	err   error         // valid then

	mu       sync.Mutex
	expected bool // its end was asked for
}

// startChild starts role of program, "" for this one, with args. handle gets each line that the process writes to its standard
// output, in order, from one goroutine; died is called if it ends without having been asked to.
func startChild(name string, handle func([]byte), died func(error), program, role string, args ...string) (*child, error) {
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		program = self
	}
	cmd := exec.Command(program, append([]string{role}, args...)...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := &child{name: name, cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	go c.follow(stdout, handle, died)
	return c, nil
}

func (c *child) follow(stdout io.Reader, handle func([]byte), died func(error)) {
	defer close(c.ended)
	for lines := bufio.NewReader(stdout); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break // a line without its end is what a kill left of it
		}
		handle(bytes.TrimSpace(line))
	}
	c.err = c.cmd.Wait()
	c.mu.Lock()
	expected := c.expected
	c.mu.Unlock()
	if !expected {
		died(fmt.Errorf("%s (process %d) ended by itself: %v", c.name, c.cmd.Process.Pid, c.cmd.ProcessState))
	}
}

func (c *child) expectEnd() {
	c.mu.Lock()
	c.expected = true
	c.mu.Unlock()
}

// kill ends the process as a failing machine would (SIGKILL, on Windows TerminateProcess) and waits
// until the system has cleared it away. It may have ended before.
func (c *child) kill() {
	c.expectEnd()
	_ = c.cmd.Process.Kill()
	<-c.ended
}

// stop ends the process in order. One that is not done within the time is killed, and that is an
// error, as is an exit code that is not 0.
func (c *child) stop(within time.Duration) error {
	c.expectEnd()
	c.stdin.Close()
	select {
	case <-c.ended:
		if c.err != nil {
			return fmt.Errorf("%s: %w", c.name, c.err)
		}
		return nil
	case <-time.After(within):
		c.kill()
		return fmt.Errorf("%s did not stop within %v and was killed", c.name, within)
	}
}

// stamped writes before each line the time in ns: what comes through a pipe is read later than it
// happened. It is for a writer of whole lines.
type stamped struct{ out io.Writer }

func (s stamped) Write(line []byte) (int, error) {
	if _, err := fmt.Fprintf(s.out, "%d %s", time.Now().UnixNano(), line); err != nil {
		return 0, err
	}
	return len(line), nil
}

// untilClosed is a context that ends when in does: what every role runs under.
func untilClosed(in io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, in)
	}()
	return ctx, cancel
}
