package mqtest_test

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// entry is a message of the model.
type entry struct {
	text       string
	priority   int
	persistent bool
	putter     int // connection with the put uncommitted; -1: none
	getter     int // connection with the get uncommitted; -1: none
	backouts   int
}

// model is a queue as a list: what is next, and what becomes of it at the end of a unit of work.
type model struct{ entries []entry }

func (m *model) put(e entry) {
	at := len(m.entries)
	for at > 0 && m.entries[at-1].priority < e.priority {
		at--
	}
	m.entries = slices.Insert(m.entries, at, e)
}

// next is the index of what a get finds, or -1.
func (m *model) next() int {
	return slices.IndexFunc(m.entries, func(e entry) bool { return e.putter < 0 && e.getter < 0 })
}

func (m *model) commit(c int) {
	m.entries = slices.DeleteFunc(m.entries, func(e entry) bool { return e.getter == c })
	for i := range m.entries {
		if m.entries[i].putter == c {
			m.entries[i].putter = -1
		}
	}
}

func (m *model) backout(c int) {
	m.entries = slices.DeleteFunc(m.entries, func(e entry) bool { return e.putter == c })
	for i := range m.entries {
		if m.entries[i].getter == c {
			m.entries[i].getter = -1
			m.entries[i].backouts++
		}
	}
}

// kill leaves what is persistent and committed.
func (m *model) kill() {
	m.entries = slices.DeleteFunc(m.entries, func(e entry) bool { return e.putter >= 0 || !e.persistent })
	for i := range m.entries {
		m.entries[i].getter = -1
	}
}

func (m *model) depth() (n int) {
	for _, e := range m.entries {
		if e.getter < 0 {
			n++
		}
	}
	return n
}

// machine drives a queue manager and the model side by side: connections 0 and 1 are transacted, 2 is not.
type machine struct {
	qm    *mqtest.QueueManager
	dir   string
	conns [3]mqconn.Transport
	model model
	puts  int
}

func (m *machine) start(t *rapid.T) {
	qm, err := mqtest.Start(mqtest.Options{Dir: m.dir, MQSC: definitions})
	if err != nil {
		t.Fatal(err)
	}
	m.qm = qm
	for i := range m.conns {
		m.dial(t, i)
	}
}

func (m *machine) dial(t *rapid.T, i int) {
	c, err := m.qm.Dialer().Dial(t.Context(), mqconn.DialOptions{Transacted: i < 2})
	if err != nil {
		t.Fatal(err)
	}
	m.conns[i] = c
}

func (m *machine) connection(t *rapid.T) int { return rapid.IntRange(0, 2).Draw(t, "connection") }

func (m *machine) put(t *rapid.T) {
	c := m.connection(t)
	m.puts++
	e := entry{
		text: fmt.Sprint(m.puts), priority: rapid.IntRange(4, 5).Draw(t, "priority"),
		persistent: rapid.Bool().Draw(t, "persistent"), putter: -1, getter: -1,
	}
	if c < 2 {
		e.putter = c
	}
	message := mqconn.Message{Body: []byte(e.text), Priority: e.priority, Persistent: e.persistent}
	if err := m.conns[c].Put(mqconn.Address{Queue: "A"}, &message); err != nil {
		t.Fatal(err)
	}
	m.model.put(e)
}

func (m *machine) get(t *rapid.T) {
	c := m.connection(t)
	var got mqconn.Message
	err := m.conns[c].Get("A", &got, mqconn.GetOptions{})
	i := m.model.next()
	if i < 0 {
		if err != mqconn.ErrNoMessage {
			t.Fatalf("got %q, %v, want nothing", got.Body, err)
		}
		return
	}
	want := &m.model.entries[i]
	if err != nil || string(got.Body) != want.text || got.BackoutCount != want.backouts ||
		got.Persistent != want.persistent || got.Priority != want.priority {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
	if c < 2 && want.persistent {
		want.getter = c
	} else {
		m.model.entries = slices.Delete(m.model.entries, i, i+1)
	}
}

func (m *machine) commit(t *rapid.T) {
	c := m.connection(t)
	if err := m.conns[c].Commit(); err != nil {
		t.Fatal(err)
	}
	m.model.commit(c)
}

func (m *machine) backout(t *rapid.T) {
	c := m.connection(t)
	if err := m.conns[c].Backout(); err != nil {
		t.Fatal(err)
	}
	m.model.backout(c)
}

func (m *machine) reconnect(t *rapid.T) {
	c := m.connection(t)
	if err := m.conns[c].Close(); err != nil {
		t.Fatal(err)
	}
	m.dial(t, c)
	m.model.backout(c)
}

func (m *machine) cut(t *rapid.T) {
	m.qm.Cut()
	for i := range m.conns {
		m.dial(t, i)
	}
	m.model.backout(0)
	m.model.backout(1)
}

func (m *machine) kill(t *rapid.T) {
	m.qm.Kill()
	m.model.kill()
	m.start(t)
}

func (m *machine) check(t *rapid.T) {
	if n, err := m.qm.Depth("A"); err != nil || n != m.model.depth() {
		t.Fatalf("depth %d, %v, want %d", n, err, m.model.depth())
	}
}

func TestQueueBehavesLikeAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "mqtest")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &machine{dir: dir}
		m.start(t)
		defer func() { m.qm.Kill() }()
		t.Repeat(map[string]func(*rapid.T){
			"": m.check, "put": m.put, "put too": m.put, "get": m.get, "get too": m.get, "commit": m.commit,
			"backout": m.backout, "reconnect": m.reconnect, "cut": m.cut, "kill": m.kill,
		})
	})
}
