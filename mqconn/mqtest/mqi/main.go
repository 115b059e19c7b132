package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mqha/mqha/mqconn/mqtest"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

// exitUsage is the exit code when CMD could not be run at all.
const exitUsage = 2

func run(args []string, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	code := exitUsage
	if err == nil {
		code, err = s.run()
	}
	if err != nil {
		fmt.Fprintln(stderr, "mqi:", err)
	}
	return code
}

// settings are the flags.
type settings struct {
	queueManager string
	queues       string
	channel      string
	user         string
	dir          string
	latency      time.Duration
	mqsc         string
	admin        string
	command      []string
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("mqi", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: mqi [flags] -- CMD [argument...]\n\nruns CMD, such as go test, with the C double of the IBM MQ client library and a queue manager for tests")
		flags.PrintDefaults()
	}
	flags.StringVar(&s.queueManager, "qmgr", "QM1", "`name` of the queue manager")
	flags.StringVar(&s.queues, "queues", "", "local queues to define: `names` with commas")
	flags.StringVar(&s.channel, "channel", mqtest.DefaultChannel, "server-connection channel to define and to put into MQSERVER")
	flags.StringVar(&s.user, "user", "", "`name:password` that a client which gives a password must give; empty: nobody is checked")
	flags.StringVar(&s.dir, "dir", "", "`directory` for persistent messages; empty: nothing is kept")
	flags.DurationVar(&s.latency, "latency", 0, "wait this long before each answer")
	flags.StringVar(&s.admin, "admin", "", "loopback `address` of the queue manager's admin port, such as 127.0.0.1:0; empty: none")
	flags.StringVar(&s.mqsc, "mqsc", "", "`file` of MQSC commands, or several with commas")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.command = flags.Args(); len(s.command) == 0 {
		flags.Usage()
		return s, errors.New("no command given")
	}
	return s, nil
}

// run gives the exit code of the command.
func (s settings) run() (code int, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return exitUsage, err
	}
	l, err := build(filepath.Join(cache, "mqha", "mqi"))
	if err != nil {
		return exitUsage, err
	}
	qm, address, err := s.start()
	if err != nil {
		return exitUsage, err
	}
	defer func() { err = errors.Join(err, qm.Close()) }()
	environment, err := s.environment(l, address)
	if err != nil {
		return exitUsage, err
	}
	if s.admin != "" {
		port, failed := qm.ServeAdmin(s.admin)
		if failed != nil {
			return exitUsage, failed
		}
		defer func() { err = errors.Join(err, port.Close()) }()
		environment = append(environment, "MQHA_TEST_ADMIN="+port.URL)
	}
	return execute(s.command, environment)
}

func (s settings) start() (*mqtest.QueueManager, net.Addr, error) {
	script, err := s.script()
	if err != nil {
		return nil, nil, err
	}
	o := mqtest.Options{Name: s.queueManager, Dir: s.dir, Latency: s.latency, MQSC: script}
	if s.user != "" {
		name, password, _ := strings.Cut(s.user, ":")
		o.Users = map[string]string{name: password}
	}
	qm, err := mqtest.Start(o)
	if err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = qm.Serve(listener)
	}
	if err != nil {
		return nil, nil, errors.Join(err, qm.Close())
	}
	return qm, listener.Addr(), nil
}

// script defines what the flags ask for, and then what the files do.
func (s settings) script() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "DEFINE CHANNEL('%s') CHLTYPE(SVRCONN) HBINT(5) MAXMSGL(104857600) REPLACE\n", s.channel)
	for _, queue := range split(s.queues) {
		fmt.Fprintf(&b, "DEFINE QLOCAL('%s') REPLACE\n", queue)
	}
	for _, file := range split(s.mqsc) {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		b.Write(text)
		b.WriteString("\n")
	}
	return b.String(), nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// environment is what CMD gets on top of ours: what builds it against the double, and what it connects with.
func (s settings) environment(l library, address net.Addr) ([]string, error) {
	own, err := goCommand("env", "CGO_CFLAGS", "CGO_LDFLAGS")
	if err != nil {
		return nil, err
	}
	cFlags, linkFlags, _ := strings.Cut(own, "\n")
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return nil, err
	}
	user, password, _ := strings.Cut(s.user, ":")
	return []string{
		"CGO_ENABLED=1",
		"CGO_CFLAGS=" + l.cFlags() + " " + withoutOther(cFlags),
		"CGO_LDFLAGS=" + l.linkFlags() + " " + linkFlags,
		fmt.Sprintf("MQSERVER=%s/TCP/%s(%s)", s.channel, host, port),
		"MQHA_TEST_QMGR=" + s.queueManager,
		"MQHA_TEST_ENDPOINT=" + address.String(),
		"MQHA_TEST_CHANNEL=" + s.channel,
		"MQHA_TEST_USER=" + user,
		"MQHA_TEST_PASSWORD=" + password,
	}, nil
}

// withoutOther leaves out that another double was in force: mqi was started by a command of mqi.
func withoutOther(cFlags string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(cFlags), func(f string) bool { return strings.HasPrefix(f, definition) }), " ")
}

// execute runs a command with our standard streams. A signal to end goes to the command: we end with it.
func execute(command, environment []string) (int, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return exitUsage, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case <-signals:
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may just have ended
		case err := <-done:
			var ended *exec.ExitError
			if errors.As(err, &ended) {
				return exitCode(ended), nil
			}
			return 0, err
		}
	}
}

// exitCode is that of a shell: 128 and the number of the signal that killed the command.
func exitCode(e *exec.ExitError) int {
	if code := e.ExitCode(); code >= 0 {
		return code
	}
	if status, ok := e.Sys().(syscall.WaitStatus); ok {
		return 128 + int(status.Signal())
	}
	return 1
}
