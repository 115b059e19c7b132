//go:build ibmmq && cgo

package adopt

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"
	"github.com/ibm-messaging/mq-golang-jms20/mqjms"

	"github.com/mqha/mqha/internal/loopback"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

const definitions = `
DEFINE QLOCAL(ORDERS) REPLACE
DEFINE QLOCAL(SHIPPING) REPLACE
DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) HBINT(5) REPLACE
`

// rig has the programs, and the queue manager.
type rig struct {
	*testing.T
	bin     string
	address string
	admin   string // the queue manager's port for operators
	qmgr    *exec.Cmd
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, bin: t.TempDir(), address: loopback.Any()}
	for _, program := range []string{"./before", "./after", "../../mqconn/mqtest/qmgr"} {
		if out, err := exec.Command("go", "build", "-tags", "ibmmq", "-o", r.bin+"/", program).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(r.bin, "orders.mqsc"), []byte(definitions), 0o600); err != nil {
		t.Fatal(err)
	}
	r.startQueueManager()
	t.Cleanup(r.killQueueManager)
	return r
}

// startQueueManager starts it at the address it had before.
func (r *rig) startQueueManager() {
	r.Helper()
	r.qmgr = exec.Command(filepath.Join(r.bin, "qmgr"), "-listen", r.address, "-dir", filepath.Join(r.bin, "qm1"), "-mqsc", filepath.Join(r.bin, "orders.mqsc"), "-admin", "127.0.0.1:0")
	if _, err := r.qmgr.StdinPipe(); err != nil { // it ends when this one closes
		r.Fatal(err)
	}
	out, err := r.qmgr.StdoutPipe()
	if err != nil {
		r.Fatal(err)
	}
	if err := r.qmgr.Start(); err != nil {
		r.Fatal(err)
	}
	for lines, said := bufio.NewReader(out), map[string]*string{"admin": &r.admin, "listening": &r.address}; len(said) > 0; {
		line, err := lines.ReadString('\n')
		if err != nil {
			r.Fatal(err)
		}
		what, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if said[what] == nil {
			r.Fatalf("the queue manager says %q", line)
		}
		*said[what] = value
		delete(said, what)
	}
}

// passed is how many commits do not go wrong: ours, and five of the program.
const passed = 1 + 5

// spoil makes a commit go wrong while the program ships ten orders. What is a part of a fault in JSON.
func (r *rig) spoil(what string) {
	r.Helper()
	answer, err := http.Post(r.admin+"/faults", "application/json", strings.NewReader(fmt.Sprintf(`{"verb":"MQCMIT","skip":%d,%s}`, passed, what)))
	if err != nil {
		r.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		r.Fatal(answer.Status)
	}
}

// struck says how often each kind of fault has struck since the queue manager was started.
func (r *rig) struck() map[mqtest.FaultKind]int {
	r.Helper()
	answer, err := http.Get(r.admin + "/faults")
	if err != nil {
		r.Fatal(err)
	}
	defer answer.Body.Close()
	var faults struct{ Struck map[mqtest.FaultKind]int }
	if err := json.NewDecoder(answer.Body).Decode(&faults); err != nil {
		r.Fatal(err)
	}
	return faults.Struck
}

// awaitStall returns when a commit is under way that is not answered.
func (r *rig) awaitStall() {
	r.Helper()
	for begun := time.Now(); time.Since(begun) < time.Minute; runtime.Gosched() {
		if r.struck()[mqtest.FaultDelay] > 0 {
			return
		}
	}
	r.Fatal("no program commits")
}

// orderAndKill kills the queue manager while a program that ships ten orders is in the middle of a unit of work.
func (r *rig) orderAndKill(from int) {
	r.Helper()
	r.spoil(`"delay":"1h"`)
	r.order(from, from+10)
	r.awaitStall()
	n, err := mqtest.TCP{}.Depth(r.Context(), r.address, "SHIPPING")
	if err != nil || n < 5 || n >= 10 {
		r.Errorf("%d orders are shipped when the queue manager is killed, want five and one under way: %v", n, err)
	}
	r.killQueueManager()
}

func (r *rig) killQueueManager() {
	_ = r.qmgr.Process.Kill()
	_ = r.qmgr.Wait() // its error is that it was killed
}

func (r *rig) start(program string) *exec.Cmd {
	r.Helper()
	cmd := exec.Command(filepath.Join(r.bin, program))
	host, port, _ := strings.Cut(r.address, ":")
	cmd.Env = append(os.Environ(), "MQ_QMGR=QM1", "MQ_CHANNEL="+mqtest.DefaultChannel, fmt.Sprintf("MQ_ENDPOINT=%s(%s)", host, port),
		"MQ_USER=", "MQ_PASSWORD=")
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			r.Log(program + ": " + lines.Text())
		}
	}()
	r.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended, and been waited for
		_ = cmd.Wait()
		_ = in.Close()
		<-logged
	})
	return cmd
}

func (r *rig) dial() mqconn.Transport {
	r.Helper()
	c, err := mqtest.TCP{}.Dial(r.Context(), mqconn.DialOptions{Endpoint: r.address, Role: "test"})
	if err != nil {
		r.Fatal(err)
	}
	return c
}

// order puts orders as text, through the library.
func (r *rig) order(from, to int) {
	r.Helper()
	tcp, err := net.ResolveTCPAddr("tcp", r.address)
	if err != nil {
		r.Fatal(err)
	}
	c, ex := mqjms.ConnectionFactoryImpl{
		QMName: "QM1", Hostname: tcp.IP.String(), PortNumber: tcp.Port, ChannelName: mqtest.DefaultChannel,
	}.CreateContextWithSessionMode(jms20subset.JMSContextSESSIONTRANSACTED)
	if ex != nil {
		r.Fatal(ex)
	}
	defer c.Close()
	for n := from; n < to; n++ {
		if ex := c.CreateProducer().SendString(c.CreateQueue("ORDERS"), fmt.Sprintf("order %02d", n)); ex != nil {
			r.Fatal(ex)
		}
	}
	if ex := c.Commit(); ex != nil {
		r.Fatal(ex)
	}
}

// shipped waits for n more orders, and gives them in order of their names.
func (r *rig) shipped(n int) (got []string) {
	r.Helper()
	c := r.dial()
	defer func() {
		if err := c.Close(); err != nil {
			r.Error(err)
		}
	}()
	for begun := time.Now(); len(got) < n && time.Since(begun) < time.Minute; {
		var m mqconn.Message
		err := c.Get("SHIPPING", &m, mqconn.GetOptions{Wait: mqconn.MaxSlice})
		if err == nil {
			got = append(got, string(m.Body))
		} else if !errors.Is(err, mqconn.ErrNoMessage) {
			r.Fatal(err)
		}
	}
	slices.Sort(got)
	return got
}

func (r *rig) wantShipped(from, to int) {
	r.Helper()
	var want []string
	for n := from; n < to; n++ {
		want = append(want, fmt.Sprintf("order %02d", n))
	}
	if got := r.shipped(len(want)); !slices.Equal(got, want) {
		r.Fatalf("shipped %q, want %q", got, want)
	}
}

// orderAndCut breaks the program's connection under a commit that was made, or was not: the program cannot tell.
func (r *rig) orderAndCut(from int, when string, kind mqtest.FaultKind) {
	r.Helper()
	r.spoil(`"break":"` + when + `"`)
	r.order(from, from+10)
	r.wantShipped(from, from+10)
	if n := r.struck()[kind]; n != 1 {
		r.Errorf("%d commits lost their answer %s", n, when)
	}
}

// The program as it was ends with its connection; with mqconn it goes on. The queue manager is killed in the middle of
// its work, whose commit is then not made; and the link breaks under commits that were made and that were not. Every order is
// shipped once.
func TestMessageCodeOutlivesItsConnections(t *testing.T) {
	r := newRig(t)
	r.order(0, 10)
	before := r.start("before")
	r.wantShipped(0, 10)
	r.orderAndKill(10)
	if err := before.Wait(); err == nil {
		t.Error("the program without mqconn has not noticed")
	}
	r.startQueueManager()

	after := r.start("after")
	r.wantShipped(10, 20)
	for round := 2; round < 5; round++ {
		r.orderAndKill(10 * round)
		r.startQueueManager()
		r.wantShipped(10*round, 10*round+10)
	}
	r.orderAndCut(50, "before-work", mqtest.FaultCommitLost)
	r.orderAndCut(60, "after-work", mqtest.FaultCommitUnanswered)
	if err := after.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error("the program with mqconn has ended: ", err)
	}
	if err := after.Wait(); err != nil {
		t.Errorf("stopped as asked, it ended with %v", err)
	}
	for _, queue := range []string{"ORDERS", "SHIPPING"} {
		if n, err := (mqtest.TCP{}).Depth(t.Context(), r.address, queue); n != 0 || err != nil {
			t.Errorf("%d messages are left on %s, %v", n, queue, err)
		}
	}
}
