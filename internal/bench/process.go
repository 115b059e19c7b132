package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// sample is what one run showed.
type sample struct {
	Seconds float64
	CPU     float64 // seconds of all its processes, without what the kernel did for them later
	Busy    float64 // seconds that all processors worked meanwhile, for whomever
	Reread  int64   // bytes of the file that were read although they were there already
	outcome         // of ours: what they tell of themselves
}

// patience is how long a server may take to listen, and to end.
const patience = 10 * time.Second

// program is a command whose error output is kept for the case that it fails.
func program(ctx context.Context, args []string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = patience
	trouble := new(bytes.Buffer)
	cmd.Stderr = trouble
	return cmd, trouble
}

// failure adds the last line of the error output to the error of a program.
func failure(cmd *exec.Cmd, trouble *bytes.Buffer, err error) error {
	lines := strings.Split(strings.TrimSpace(trouble.String()), "\n")
	return fmt.Errorf("%s: %w: %s", cmd.Args[0], err, lines[len(lines)-1])
}

// timed runs programs one after the other and gives the sum, and what the last wrote to its output.
func timed(ctx context.Context, commands ...[]string) (s sample, output []byte, err error) {
	busy, begun := busySeconds(), time.Now()
	for _, args := range commands {
		cmd, trouble := program(ctx, args)
		if output, err = cmd.Output(); err != nil {
			return s, nil, failure(cmd, trouble, err)
		}
		s.CPU += cpuOf(cmd)
	}
	s.Seconds, s.Busy = time.Since(begun).Seconds(), busySeconds()-busy
	return s, output, nil
}

// cpuOf is what a program and the children that it waited for have used.
func cpuOf(cmd *exec.Cmd) float64 {
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}

// server is a program that runs beside the one that is timed.
type server struct {
	cmd     *exec.Cmd
	trouble *bytes.Buffer
	output  *bufio.Reader
}

func startServer(ctx context.Context, args []string) (*server, error) {
	cmd, trouble := program(ctx, args)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &server{cmd: cmd, trouble: trouble, output: bufio.NewReader(out)}, cmd.Start()
}

// startListener starts a child of ours that listens, and gives its address.
func startListener(ctx context.Context, t task) (*server, string, error) {
	args, err := childCommand(t)
	if err != nil {
		return nil, "", err
	}
	s, err := startServer(ctx, args)
	if err != nil {
		return nil, "", err
	}
	line, err := s.output.ReadBytes('\n')
	if err != nil {
		_, _, waitErr := s.wait()
		return nil, "", errors.Join(err, waitErr)
	}
	o, err := decodeLine(line)
	return s, o.Address, err
}

// wait waits for the end of a server, and gives what it has used and had still to say. One that does not
// end is killed.
func (s *server) wait() (cpu float64, rest []byte, err error) {
	limit := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer limit.Stop()
	rest, readErr := io.ReadAll(s.output)
	if err := s.cmd.Wait(); err != nil {
		return 0, nil, failure(s.cmd, s.trouble, err)
	}
	return cpuOf(s.cmd), rest, readErr
}

// terminate ends a server that serves for ever. How it ends is its own business.
func (s *server) terminate() (cpu float64) {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_, _, _ = s.wait()
	return cpuOf(s.cmd)
}

// freeAddress is a port of this machine that nobody has at the moment, for programs that cannot choose
// one themselves.
func freeAddress() (host, port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer l.Close()
	return net.SplitHostPort(l.Addr().String())
}

// answering waits until a program that says nothing listens.
func answering(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}

// decodeLine reads the JSON that one of our own children writes.
func decodeLine(b []byte) (outcome, error) {
	var o outcome
	if err := json.Unmarshal(b, &o); err != nil {
		return o, fmt.Errorf("a child of this command said %q: %w", b, err)
	}
	return o, nil
}
