package stress

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// roleVariable makes a test binary the queue manager: its value is the data directory.
const roleVariable = "MQHA_STRESS_DIR"

const definitions = `
DEFINE QLOCAL(WORK) MAXDEPTH(999999999) REPLACE
DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) HBINT(5) REPLACE
`

// Main is to be called first in TestMain. In a process that Run has started it is the queue manager, and
// does not return.
func Main() {
	dir := os.Getenv(roleVariable)
	if dir == "" {
		return
	}
	if err := serve(dir, os.Args[1], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "queue manager:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs the queue manager until in ends. Each line of in takes the answer away from the next commit.
func serve(dir, address string, in io.Reader) error {
	qm, err := mqtest.Start(mqtest.Options{Dir: dir, MQSC: definitions})
	if err != nil {
		return err
	}
	defer qm.Close()
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if err := qm.Serve(l); err != nil {
		return err
	}
	fmt.Println("listening", l.Addr())
	for lines := bufio.NewScanner(in); lines.Scan(); {
		side := mqtest.BeforeWork
		if lines.Text() == lineMade {
			side = mqtest.AfterWork
		}
		qm.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Break: side})
	}
	return qm.Close()
}

const (
	lineMade    = "made"
	lineNotMade = "not made"
)

// process is the queue manager's.
type process struct {
	dir     string
	address string
	cmd     *exec.Cmd
	in      io.WriteCloser
}

// startProcess starts it anew with what its directory holds, at the address it had before.
func startProcess(tb testing.TB, dir, address string) *process {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(self, address)
	cmd.Env = append(os.Environ(), roleVariable+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	p := &process{dir: dir, cmd: cmd, in: in}
	line, err := bufio.NewReader(out).ReadString('\n')
	listening, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if err != nil || !ok {
		p.kill()
		tb.Fatalf("the queue manager wrote %q, %v: does TestMain call stress.Main?", line, err)
	}
	p.address = listening
	return p
}

// loseAnswer takes the answer away from the next commit.
func (p *process) loseAnswer(outcome ending) error {
	line := lineNotMade
	if outcome == made {
		line = lineMade
	}
	_, err := io.WriteString(p.in, line+"\n")
	return err
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // its error is that it was killed
}

func (p *process) stop() error { return errors.Join(p.in.Close(), p.cmd.Wait()) }
