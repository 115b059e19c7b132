package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

func messageArrivesWhole(r rig) {
	c := r.dial(false)
	sent := mqconn.Message{
		Body: []byte("the whole of it"), CorrelationID: mqconn.ID{1, 2, 23: 9}, Persistent: true, Priority: 7,
		Expiry: time.Hour, ReplyTo: mqconn.Address{Queue: "MY.ANSWERS"},
	}
	r.must(c.Put(mqconn.Address{Queue: "A"}, &sent))
	got := r.get(c, "A", "the whole of it")
	if got.ID != sent.ID || sent.ID == (mqconn.ID{}) || !strings.HasPrefix(string(sent.ID[:]), r.idPrefix()) {
		r.Errorf("message id %x, put as %x", got.ID, sent.ID)
	}
	if got.CorrelationID != sent.CorrelationID || !got.Persistent || got.Priority != 7 || got.ReplyTo.Queue != "MY.ANSWERS" {
		r.Errorf("got %+v, want %+v", got, sent)
	}
	if got.Expiry <= 59*time.Minute || got.Expiry > time.Hour {
		r.Errorf("expiry %s", got.Expiry)
	}
	r.put(c, "A", "x", false)
	r.put(c, "A", "y", false)
	if a, b := r.get(c, "A", "x"), r.get(c, "A", "y"); a.ID == b.ID || a.Expiry != 0 || a.Persistent {
		r.Errorf("got %+v and %+v", a, b)
	}
}

// idPrefix is what message identifiers begin with: "AMQ " and the first 8 characters of the queue manager's name.
func (r rig) idPrefix() string { return fmt.Sprintf("AMQ %-8.8s", r.name()) }

func emptyBodyArrives(r rig) {
	c := r.dial(false)
	r.must(c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}))
	m := mqconn.Message{Body: []byte("old")}
	if err := c.Get("A", &m, mqconn.GetOptions{}); err != nil || len(m.Body) != 0 {
		r.Fatal(m.Body, err)
	}
}

func bodyIsReused(r rig) {
	c := r.dial(false)
	r.put(c, "A", "abc", false)
	r.put(c, "A", strings.Repeat("z", 300<<10), false)
	memory := make([]byte, 10)
	m := mqconn.Message{Body: memory}
	if err := c.Get("A", &m, mqconn.GetOptions{}); err != nil || string(memory[:3]) != "abc" || len(m.Body) != 3 {
		r.Fatalf("%q in %q, %v", m.Body, memory, err)
	}
	if err := c.Get("A", &m, mqconn.GetOptions{}); err != nil || len(m.Body) != 300<<10 || m.Body[300<<10-1] != 'z' {
		r.Fatal(len(m.Body), err)
	}
	old := &m.Body[0]
	if err := c.Get("A", &m, mqconn.GetOptions{}); !errors.Is(err, mqconn.ErrNoMessage) {
		r.Fatal(err)
	}
	r.put(c, "A", "def", false)
	if err := c.Get("A", &m, mqconn.GetOptions{}); err != nil || string(m.Body) != "def" || &m.Body[0] != old {
		r.Fatalf("%q, %v, or the memory was given up", m.Body, err)
	}
	if cap(m.Body) < 300<<10 {
		r.Fatal("a short message has cost the memory of long ones")
	}
	r.put(c, "A", strings.Repeat("y", 300<<10), false)
	if err := c.Get("A", &m, mqconn.GetOptions{}); err != nil || string(m.Body) != strings.Repeat("y", 300<<10) {
		r.Fatal(len(m.Body), err)
	}
}

func identifiersArrive(r rig) {
	c := r.dial(false)
	for _, id := range []mqconn.ID{
		{0: 1},            // zeros behind it
		{23: 1},           // and before
		{0: 0xab, 1: 'x'}, // a byte that is no digit
		mqconn.ID([]byte("0123456789abcdef01234567")), // digits throughout
		mqconn.ID(bytes.Repeat([]byte{0xff}, 24)),
	} {
		r.must(c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{CorrelationID: id}))
		var m mqconn.Message
		r.must(c.Get("A", &m, mqconn.GetOptions{}))
		if m.CorrelationID != id {
			r.Errorf("put with correlation identifier %x, got %x", id, m.CorrelationID)
		}
		r.must(c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{CorrelationID: id}))
		r.must(c.Get("A", &m, mqconn.GetOptions{CorrelationID: id}))
		if m.CorrelationID != id {
			r.Errorf("asked for correlation identifier %x, got %x", id, m.CorrelationID)
		}
	}
	r.put(c, "A", "x", false)
	if m := r.get(c, "A", "x"); m.CorrelationID != (mqconn.ID{}) || m.ReplyTo != (mqconn.Address{}) && m.ReplyTo.Queue != "" {
		r.Errorf("got %+v from a message without identifier", m)
	}
}

func priorityThenArrival(r rig) {
	c := r.dial(false)
	for i, text := range []string{"low 1", "high 1", "low 2", "high 2"} {
		r.must(c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{Body: []byte(text), Priority: 3 + i%2*6}))
	}
	for _, text := range []string{"high 1", "high 2", "low 1", "low 2", ""} {
		r.get(c, "A", text)
	}
}

func getsByIdentifier(r rig) {
	c := r.dial(false)
	one, two := mqconn.ID{23: 1}, mqconn.ID{23: 2}
	for _, id := range []mqconn.ID{one, two, two} {
		r.must(c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{Body: id[:], CorrelationID: id}))
	}
	last := r.put(c, "A", "last", false)
	var m mqconn.Message
	for _, want := range []error{nil, nil, mqconn.ErrNoMessage} {
		err := c.Get("A", &m, mqconn.GetOptions{CorrelationID: two})
		if !errors.Is(err, want) || err == nil && !bytes.Equal(m.Body, two[:]) {
			r.Fatal(err, m.Body)
		}
	}
	if err := c.Get("A", &m, mqconn.GetOptions{ID: last}); err != nil || string(m.Body) != "last" {
		r.Fatal(err, m.Body)
	}
	if err := c.Get("A", &m, mqconn.GetOptions{ID: last}); !errors.Is(err, mqconn.ErrNoMessage) {
		r.Fatal(err)
	}
	r.get(c, "A", string(one[:]))

	// A get by identifier leaves nothing open that a get without one would not.
	if err := c.Get("HELD", &m, mqconn.GetOptions{ID: last}); !errors.Is(err, mqconn.ErrNoMessage) {
		r.Fatal(err)
	}
	r.must(c.Hold("HELD"))
}

func browseLeavesEverything(r rig) {
	c := r.dial(false)
	r.put(c, "A", "one", false)
	r.put(c, "A", "two", false)
	r.browse(c, "A", true, "one")
	r.browse(c, "A", true, "two")
	r.browse(c, "A", true, "")
	r.put(c, "A", "three", false)
	r.browse(c, "A", true, "three")
	r.browse(c, "A", false, "one")
	r.get(c, "A", "one")
	r.get(c, "A", "two")
	r.browse(c, "A", true, "three")
	r.wantDepth("A", 1)
}

func tooLongForTheChannel(r rig) {
	c := r.dial(false)
	limit := c.Info().MaxMessage
	err := c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{Body: make([]byte, limit+1)})
	r.wantReason(err, mqrc.DataLengthError)
	r.put(c, "A", strings.Repeat("x", limit), false)
	r.get(c, "A", strings.Repeat("x", limit))
}

func userID(r rig) {
	c := r.dial(false)
	r.put(c, "A", "x", false)
	if m := r.get(c, "A", "x"); m.UserID != r.user() {
		r.Errorf("user %q", m.UserID)
	}
}

func backoutCount(r rig) {
	a, b := r.dial(true), r.dial(true)
	r.put(r.dial(false), "A", "x", true)
	for count := range 3 {
		if m := r.get(a, "A", "x"); m.BackoutCount != count {
			r.Fatalf("backout count %d, want %d", m.BackoutCount, count)
		}
		r.must(a.Backout())
	}
	r.get(a, "A", "x")
	r.must(a.Close())
	if m := r.get(b, "A", "x"); m.BackoutCount != 4 {
		r.Fatalf("backout count %d after the connection was closed, want 4", m.BackoutCount)
	}
}

func remoteQueueManager(r rig) {
	c := r.dial(true)
	reply := mqconn.Address{QueueManager: "QM9", Queue: "MY.ANSWERS"}
	r.must(c.Put(mqconn.Address{Queue: "A", QueueManager: r.name()}, &mqconn.Message{Body: []byte("x"), ReplyTo: reply}))
	r.must(c.Commit())
	if m := r.get(c, "A", "x"); m.ReplyTo != reply {
		r.Errorf("reply to %+v", m.ReplyTo)
	}
	r.must(c.Commit())
	err := c.Put(mqconn.Address{Queue: "A", QueueManager: "MQHA.IS.NOT.THERE"}, &mqconn.Message{})
	r.wantReason(err, mqrc.UnknownRemoteQMgr)
	r.wantDepth("A", 0)

	if r.QueueManager == nil {
		return // nobody gives another's queue manager a channel
	}
	other := r.joinedQueueManager("QM2")
	var ids []mqconn.ID
	for _, persistent := range []bool{true, false} {
		m := mqconn.Message{Body: []byte("far"), Persistent: persistent, Priority: 3, CorrelationID: mqconn.ID{1, 23: 1}}
		r.must(c.Put(mqconn.Address{Queue: "A", QueueManager: "QM2"}, &m))
		ids = append(ids, m.ID)
	}
	r.must(c.Commit())
	d, err := other.Dialer().Dial(r.Context(), mqconn.DialOptions{Role: "test"})
	r.must(err)
	defer d.Close()
	for _, id := range ids { // by identifier: order holds only within one persistence
		var m mqconn.Message
		err := mqconn.ErrNoMessage
		for begun := time.Now(); errors.Is(err, mqconn.ErrNoMessage) && time.Since(begun) < patience; {
			err = d.Get("A", &m, mqconn.GetOptions{ID: id, Wait: mqconn.MaxSlice})
		}
		r.judge("got", m, err, "far")
		if m.Persistent != (id == ids[0]) || m.Priority != 3 || m.CorrelationID != (mqconn.ID{1, 23: 1}) || m.UserID != "mqha" {
			r.Errorf("got %+v", m)
		}
	}
	r.wantDepth("A", 0)
	r.wantDepth("QM2", 0)
}

func infoIsTrue(r rig) {
	got := r.dial(false).Info()
	if got.QueueManager != r.name() || got.Endpoint != r.Endpoint || got.MaxMessage != 4<<20 || got.Bindings {
		r.Errorf("got %+v", got)
	}
	if got.Library == "" {
		r.Error("it does not say which library it is")
	}
	if r.QueueManager == nil {
		return
	}
	counts := r.QueueManager.ConnectionCounts()
	if len(counts) != 1 || counts[0].Application != "test" || counts[0].Open != 1 || counts[0].Ever != 1 {
		r.Errorf("the queue manager counts %+v", counts)
	}
	own := strings.HasSuffix(got.Library, "/mqtest")
	if library := counts[0].Library; library == mqtest.LibraryUnknown || own == (library == mqtest.LibraryC) {
		r.Errorf("it says that it is %s, and the queue manager that it is a %s", got.Library, library)
	}
}
