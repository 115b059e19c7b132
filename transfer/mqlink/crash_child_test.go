package mqlink_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
	"github.com/mqha/mqha/transfer/mqlink"
)

// The processes of the crash test. Each counts what it does: an agent its system calls that change
// something, which it asks its fence about, and its calls of the link; the queue manager its reads from and
// writes to sockets. Told so, it dies at one of these calls, or says that it has come to it.

// taskVariable makes the test binary one of the processes.
const taskVariable = "MQHA_CRASH_TASK"

const (
	sender       = "A" // also the agents' names
	receiver     = "B"
	queueManager = "QM"
)

type task struct {
	Role    string
	Dir     string // of all processes
	Address string // of the queue manager
	Epoch   uint64 // of an agent
}

const (
	frameBytes      = 8 << 10
	creditBytes     = 128 << 10
	checkpointBytes = 64 << 10
)

func (k task) options() transfer.Options {
	return transfer.Options{
		Name: k.Role, ReadRoots: []string{filepath.Join(k.Dir, "out")}, WriteRoot: filepath.Join(k.Dir, "in"),
		FrameBytes: frameBytes, CreditBytes: creditBytes, CheckpointBytes: checkpointBytes,
	}
}

// runChild plays a role until it is killed, its input ends or something fails.
func runChild(order string) error {
	var k task
	if err := json.Unmarshal([]byte(order), &k); err != nil {
		return err
	}
	c := &child{task: k, submits: make(chan transfer.Request)}
	failed := make(chan error, 2)
	go func() { failed <- c.obey() }()
	go func() {
		if k.Role == queueManager {
			failed <- c.serve()
		} else {
			failed <- c.transfer()
		}
	}()
	return <-failed
}

type child struct {
	task
	done    atomic.Int64 // operations so far
	end     atomic.Int64 // the operation to die at or to speak at; 0: none
	speaks  atomic.Bool
	submits chan transfer.Request
}

// obey carries out the lines of the input: "die 17" and "say 17" count from now on.
func (c *child) obey() error {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		verb, rest, _ := strings.Cut(lines.Text(), " ")
		var n int64
		switch verb {
		case "die", "say":
			if _, err := fmt.Sscan(rest, &n); err != nil {
				return err
			}
			c.speaks.Store(verb == "say")
			c.end.Store(c.done.Load() + n)
		case "count":
			fmt.Println("counted", c.done.Load())
		case "submit":
			var r transfer.Request
			if err := json.Unmarshal([]byte(rest), &r); err != nil {
				return err
			}
			c.submits <- r
		}
	}
	return nil
}

// operation is called before each.
func (c *child) operation() {
	n, end := c.done.Add(1), c.end.Load()
	if end == 0 || n < end || !c.end.CompareAndSwap(end, 0) {
		return
	}
	if c.speaks.Load() {
		fmt.Println("now")
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill() // SIGKILL: nothing of this process runs on
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// serve is the queue manager.
func (c *child) serve() error {
	qm, err := mqtest.Start(mqtest.Options{Dir: filepath.Join(c.Dir, "qm"), MQSC: definitions + `
DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) HBINT(5) REPLACE
`})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Address)
	if err != nil {
		return err
	}
	if err := qm.Serve(countingListener{l, c}); err != nil {
		return err
	}
	fmt.Println("ready", l.Addr())
	<-qm.Ended()
	return errors.New("the queue manager has ended")
}

type countingListener struct {
	net.Listener
	child *child
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countingConn{conn.(*net.TCPConn), l.child}, nil
}

type countingConn struct {
	*net.TCPConn
	child *child
}

func (c countingConn) Read(b []byte) (int, error) {
	c.child.operation()
	return c.TCPConn.Read(b)
}

func (c countingConn) Write(b []byte) (int, error) {
	c.child.operation()
	return c.TCPConn.Write(b)
}

// transfer is an agent.
func (c *child) transfer() error {
	ctx := context.Background()
	e, err := transfer.Open(ctx, filepath.Join(c.Dir, c.Role), countingFence{c}, c.options())
	if err != nil {
		return err
	}
	sent, err := openSent(filepath.Join(c.Dir, c.Role+".sent"))
	if err != nil {
		return err
	}
	connector, err := mqconn.New(mqconn.Config{
		Dialer: mqtest.TCP{}, Endpoints: []string{c.Address}, Repeatable: true, Min: time.Millisecond, Max: 20 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() {
		for r := range c.submits {
			if err := submit(ctx, e, r); err != nil {
				failed <- err
			}
		}
	}()
	go func() {
		failed <- connector.Run(ctx, func(ctx context.Context, s *mqconn.Session) error {
			l, err := mqlink.New(ctx, s, c.Role)
			if err != nil {
				return err
			}
			return e.Run(ctx, &countingLink{l, c, sent})
		})
	}()
	fmt.Println("ready")
	return <-failed
}

// submit submits and says how it ended. Who asked may have asked the last instance already.
func submit(ctx context.Context, e *transfer.Engine, r transfer.Request) error {
	id, err := e.Submit(ctx, r)
	if err != nil {
		return err
	}
	s, err := e.Wait(ctx, id)
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	fmt.Println("ended", string(text))
	return nil
}

type countingFence struct{ child *child }

func (f countingFence) Epoch() uint64 { return f.child.Epoch }

func (f countingFence) Err() error {
	f.child.operation()
	return nil
}

type countingLink struct {
	*mqlink.Link
	child *child
	sent  *sentBytes
}

func (l *countingLink) Send(ctx context.Context, f *transfer.Frame) error {
	l.child.operation()
	if !f.Persistent {
		if err := l.sent.add(len(f.Body) - transfer.HeaderBytes); err != nil {
			return err
		}
	}
	return l.Link.Send(ctx, f)
}

func (l *countingLink) Receive(ctx context.Context, f *transfer.Frame) error {
	err := l.Link.Receive(ctx, f)
	l.child.operation()
	return err
}

func (l *countingLink) Commit(ctx context.Context) error {
	l.child.operation()
	return l.Link.Commit(ctx)
}

// sentBytes counts the file data that an agent sends, in a file: what a process has written there stays when
// it is killed.
type sentBytes struct {
	mu    sync.Mutex
	file  *os.File
	total uint64
}

func openSent(path string) (*sentBytes, error) {
	total, err := readSent(path)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	return &sentBytes{file: f, total: total}, err
}

func readSent(path string) (uint64, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) == 0 {
		return 0, nil // nothing was sent
	}
	if err != nil || len(b) != 8 {
		return 0, errors.Join(err, fmt.Errorf("%s has %d bytes", path, len(b)))
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (s *sentBytes) add(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total += uint64(n)
	_, err := s.file.WriteAt(binary.LittleEndian.AppendUint64(nil, s.total), 0)
	return err
}
