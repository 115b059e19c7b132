package lockfile

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	roleVariable = "MQHA_LOCKFILE_TEST_ROLE"
	pathVariable = "MQHA_LOCKFILE_TEST_PATH"
)

// Times of a child's lease. The deadline of one that is to be brief can be outlasted by a test, and by a disk that is
// busy: such a lease is kept on a disk in memory.
const (
	childHeartbeat = 50 * time.Millisecond
	childDeadline  = time.Minute
	briefDeadline  = 3 * time.Second
)

const roleBrief = "brief"

// play is a process of its own: it takes the lock, says so, and answers each line of its input.
func play(role string) int {
	if strings.Contains(role, "helper") || role == "mute" {
		return helperRole(role)
	}
	if code, played := playLinux(role); played {
		return code
	}
	if role == "bystander" { // outlives its parent and does nothing
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		return 0
	}
	deadline := childDeadline
	if role == roleBrief {
		deadline = briefDeadline
	}
	l, err := Acquire(context.Background(), os.Getenv(pathVariable), Options{
		Instance: role, Poll: 5 * time.Millisecond, Heartbeat: childHeartbeat, Deadline: deadline,
		OnEvent: func(e Event) {
			if e.Kind == Waiting {
				fmt.Println("waiting for", e.Owner.Instance)
			}
		},
	})
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	fmt.Println("epoch", l.Epoch())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "err":
			fmt.Println("err", l.Err())
		case "verify":
			fmt.Println("verify", l.Verify(context.Background()))
		case "loss":
			<-l.Done()
			fmt.Println("loss", l.Err())
		case "child":
			if err := startBystander(); err != nil {
				fmt.Println("failed", err)
				return 1
			}
			fmt.Println("started")
		case "release":
			fmt.Println("released", l.Release(context.Background()))
		}
	}
	return 0
}

// startBystander starts a process that holds this one's input, and so lives until the test closes it.
func startBystander() error {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), roleVariable+"=bystander")
	c.Stdin = os.Stdin
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	return err
}

// process is a child that plays a role.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startProcess(t *testing.T, role, path string) *process {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), roleVariable+"="+role, pathVariable+"="+path)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		c.Process.Kill()
		c.Wait()
	})
	return &process{t: t, cmd: c, in: in, out: bufio.NewReader(out)}
}

// read returns what follows word in the next line.
func (p *process) read(word string) string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), word)
	if err != nil || !ok {
		p.t.Fatalf("child said %q (%v), expected %q", line, err, word)
	}
	return strings.TrimSpace(rest)
}

func (p *process) say(word string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, word); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) epoch() uint64 {
	p.t.Helper()
	n, err := strconv.ParseUint(p.read("epoch"), 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// end waits until the process has ended, so that its disk can be unmounted.
func (p *process) end() {
	p.t.Helper()
	p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("child: %v", err)
	}
}

func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
}

func TestStandbyTakesOverWhenHolderIsKilled(t *testing.T) {
	path := t.TempDir() + "/agent.lck"
	holder := startProcess(t, "holder", path)
	first := holder.epoch()
	standby := startProcess(t, "standby", path)
	if who := standby.read("waiting for"); who != "holder" {
		t.Errorf("standby waits for %q", who)
	}
	holder.kill()
	if second := standby.epoch(); second <= first {
		t.Errorf("epoch %d after %d", second, first)
	}
}

func TestStandbyTakesOverWhenHolderReleases(t *testing.T) {
	path := t.TempDir() + "/agent.lck"
	holder := startProcess(t, "holder", path)
	first := holder.epoch()
	standby := startProcess(t, "standby", path)
	standby.read("waiting for")
	holder.say("release")
	if second := standby.epoch(); second <= first {
		t.Errorf("epoch %d after %d", second, first)
	}
	if got := holder.read("released"); got != "<nil>" {
		t.Errorf("Release: %s", got)
	}
}

func TestChildOfTheHolderDoesNotKeepTheLock(t *testing.T) {
	path := t.TempDir() + "/agent.lck"
	holder := startProcess(t, "holder", path)
	holder.epoch()
	holder.say("child")
	holder.read("started")
	holder.kill()
	// The child still runs: its input, the holder's, is open.
	l, err := Acquire(t.Context(), path, Options{Poll: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
}
