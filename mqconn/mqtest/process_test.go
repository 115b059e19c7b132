package mqtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// roleVariable makes the test binary one of the processes that the tests start and kill.
const roleVariable = "MQTEST_ROLE"

func play(role string) int {
	var err error
	switch role {
	case "qmgr":
		err = mqtest.RunProcess(context.Background(), os.Args[1:], os.Stdin, os.Stdout)
	case "client":
		err = waitInGet(os.Args[1])
	default: // a service inherits the environment of its queue manager
		switch os.Args[1] {
		case "serve":
			err = serveRole(os.Args[2:])
		case "unserve":
			err = stopRole(os.Args[2:])
		default:
			err = fmt.Errorf("no role %q", os.Args[1])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// waitInGet holds a queue, has something uncommitted, and waits for a message.
func waitInGet(endpoint string) error {
	c, err := mqtest.TCP{}.Dial(context.Background(), mqconn.DialOptions{Endpoint: endpoint, Transacted: true})
	if err != nil {
		return err
	}
	if err := c.Hold("A"); err != nil {
		return err
	}
	if err := c.Put(mqconn.Address{Queue: "B"}, &mqconn.Message{Persistent: true}); err != nil {
		return err
	}
	for err = mqconn.ErrNoMessage; errors.Is(err, mqconn.ErrNoMessage); {
		err = c.Get("A", new(mqconn.Message), mqconn.GetOptions{Wait: time.Hour})
	}
	return errors.Join(err, errors.New("the get returned"))
}

// process is a child that plays a role; it ends with the test.
type process struct {
	*testing.T
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
	ended  bool
}

func start(t *testing.T, role string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{T: t, cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout)}
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	if !p.ended {
		p.ended = true
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // the error is that it was killed
	}
}

// startQueueManager returns when it accepts connections.
func startQueueManager(t *testing.T, args ...string) (*process, string) {
	t.Helper()
	p := start(t, "qmgr", args...)
	line, err := p.stdout.ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if err != nil || !ok {
		t.Fatalf("the queue manager wrote %q, %v", line, err)
	}
	return p, address
}

func writeDefinitions(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "test.mqsc")
	if err := os.WriteFile(file, []byte(definitions), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestKilledQueueManagerComesBackWithWhatWasCommitted(t *testing.T) {
	dir, script := t.TempDir(), writeDefinitions(t)
	first, address := startQueueManager(t, "-dir", dir, "-mqsc", script)
	c := dial(t, mqtest.TCP{}, address, true)
	plain := dial(t, mqtest.TCP{}, address, false)
	put(t, plain, "A", "outside syncpoint", true)
	put(t, plain, "A", "not persistent", false)
	put(t, plain, "A", "got", true)
	put(t, plain, "A", "backed out", true)
	put(t, c, "A", "committed", true)
	put(t, c, "B", "committed too", true)
	if err := c.Commit(); err != nil {
		t.Fatal(err)
	}
	get(t, plain, "A", "outside syncpoint")
	get(t, plain, "A", "not persistent")
	get(t, c, "A", "got")
	if err := c.Commit(); err != nil {
		t.Fatal(err)
	}
	get(t, c, "A", "backed out")
	if err := c.Backout(); err != nil {
		t.Fatal(err)
	}
	put(t, c, "A", "uncommitted", true)
	get(t, c, "B", "committed too") // and never committed
	put(t, plain, "A", "not persistent either", false)
	waiting := make(chan error, 1)
	go func() { waiting <- plain.Get("HELD", new(mqconn.Message), mqconn.GetOptions{Wait: time.Hour}) }()
	first.kill()
	wantReason(t, <-waiting, mqrc.ConnectionBroken)
	wantReason(t, c.Commit(), mqrc.ConnectionBroken)
	if _, err := (mqtest.TCP{}).Dial(t.Context(), mqconn.DialOptions{Endpoint: address}); true {
		wantReason(t, err, mqrc.HostNotAvailable)
	}

	// Without -mqsc: the definitions have survived as well.
	_, address = startQueueManager(t, "-dir", dir)
	again := dial(t, mqtest.TCP{}, address, false)
	if m := get(t, again, "A", "backed out"); m.BackoutCount != 1 {
		t.Errorf("backout count %d", m.BackoutCount)
	}
	get(t, again, "A", "committed")
	get(t, again, "A", "")
	get(t, again, "B", "committed too")
	get(t, again, "B", "")
	n, err := mqtest.TCP{}.Depth(t.Context(), address, "A")
	if err != nil || n != 0 {
		t.Errorf("depth %d, %v", n, err)
	}
}

func TestProcessEndsWhenItsStandardInputIsClosed(t *testing.T) {
	script := writeDefinitions(t)
	p, address := startQueueManager(t, "-name", "QMX", "-mqsc", script+","+script)
	c := dial(t, mqtest.TCP{QueueManager: "QMX"}, address, false)
	if err := c.Hold("A"); err != nil {
		t.Fatal(err)
	}
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	p.ended = true
	if err := p.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	wantReason(t, c.Get("A", new(mqconn.Message), mqconn.GetOptions{}), mqrc.ConnectionBroken)
}

func TestProcessSaysWhyItDoesNotStart(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.mqsc")
	if err := os.WriteFile(bad, []byte("DEFINE QLOCAL(A)\nDEFINE NONSENSE(B)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"-mqsc", bad}, "bad.mqsc: mqtest: MQSC line 2"},
		{[]string{"-name", "not a name"}, "not a name"},
		{[]string{"surplus"}, "surplus"},
		{[]string{"-listen", "nowhere"}, "nowhere"},
	} {
		err := mqtest.RunProcess(t.Context(), row.args, strings.NewReader(""), io.Discard)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%q: got %v", row.args, err)
		}
	}
}

// A client that is killed while it waits has taken nothing: the message put right after its death is
// still there, its uncommitted put is not, and the queue that it held is free.
func TestKilledClientInAWaitingGetConsumesNothing(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	endpoint := serve(t, qm)
	for range 5 {
		client := start(t, "client", endpoint)
		awaitWaiting(qm, "A", 1)
		client.kill()
		c := dial(t, qm.Dialer(), "", false)
		put(t, c, "A", "for the living", false)
		wantDepth(t, qm, "A", 1)
		awaitWaiting(qm, "A", 0)
		for { // its queue is given up by the goroutine that sees its socket closed
			if _, held := qm.Handles(); held == 0 {
				break
			}
			yield()
		}
		if err := c.Hold("A"); err != nil {
			t.Fatal(err)
		}
		get(t, c, "A", "for the living")
		wantDepth(t, qm, "B", 0)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A client that sends nothing for twice the heartbeat interval counts as gone, and only then: one
// that merely has nothing to do sends heartbeats.
func TestSilentClientLosesItsConnection(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions + "ALTER CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) HBINT(1)\n"})
	endpoint := serve(t, qm)
	idle := dial(t, mqtest.TCP{}, endpoint, false)
	if err := idle.Hold("HELD"); err != nil {
		t.Fatal(err)
	}
	silent := dialSilent(t, endpoint)
	if _, err := io.Copy(io.Discard, silent); err != nil { // until the queue manager hangs up
		t.Fatal(err)
	}
	get(t, idle, "HELD", "")
}

// dialSilent connects as TCP does and then sends nothing.
func dialSilent(t *testing.T, endpoint string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write(mqtest.ConnectFrame()); err != nil {
		t.Fatal(err)
	}
	return c
}
