package resource

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// Command is a program that runs in the foreground, like an MSCS Generic Application: it is alive
// while its process lives. Better than that one, it is asked to end before it is killed.
//
// On Unix the process leads a session of its own, so that a Ctrl-C meant for us does not end it out
// of order. The whole process group is asked to end, and what is left of it when the process itself
// has ended is killed at once: a script has to start the real program by exec. What starts a session of its
// own in turn (a daemon) escapes. On Linux the kernel kills the process when ours dies; what it
// has forked is not killed then, and on other Unix systems nothing is.
//
// On Windows the process is put into a job object right after its start: everything in the job is
// killed when the process ends or ours dies. What it starts in the instant before is not in the
// job. There is no graceful signal: the process is terminated, as MSCS does it.
type Command struct {
	// New makes the command anew for each start: program, arguments, directory, environment. Required.
	// Without Stdout and Stderr, lines go to OnLine. SysProcAttr is added to. Not made with
	// exec.CommandContext, which would kill on its own account.
	New func() *exec.Cmd
	// OnLine is told each line of output without its end, in order, from one goroutine; a line
	// longer than 64 KiB comes in pieces. The program waits when OnLine does. Nil: no output.
	OnLine func(line string)
	// Grace is the time from the graceful signal, SIGTERM, to the kill; default 10 s; negative:
	// kill at once. A shorter limit of the call, Policy.PendingTimeout, comes first.
	Grace time.Duration
	// Ready returns when the program can be used, or with an error when it never will; it is
	// called once for each start. Its context ends when the process does. Nil: a program that was
	// started is ready.
	Ready func(context.Context) error
	// Alive is a complete check beyond the life of the process. Nil: none.
	Alive func(context.Context) error

	mu      sync.Mutex
	current *process // the latest that was started, nil before the first
}

// ErrEnded matches the failure of a Command whose process has ended, which wraps an *exec.ExitError
// unless the exit status was 0.
var ErrEnded = errors.New("the process has ended")

// process is one run of the program.
type process struct {
	cmd     *exec.Cmd
	tree    tree          // what to signal and kill
	started chan error    // capacity 1
	ended   chan struct{} // closed when it was waited for and its output has been read
	err     error         // of Wait; after ended
	alarm   chan error    // capacity 1: the failure; closed when ended is
}

// outputDelay is how long the output is read on after the process has ended. It only matters when
// something that left the group, or the job, keeps the output open.
const outputDelay = 2 * time.Second

// defaultGrace is shorter than what service managers give a whole stop: systemd's
// DefaultTimeoutStopSec is 90 s, an OCF operation's default time-out 20 s.
const defaultGrace = 10 * time.Second

// Online starts the program and waits for Ready.
func (c *Command) Online(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p := c.process(); p != nil && !p.hasEnded() {
		return errors.New("the process of an earlier start still lives")
	}
	if c.New == nil {
		return errors.New("Command.New is not set")
	}
	p, err := c.start()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // the start took its time, and a Terminate meanwhile saw no process
		p.tree.kill()
		<-p.ended
		return err
	}
	if c.Ready == nil {
		return nil
	}
	ready, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- c.Ready(ready) }()
	select {
	case err := <-answer:
		return err
	case <-p.ended:
		cancel()
		<-answer
		return p.failure()
	}
}

// Failed tells the end of the process at once, so that nobody has to ask for it.
func (c *Command) Failed() <-chan error {
	p := c.process()
	if p == nil {
		return nil
	}
	return p.alarm
}

// LooksAlive looks whether the process lives.
func (c *Command) LooksAlive(context.Context) error {
	p := c.process()
	switch {
	case p == nil:
		return errors.New("the process was not started")
	case p.hasEnded():
		return p.failure()
	}
	return nil
}

// IsAlive looks whether the process lives, and calls Alive.
func (c *Command) IsAlive(ctx context.Context) error {
	if err := c.LooksAlive(ctx); err != nil || c.Alive == nil {
		return err
	}
	return c.Alive(ctx)
}

// Offline asks the process to end, kills what is left of its group after Grace or when ctx ends,
// and returns when the process has ended, however it did.
func (c *Command) Offline(ctx context.Context) error {
	p := c.process()
	if p == nil {
		return nil
	}
	grace := c.Grace
	if grace == 0 {
		grace = defaultGrace
	}
	if grace > 0 && p.tree.interrupt() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-p.ended:
			return nil
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	p.tree.kill()
	<-p.ended // a process that the kernel does not let die hangs here, and is named by the Group
	return nil
}

// Terminate kills the process and its group, and waits for its end.
func (c *Command) Terminate() {
	if p := c.process(); p != nil {
		p.tree.kill()
		<-p.ended
	}
}

func (c *Command) process() *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

func (c *Command) start() (*process, error) {
	p := &process{cmd: c.New(), started: make(chan error, 1), ended: make(chan struct{}), alarm: make(chan error, 1)}
	p.cmd.WaitDelay = outputDelay // for a Stdout or Stderr of the caller's
	tell := c.OnLine
	if p.cmd.Stdout != nil || p.cmd.Stderr != nil {
		tell = nil
	}
	go p.run(tell)
	if err := <-p.started; err != nil {
		<-p.ended
		return nil, err
	}
	c.mu.Lock()
	c.current = p
	c.mu.Unlock()
	return p, nil
}

// run starts the process, waits for its end and leaves nothing of it behind. All on one thread:
// Linux sends the parent-death signal when the thread that forked ends, not the process (prctl(2),
// PR_SET_PDEATHSIG; golang.org/issue/27505).
func (p *process) run(tell func(string)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() {
		p.alarm <- p.failure()
		close(p.alarm)
		close(p.ended)
	}()
	r, err := p.start(tell != nil)
	p.started <- err
	if err != nil {
		return
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		if r != nil {
			readLines(r, tell)
		}
	}()
	p.tree.waitExit()
	p.err = p.cmd.Wait()
	p.tree.close()
	timer := time.NewTimer(outputDelay)
	defer timer.Stop()
	select {
	case <-read:
	case <-timer.C:
	}
	if r != nil {
		r.Close()
	}
	<-read
}

// start starts the process, its output into a pipe if piped. Not by a Writer in cmd.Stdout: after
// WaitDelay, Wait leaves the goroutine that copies behind.
func (p *process) start(piped bool) (*os.File, error) {
	if !piped {
		return nil, p.tree.start(p.cmd)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	err = p.tree.start(p.cmd)
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *process) failure() error {
	if p.err == nil {
		return fmt.Errorf("%w with exit status 0", ErrEnded)
	}
	return fmt.Errorf("%w: %w", ErrEnded, p.err)
}
