package faultrows

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/mqha/mqha/internal/loopback"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// definitions of each queue manager. HBINT(1) makes a client give a silent one up after two seconds. Where the connector
// is to do that, the client must take longer than CallLimit.
func (r row) definitions() string {
	interval := 1
	if r.stuck {
		interval = 30
	}
	return fmt.Sprintf("DEFINE CHANNEL(%s) CHLTYPE(SVRCONN) HBINT(%d) REPLACE\nDEFINE QLOCAL(A) REPLACE\nDEFINE QLOCAL(B) REPLACE",
		mqtest.DefaultChannel, interval)
}

// Run makes each kind of fault happen once to a program whose connections d dials: to queue manager QM1, channel
// mqtest.DefaultChannel, over TCP.
func Run(t *testing.T, d mqconn.Dialer) {
	t.Helper()
	for _, kind := range mqtest.FaultKinds() {
		t.Run(string(kind.Kind), func(t *testing.T) {
			i := slices.IndexFunc(rows, func(r row) bool { return r.kind == kind.Kind })
			if i < 0 {
				t.Fatal("there is no row for this kind of fault")
			}
			p := start(t, d, rows[i], kind)
			if kind.Injected {
				p.oneCall()
				p.release()
			} else {
				p.outage()
			}
			p.checkEvents()
			p.checkLog()
		})
	}
	for _, r := range rows {
		if !slices.ContainsFunc(mqtest.FaultKinds(), func(k mqtest.FaultRow) bool { return k.Kind == r.kind }) {
			t.Errorf("there is a row for %q, which is no kind of fault", r.kind)
		}
	}
}

// play is one row at work.
type play struct {
	row
	*testing.T
	says      mqtest.FaultRow // what mqtest says of the kind
	qm        *mqtest.QueueManager
	options   mqtest.Options
	address   string
	connector *mqconn.Connector
	logs      *observer.ObservedLogs

	mu     sync.Mutex
	events []mqconn.Event
	told   chan mqconn.Event
}

func start(t *testing.T, d mqconn.Dialer, r row, says mqtest.FaultRow) *play {
	t.Helper()
	p := &play{row: r, T: t, says: says, options: mqtest.Options{Dir: t.TempDir(), MQSC: r.definitions()}, told: make(chan mqconn.Event, 1000)}
	p.up(loopback.Any())
	t.Cleanup(func() {
		if err := p.qm.Close(); err != nil {
			t.Error(err)
		}
	})
	core, logs := observer.New(zapcore.DebugLevel)
	p.logs = logs
	c, err := mqconn.New(mqconn.Config{
		Dialer: d, Endpoints: []string{p.address}, Repeatable: true, Logger: zap.New(core), OnEvent: p.onEvent,
		Min: 10 * time.Millisecond, Max: 50 * time.Millisecond, DialLimit: 3 * time.Second, CallLimit: 3 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.connector = c
	return p
}

func (p *play) up(address string) {
	p.Helper()
	qm, err := mqtest.Start(p.options)
	if err != nil {
		p.Fatal(err)
	}
	p.qm = qm
	l, err := net.Listen("tcp", address)
	if err == nil {
		p.address = l.Addr().String()
		err = qm.Serve(l)
	}
	if err != nil {
		p.Fatal(err)
	}
}

func (p *play) onEvent(e mqconn.Event) {
	p.mu.Lock()
	p.events = append(p.events, e)
	p.mu.Unlock()
	p.told <- e
}

// patience is how long anything here may take that the connector's limits do not bound already.
const patience = time.Minute

// await gives the next event of a kind.
func (p *play) await(kind mqconn.EventKind) mqconn.Event {
	p.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case e := <-p.told:
			if e.Kind == kind {
				return e
			}
		case <-late.C:
			p.Fatalf("no event %q came", kind)
		}
	}
}

// until returns when something is so that others work on.
func (p *play) until(what string, so func() bool) {
	p.Helper()
	for begun := time.Now(); !so(); runtime.Gosched() { // what is awaited is work of others, not the clock
		if time.Since(begun) > patience {
			p.Fatalf("it never came to pass that %s", what)
		}
	}
}

var errDone = errors.New("done")

// oneCall lets a program put one message while the fault strikes, and repeat it where it was not put.
func (p *play) oneCall() {
	p.Helper()
	injected := false
	err := p.connector.Run(p.Context(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "fault", p.persistent)
		if err != nil {
			return err
		}
		struck := !injected
		if !injected {
			injected = true
			if err := work(ctx, conn, "B", p.persistent); err != nil { // the way there is good
				return err
			}
			p.inject()
		} else if (s.Unknown() != nil) != p.unknown {
			p.Errorf("the session after is told of %v", s.Unknown())
		}
		err = work(ctx, conn, "A", p.persistent)
		var e *mqconn.Error
		if !errors.As(err, &e) {
			if err != nil || struck && p.class != 0 {
				p.Errorf("the call answered %v, want class %v", err, p.class)
			}
			return errDone
		}
		want := p.fault.Reason
		if p.fault.Break != mqtest.Intact {
			want = mqrc.ConnectionBroken
		}
		if e.Class != p.class || e.EndsSession() != p.ends || (ctx.Err() != nil) != p.ends || e.Reason != want || errors.Is(e, mqconn.ErrStuck) != p.stuck {
			p.Errorf("%v: class %v, session ended %v", e, e.Class, ctx.Err() != nil)
		}
		if p.ends {
			return err
		}
		return errors.Join(work(ctx, conn, "A", p.persistent), errDone)
	})
	if !errors.Is(err, errDone) {
		p.Errorf("Run: %v", err)
	}
	if n, err := p.qm.Depth("A"); n != p.messages || err != nil {
		p.Errorf("%d messages, want %d (%v)", n, p.messages, err)
	}
	if n := p.qm.Struck()[p.kind]; n != 1 {
		p.Errorf("the fault has struck %d times", n)
	}
}

// release lets a call that is stuck return. It was counted until then, and has done nothing.
func (p *play) release() {
	p.Helper()
	want := 0
	if p.stuck {
		want = 1
	}
	if n := p.connector.Status().Stuck; n != want {
		p.Errorf("%d calls are stuck, want %d", n, want)
	}
	if !p.stuck {
		return
	}
	if err := p.qm.Strike(mqtest.FaultCut); err != nil {
		p.Fatal(err)
	}
	p.until("the stuck call returns", func() bool { return p.connector.Status().Stuck == 0 })
	if n, err := p.qm.Depth("A"); n != p.messages || err != nil {
		p.Errorf("%d messages after the stuck call has returned, want %d (%v)", n, p.messages, err)
	}
}

// inject arms the fault for the next put to A, however the transport puts, or for the next commit.
func (p *play) inject() {
	if p.fault.Verb != "" {
		p.qm.Inject(p.fault)
		return
	}
	for _, verb := range []mqconn.Verb{mqconn.VerbPut, mqconn.VerbPut1} {
		f := p.fault
		f.Verb, f.Queue = verb, "A"
		p.qm.Inject(f)
	}
}

func work(ctx context.Context, conn *mqconn.Conn, queue string, persistent bool) error {
	m := mqconn.Message{Body: []byte("x"), Persistent: persistent}
	if err := conn.Put(ctx, mqconn.Address{Queue: queue}, &m); err != nil {
		return err
	}
	return conn.Commit(ctx)
}

// outage strikes while a program waits for a message, and ends when it has failed to connect.
func (p *play) outage() {
	p.Helper()
	waits := make(chan struct{}, 2)
	ended := make(chan error, 1)
	go func() {
		ended <- p.connector.Run(p.Context(), func(ctx context.Context, s *mqconn.Session) error {
			conn, err := s.Open(ctx, "fault", true)
			if err != nil {
				return err
			}
			if s.Generation() > 1 {
				return errors.Join(work(ctx, conn, "A", true), errDone)
			}
			waits <- struct{}{}
			err = conn.Get(ctx, "B", &mqconn.Message{}, mqconn.GetOptions{Wait: -1})
			var e *mqconn.Error
			if !errors.As(err, &e) || e.Class != p.class || ctx.Err() == nil || !p.fits(e, p.says.Reason) {
				p.Errorf("%v, session %v", err, ctx.Err())
			}
			return err
		})
	}()
	select {
	case <-waits:
	case err := <-ended:
		p.Fatalf("Run has ended before the fault: %v", err)
	}
	p.until("a get waits on B", func() bool { return p.qm.Waiting("B") > 0 })
	if err := p.qm.Strike(p.kind); err != nil {
		p.Fatal(err)
	}
	p.await(mqconn.ConnectionLost)
	if p.refused != 0 {
		e := p.await(mqconn.DialFailed)
		var failed *mqconn.Error
		if !errors.As(e.Err, &failed) || failed.Class != p.refused || !p.fits(failed, p.says.OnConnect) {
			p.Errorf("dial: %v", e.Err)
		}
	}
	switch {
	case p.kind == mqtest.FaultKill:
		p.options.MQSC = ""
		p.up(p.address)
	case p.says.Lasts:
		if err := p.qm.Restore(); err != nil {
			p.Fatal(err)
		}
	}
	if err := <-ended; !errors.Is(err, errDone) {
		p.Errorf("Run: %v", err)
	}
	if n, err := p.qm.Depth("A"); n != 1 || err != nil {
		p.Errorf("%d messages after the return (%v)", n, err)
	}
}

// fits says whether e has the reason that mqtest promises, or is about silence.
func (p *play) fits(e *mqconn.Error, want mqrc.Reason) bool {
	if p.silent {
		return errors.Is(e, mqconn.ErrStuck) || e.Reason == mqrc.ConnectionBroken || e.Reason == mqrc.QMgrNotAvailable || e.Reason == mqrc.HostNotAvailable
	}
	return e.Reason == want
}

// checkEvents demands connected, and where the session ends: lost, dial failed as often as it may be, connected.
func (p *play) checkEvents() {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var kinds []mqconn.EventKind
	stuck := 0
	for _, e := range p.events {
		if e.Kind == mqconn.CallStuck {
			stuck++
		} else if e.Kind != mqconn.DialFailed || p.refused == 0 || len(kinds) == 0 || kinds[len(kinds)-1] != mqconn.DialFailed {
			kinds = append(kinds, e.Kind)
		}
	}
	want := []mqconn.EventKind{mqconn.Connected}
	if p.ends {
		want = append(want, mqconn.ConnectionLost)
		if p.refused != 0 {
			want = append(want, mqconn.DialFailed)
		}
		want = append(want, mqconn.Connected)
	}
	if !slices.Equal(kinds, want) {
		p.Errorf("events %v, want %v", kinds, want)
	}
	// The client may give a silent queue manager up before the connector does.
	if p.stuck != (stuck == 1) && !p.silent {
		p.Errorf("%d calls were said to be stuck", stuck)
	}
	if s := p.connector.Status(); s.Connections != 0 {
		p.Errorf("status at the end: %+v", s)
	}
}

// checkLog demands one line for each state, with its code, and the class in the line of the loss.
func (p *play) checkLog() {
	p.Helper()
	want := map[mqconn.Code]int{mqconn.CodeConnected: 1}
	if p.ends {
		want[mqconn.CodeConnected], want[mqconn.CodeLost] = 2, 1
	}
	if p.refused != 0 {
		want[p.code] = 1
	}
	if p.stuck {
		want[mqconn.CodeStuck] = 1
	}
	for _, code := range []mqconn.Code{mqconn.CodeStuck, mqconn.CodeConnected, mqconn.CodeLost, mqconn.CodeClientFailed, mqconn.CodeRefused, mqconn.CodeGaveUp} {
		lines := p.logs.FilterField(zap.String("code", string(code))).Len()
		// Another reason is another line: what a host says while it comes back.
		if lines != want[code] && !(code == p.code && lines > 1) && !(code == mqconn.CodeStuck && p.silent) {
			p.Errorf("%d lines %s, want %d", lines, code, want[code])
		}
	}
	for _, line := range p.logs.FilterField(zap.String("code", string(mqconn.CodeLost))).All() {
		if have := line.ContextMap()["class"]; have != p.class.String() {
			p.Errorf("the line of the loss says %q, want %q", have, p.class)
		}
	}
}
