package ha

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/resource"
)

// diary keeps what happened in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) read() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, ", ")
}

func (d *diary) spec(name string) resource.Spec {
	return resource.Spec{Name: name, Resource: resource.Funcs{
		OnOnline:  func(context.Context) error { d.note(name + " online"); return nil },
		OnOffline: func(context.Context) error { d.note(name + " offline"); return nil },
	}}
}

func TestResourcesComeAndGoAroundTheLeaseAndTheWork(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	var d diary
	c := s.config("SRC")
	c.Before, c.Group = []resource.Spec{d.spec("disk")}, []resource.Spec{d.spec("address")}
	c.Work = func(context.Context, *Active) error {
		d.note("work")
		return nil
	}
	if err := start(t, c).ends(); err != nil {
		t.Fatal(err)
	}
	if got, want := d.read(), "disk online, address online, work, address offline, disk offline"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestResourceThatFailsMovesTheAgentToTheStandby(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	alive := make(chan struct{}) // closed: the address of the first instance is dead
	bad := s.config("SRC")
	bad.Group = []resource.Spec{{Name: "address",
		Policy: resource.Policy{LooksAlivePoll: 10 * time.Millisecond, RestartThreshold: -1},
		Resource: resource.Funcs{OnLooksAlive: func(context.Context) error {
			select {
			case <-alive:
				return errors.New("no answer from the address")
			default:
				return nil
			}
		}}}}
	first := start(t, bad)
	first.event(CodeActive, 1)
	second := start(t, s.config("SRC"))
	second.event(CodeStandby, 1)
	close(alive)
	if ev := first.event(CodeFailover, 1); !strings.Contains(ev.Text, "no answer from the address") {
		t.Errorf("event: %s", ev.Text)
	}
	if ev := second.event(CodeActive, 1); ev.Epoch != 2 {
		t.Errorf("epoch %d", ev.Epoch)
	}
	first.event(CodeStandsBack, 1)
}

// A slow OnEvent, for example a log on a disk that is gone, does not keep the agent from stopping.
func TestAgentStopsThoughItsLogHangs(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.config("SRC")
	hang, active := make(chan struct{}), make(chan struct{})
	c.Work = func(ctx context.Context, _ *Active) error {
		close(active)
		return untilCancelled(ctx, nil)
	}
	c.OnEvent = func(Event) { <-hang }
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- a.Run(ctx) }()
	<-active
	cancel()
	err = <-result
	if !errors.Is(err, ErrOverrun) || !strings.Contains(err.Error(), "OnEvent") {
		t.Errorf("Run: %v", err)
	}
	l, err := lockfile.TryAcquire(c.StateDir+"/agent.lck", lockfile.Options{})
	if err != nil {
		t.Fatalf("the lock is still held: %v", err)
	}
	if err := l.Release(within(t)); err != nil {
		t.Error(err)
	}
	close(hang)
	<-a.events.Done()
}

func TestEventsThatAreTooManyAreCounted(t *testing.T) {
	t.Parallel()
	enter, leave := make(chan struct{}, 1), make(chan struct{})
	got, missing := 0, 0
	j := newReporter(func(ev Event) {
		if ev.Code == CodeMissed {
			missing += ev.Dropped
		} else {
			got++
		}
		select {
		case enter <- struct{}{}:
		default:
		}
		<-leave
	}, nil)
	j.emit(Event{Code: CodeActive})
	<-enter // one is with OnEvent, the queue is empty
	for range backlog + 3 {
		j.emit(Event{Code: CodeActive})
	}
	j.Close()
	close(leave)
	<-j.Done()
	if got != backlog+1 || missing != 3 {
		t.Errorf("%d events came, %d are said to be missing, want %d and 3", got, missing, backlog+1)
	}
}

// The queue manager that is back under the same name keeps what was persistent: a stop of an old
// instance among it.
func TestLateStopSurvivesTheQueueManagerAndStillDoesNotStopTheSuccessor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mqsc := mqscOf(t, "SRC")
	qm := mqtest.New(t, mqtest.Options{MQSC: mqsc, Dir: dir})
	ctx, cancel := context.WithCancel(context.Background())
	s := &site{t: t, qm: qm, dir: t.TempDir()}
	asked := make(chan error, 1)
	client := s.client("SRC")
	go func() { asked <- client.Stop(ctx, "of old", Immediate) }()
	for depth := 0; depth == 0; {
		var err error
		if depth, err = qm.Depth(CommandQueue("SRC")); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("stop: %v", err)
	}
	qm.Kill()
	s.qm = mqtest.New(t, mqtest.Options{MQSC: mqsc, Dir: dir})
	a := start(t, s.config("SRC"))
	a.event(CodeCommand, 1)
	if pong, err := s.client("SRC").Ping(within(t)); err != nil || pong.Instance != a.agent.Instance() {
		t.Errorf("%+v, %v", pong, err)
	}
}
