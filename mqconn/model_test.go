package mqconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
	"pgregory.net/rapid"
)

// What the model's queue manager does with a call.
const (
	good = iota
	slow
	breaksCall
	throttles
	hangs // for longer than CallLimit, and then succeeds
)

// script is one run of a program, drawn by rapid.
type script struct {
	Dials  []bool  // each: whether it fails; good beyond the end
	Deeds  []int   // what becomes of each call; good beyond the end
	Rounds [][]int // what the program does in each generation: see play
	Repeat bool    // Config.Repeatable
	Cancel int     // ms after which the context of Run ends; 0: never
}

// What the program does.
const (
	getsOne = iota
	putsOne
	commits
	usesOldConn // a connection kept from an earlier generation
	opensMore
	steps
)

// The promises, whatever the queue manager and the program do: generations strictly grow; calls of the function do not
// overlap, and it is called again only when its Session had ended; what an old connection or a call that was given up
// has done never comes back to the caller; no goroutine and no connection is left.
func TestRunKeepsItsPromisesWhateverHappens(t *testing.T) {
	runs, generations := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		s := script{
			Dials:  rapid.SliceOfN(rapid.Bool(), 0, 8).Draw(rt, "dials"),
			Deeds:  rapid.SliceOfN(rapid.SampledFrom([]int{good, good, good, good, slow, breaksCall, throttles, hangs}), 0, 30).Draw(rt, "deeds"),
			Rounds: rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, steps-1), 1, 6), 1, 8).Draw(rt, "rounds"),
			Repeat: rapid.Bool().Draw(rt, "repeatable"),
			Cancel: rapid.SampledFrom([]int{0, 0, 0, 50, 1500, 40_000}).Draw(rt, "cancel"),
		}
		var p *player
		synctest.Test(t, func(t *testing.T) {
			p = &player{script: s}
			p.run(t)
		})
		runs++
		generations += int(p.last)
		if len(p.wrong) > 0 {
			rt.Fatal(strings.Join(p.wrong, "\n"))
		}
	})
	t.Logf("%d runs, %d generations", runs, generations)
	if generations < runs {
		t.Error("hardly anything was tried")
	}
}

// player plays a script and notes what went wrong. Its connections mark what they give with their number.
type player struct {
	script
	manager *manager

	mu      sync.Mutex
	dial    int
	deed    int
	cut     bool // the next call breaks
	wrong   []string
	last    uint64
	running bool
	lost    bool // the session of the last call of the function had ended when it returned
	doubt   bool
	old     []*Conn
}

func (p *player) complain(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

func (p *player) run(t *testing.T) {
	p.manager = &manager{
		dial: func(context.Context, DialOptions, int) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.dial++
			if p.dial <= len(p.Dials) && p.Dials[p.dial-1] {
				return fault(VerbConnect, mqrc.QMgrNotAvailable)
			}
			return nil
		},
		call: p.call,
	}
	ctx := t.Context()
	if p.Cancel > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(p.Cancel)*time.Millisecond)
		defer cancel()
	}
	c := newConnector(t, Config{Dialer: marking{p.manager}, CallLimit: 3 * time.Second, Repeatable: p.Repeat})
	err := c.Run(ctx, p.function)
	switch {
	case p.doubt && !p.Repeat && p.lost:
		var e *Error
		if !errors.As(err, &e) || e.Class != OutcomeUnknown {
			p.complain("an outcome is unknown, and Run returned %v", err)
		}
	case p.lost && ctx.Err() == nil:
		p.complain("Run returned %v although its session had ended", err)
	}
	time.Sleep(time.Minute) // what hangs comes back
	if n := p.manager.connections(); n != 0 {
		p.complain("%d connections are left", n)
	}
	if n := c.Status(); n.Stuck != 0 || n.Connections != 0 {
		p.complain("%d calls stuck, %d connections open at the end", n.Stuck, n.Connections)
	}
}

func (p *player) call(_ *transport, v Verb, _ string) error {
	if v == VerbDisconnect {
		return nil
	}
	p.mu.Lock()
	deed := good
	if p.deed < len(p.Deeds) {
		deed = p.Deeds[p.deed]
	}
	p.deed++
	if p.cut {
		deed, p.cut = breaksCall, false
	}
	p.mu.Unlock()
	switch deed {
	case slow:
		time.Sleep(700 * time.Millisecond)
	case breaksCall:
		return fault(v, mqrc.ConnectionBroken)
	case throttles:
		return fault(v, mqrc.ResourceProblem)
	case hangs:
		time.Sleep(20 * time.Second)
	}
	return nil
}

// function plays the next round.
func (p *player) function(ctx context.Context, s *Session) error {
	if p.running {
		p.complain("the function runs twice")
	}
	if p.last > 0 && !p.lost {
		p.complain("called again although the session of generation %d was whole", p.last)
	}
	if p.doubt && !p.Repeat {
		p.complain("called again although an outcome is unknown")
	}
	if (s.Unknown() != nil) != p.doubt {
		p.complain("generation %d is told of %v, and an outcome of an earlier one is unknown: %v", s.Generation(), s.Unknown(), p.doubt)
	}
	if s.Generation() <= p.last {
		p.complain("generation %d after %d", s.Generation(), p.last)
	}
	p.running, p.last = true, s.Generation()
	defer func() {
		p.running = false
		p.lost = ctx.Err() != nil
	}()
	if len(p.Rounds) == 0 {
		return errDone
	}
	round := p.Rounds[0]
	p.Rounds = p.Rounds[1:]
	conn, err := s.Open(ctx, "first", true)
	if err != nil {
		return err
	}
	mine := []*Conn{conn}
	defer func() { p.old = append(p.old, mine...) }()
	for _, step := range round {
		if step == opensMore {
			more, err := s.Open(ctx, "more", false)
			if err != nil {
				return err
			}
			mine = append(mine, more)
			continue
		}
		if err := p.use(ctx, step, mine[len(mine)-1]); err != nil {
			return err
		}
	}
	if len(p.Rounds) == 0 {
		return errDone
	}
	p.mu.Lock()
	p.cut = true // so that the next round is played
	p.mu.Unlock()
	return mine[len(mine)-1].Get(ctx, "Q", &Message{}, GetOptions{})
}

func (p *player) use(ctx context.Context, step int, conn *Conn) error {
	var err error
	switch step {
	case getsOne:
		m := &Message{Body: []byte("untouched")}
		if err = conn.Get(ctx, "Q", m, GetOptions{}); err == nil && string(m.Body) != mark(conn) {
			p.complain("got %q through %q", m.Body, mark(conn))
		}
	case putsOne:
		err = conn.Put(ctx, Address{Queue: "Q"}, &Message{})
	case commits:
		err = conn.Commit(ctx)
	case usesOldConn:
		for _, o := range p.old {
			m := &Message{Body: []byte("untouched")}
			// The context is not the old one: only the Conn itself stands in the way.
			if err := o.Get(ctx, "Q", m, GetOptions{}); !errors.Is(err, ErrSessionEnded) && !errors.Is(err, ErrClosed) && ctx.Err() == nil {
				p.complain("a connection of an old generation answered %v", err)
			}
			if string(m.Body) != "untouched" {
				p.complain("a connection of an old generation gave %q", m.Body)
			}
		}
	}
	var e *Error
	if errors.As(err, &e) && e.Class == OutcomeUnknown && e.Verb != VerbGet {
		p.doubt = true
	}
	if errors.As(err, &e) && e.Class == Throttle {
		return nil // the program goes on
	}
	return err
}

// mark is what a connection writes into each message that it gives.
func mark(c *Conn) string { return c.info.Endpoint }

// marking makes a manager's transports mark messages, and tell their mark as the endpoint of Info.
type marking struct{ *manager }

func (d marking) Dial(ctx context.Context, o DialOptions) (Transport, error) {
	t, err := d.manager.Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	return marked{t.(*transport)}, nil
}

type marked struct{ *transport }

func (t marked) Info() Info {
	i := t.transport.Info()
	i.Endpoint = fmt.Sprint("connection ", t.number)
	return i
}

func (t marked) Get(queue string, m *Message, o GetOptions) error {
	if err := t.do(VerbGet, queue); err != nil {
		return err
	}
	m.Body = append(m.Body[:0], fmt.Sprint("connection ", t.number)...)
	return nil
}
