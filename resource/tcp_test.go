package resource_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

func TestTCPAnswersAsLongAsTheServiceDoes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("ready"))
			_ = c.Close()
		}
	}()
	here := &resource.TCP{Address: l.Addr().String(), RunHere: true, Poll: -1, Check: func(c net.Conn) error {
		text, err := io.ReadAll(c)
		if string(text) != "ready" {
			return errors.Join(err, errors.New("not ready"))
		}
		return nil
	}}
	elsewhere := &resource.TCP{Address: l.Addr().String(), Poll: -1}
	for _, r := range []*resource.TCP{here, elsewhere} {
		for name, call := range map[string]func(context.Context) error{"Online": r.Online, "LooksAlive": r.LooksAlive, "IsAlive": r.IsAlive} {
			if err := call(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	here.Check = func(net.Conn) error { return errors.New("starting up") }
	if err := here.IsAlive(t.Context()); err == nil {
		t.Error("alive against its own check")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	<-served
	for name, call := range map[string]func(context.Context) error{"Online": here.Online, "LooksAlive": here.LooksAlive, "IsAlive": here.IsAlive} {
		if err := call(t.Context()); err == nil || errors.Is(err, resource.ErrElsewhere) {
			t.Errorf("%s of a service that is run here: %v", name, err)
		}
	}
	for name, call := range map[string]func(context.Context) error{"Online": elsewhere.Online, "LooksAlive": elsewhere.LooksAlive, "IsAlive": elsewhere.IsAlive} {
		if err := call(t.Context()); !errors.Is(err, resource.ErrElsewhere) {
			t.Errorf("%s of a service elsewhere: %v", name, err)
		}
	}
}

// The queue manager at the other end is away for an hour, at first before the group has come up at all.
func TestTCPToAQueueManagerThatIsAwayForAnHourUsesUpNoRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		var dials atomic.Int64
		away.Store(true)
		qm := &resource.TCP{Address: "qm.example.com:1414", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dials.Add(1)
			if away.Load() {
				<-ctx.Done() // no answer at all, as behind a firewall
				return nil, ctx.Err()
			}
			a, b := net.Pipe()
			_ = b.Close()
			return a, nil
		}}
		c := newCluster(t)
		g, run := runGroup(t, resource.Options{}, resource.Spec{Name: "qm", Resource: qm},
			resource.Spec{Name: "app", Resource: c.resource("app"), After: [][]string{{"qm"}}})
		hour := func(state resource.State) {
			t.Helper()
			time.Sleep(time.Hour)
			synctest.Wait()
			if s := g.Snapshot()[0]; s.State != state || s.Failures != 0 || s.Err == nil {
				t.Errorf("after an hour: %+v", s)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := g.Snapshot()[0]; s.State != resource.OnlinePending || s.Failures != 0 || s.Progress == "" {
			t.Errorf("after an hour that began before us: %+v", s)
		}
		away.Store(false)
		time.Sleep(7 * time.Second)
		c.expect("app Online")
		away.Store(true)
		hour(resource.Online)
		c.expect()
		if n := dials.Load(); n > 2*3600 {
			t.Errorf("dialled %d times in two hours", n)
		}
		if err := run.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A connection that takes longer than Limit is none. There is no way to wait for ever.
func TestTCPWaitsForOneConnectionNoLongerThanItsLimit(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{0: 5 * time.Second, -1: 5 * time.Second, time.Minute: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := &resource.TCP{Address: "db.example.com:5432", RunHere: true, Limit: limit, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}
			begun := time.Now()
			if err := r.LooksAlive(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != want {
				t.Errorf("Limit %v: %v after %v", limit, err, time.Since(begun))
			}
		})
	}
}
