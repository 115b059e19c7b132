package mqtest_test

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// verdict is what a proxy does with a frame of a sender.
type verdict int

const (
	forward   verdict = iota
	swallow           // as if it had been sent to nobody
	cutBefore         // the receiver never sees it
	cutAfter          // the receiver has acted on it, and its answer is lost
)

// proxy stands between two queue managers and looks at the verb of each frame of the sender.
type proxy struct {
	listener net.Listener
	target   string
	judge    func(verb uint32) verdict
	links    sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
}

func newProxy(t *testing.T, target string, judge func(verb uint32) verdict) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, judge: judge, open: make(map[net.Conn]bool)}
	p.links.Add(1)
	go p.accept()
	t.Cleanup(p.close)
	return p
}

func (p *proxy) connectionName() string { return connectionName(p.listener.Addr().String()) }

func (p *proxy) close() {
	_ = p.listener.Close()
	p.cut()
	p.links.Wait()
}

// cut breaks every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

func (p *proxy) accept() {
	defer p.links.Done()
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		p.mu.Lock()
		p.open[near], p.open[far] = true, true
		p.mu.Unlock()
		var lost atomic.Bool // the next answer to a confirmation
		p.links.Add(2)
		go p.pass(near, far, func(verb uint32) verdict {
			v := p.judge(verb)
			if v == cutAfter {
				lost.Store(true)
				return forward
			}
			return v
		})
		go p.pass(far, near, func(verb uint32) verdict {
			if verb == confirmVerb && lost.Load() {
				return cutBefore
			}
			return forward
		})
	}
}

// pass passes frames on until one side hangs up.
func (p *proxy) pass(from, to net.Conn, judge func(verb uint32) verdict) {
	defer p.links.Done()
	defer from.Close()
	defer to.Close()
	head := make([]byte, 32)
	for {
		if _, err := io.ReadFull(from, head); err != nil {
			return
		}
		frame := make([]byte, binary.LittleEndian.Uint32(head))
		copy(frame, head)
		if _, err := io.ReadFull(from, frame[len(head):]); err != nil {
			return
		}
		switch judge(binary.LittleEndian.Uint32(head[4:])) {
		case swallow:
			continue
		case cutBefore:
			return
		}
		if _, err := to.Write(frame); err != nil {
			return
		}
	}
}
