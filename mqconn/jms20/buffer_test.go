//go:build ibmmq && cgo

package jms20

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

func TestLongMessageMakesTheBufferGrow(t *testing.T) {
	_, d, endpoint := start(t, Options{ReceiveBufferSize: 1000})
	sender := dial(t, d, endpoint, false)
	body := bytes.Repeat([]byte("long "), 200<<10)
	put := func(queue string) {
		t.Helper()
		must(t, sender.Put(mqconn.Address{Queue: queue}, &mqconn.Message{Body: body, Persistent: true}))
	}
	get := func(c mqconn.Transport, queue string) error {
		t.Helper()
		var m mqconn.Message
		err := c.Get(queue, &m, mqconn.GetOptions{})
		if err == nil && !bytes.Equal(m.Body, body) {
			t.Fatalf("got %d bytes, want %d", len(m.Body), len(body))
		}
		return err
	}
	holder := dial(t, d, endpoint, true)
	must(t, holder.Hold("HELD"))
	working := dial(t, d, endpoint, true)
	must(t, working.Put(mqconn.Address{Queue: "B"}, &mqconn.Message{Body: []byte("in the unit of work")}))
	idle := dial(t, d, endpoint, true)

	put("HELD")
	put("A")
	for _, err := range []error{get(holder, "HELD"), get(working, "A")} {
		var f *mqconn.Fault
		if !errors.As(err, &f) || f.Reason != mqrc.TruncatedMsgFailed || mqconn.Classify(*f) != mqconn.Retry {
			t.Errorf("got %v: the session has to end, with what would be lost", err)
		}
	}
	must(t, get(idle, "A")) // on a connection of its own, made again in between
	must(t, idle.Commit())
	must(t, holder.Close())
	holder = dial(t, d, endpoint, true)
	must(t, holder.Hold("HELD"))
	must(t, get(holder, "HELD"))
	for _, c := range []mqconn.Transport{sender, holder, working, idle} {
		must(t, c.Close())
	}
}

func TestMessageLongerThanAllowedIsItsOwnFault(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	sender := dial(t, d, endpoint, false)
	must(t, sender.Put(somewhere, &mqconn.Message{Body: make([]byte, 2000)}))
	small := d.small(1000)
	c := dial(t, small, endpoint, true)
	err := c.Get("A", new(mqconn.Message), mqconn.GetOptions{})
	var f *mqconn.Fault
	if !errors.As(err, &f) || mqconn.Classify(*f) != mqconn.MessageFault {
		t.Fatalf("got %v", err)
	}
	if f.Reason == mqrc.TruncatedMsgFailed && !strings.Contains(err.Error(), "2000 bytes") {
		t.Errorf("%v does not say how long the message is", err)
	}
	must(t, c.Close())
	must(t, sender.Close())
}

func (d *dialer) small(n int) *dialer {
	o := d.options
	o.MaxMessage = n
	s := &dialer{options: o, create: create}
	s.buffer.Store(int64(n))
	return s
}

func TestLongMessageReachesAHolderInTheNextSession(t *testing.T) {
	_, d, endpoint := start(t, Options{ReceiveBufferSize: 1000})
	sender := dial(t, d, endpoint, false)
	must(t, sender.Put(mqconn.Address{Queue: "HELD"}, &mqconn.Message{Body: make([]byte, 200<<10), Persistent: true}))
	must(t, sender.Close())
	connector, err := mqconn.New(mqconn.Config{Dialer: d, Endpoints: []string{endpoint}})
	must(t, err)
	var m mqconn.Message
	var sessions []uint64
	must(t, connector.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		sessions = append(sessions, s.Generation())
		c, err := s.Open(ctx, "in", true)
		if err != nil {
			return err
		}
		if err := c.Hold(ctx, "HELD"); err != nil {
			return err
		}
		if err := c.Get(ctx, "HELD", &m, mqconn.GetOptions{}); err != nil {
			return err
		}
		return c.Commit(ctx)
	}))
	if !slices.Equal(sessions, []uint64{1, 2}) || len(m.Body) != 200<<10 {
		t.Errorf("%d bytes in sessions %d, want %d in the second", len(m.Body), sessions, 200<<10)
	}
}

// What comes after the long message may be longer still.
func TestBufferGrowsUntilTheMessageFits(t *testing.T) {
	lengths := []int{400 << 10, 600 << 10, 1 << 20, 1000}
	d := scripted(&script{}, nil)
	c := dial(t, d, "h:1", false).(*transport)
	calls := 0
	err := c.growing("A", func() (int, error) {
		calls++
		return lengths[calls-1], &mqconn.Fault{Reason: mqrc.TruncatedMsgFailed}
	})
	wantReason(t, err, mqrc.TruncatedMsgFailed) // of the last one, which cannot be: it would go on for ever
	if calls != len(lengths) || d.buffer.Load() != 1<<20 {
		t.Errorf("%d calls, a buffer of %d bytes", calls, d.buffer.Load())
	}
}

func TestConnectionThatCannotBeMadeAgainIsNotClosedTwice(t *testing.T) {
	s := &script{}
	d := scripted(s, nil)
	c := dial(t, d, "h:1", false).(*transport)
	d.create = scripted(nil, exception(2, 2059)).create
	err := c.growing("A", func() (int, error) { return 400 << 10, &mqconn.Fault{Reason: mqrc.TruncatedMsgFailed} })
	wantReason(t, err, mqrc.QMgrNotAvailable)
	wantReason(t, c.Commit(), mqrc.HConnError)
	wantReason(t, c.Close(), mqrc.HConnError)
	if s.closed != 1 {
		t.Errorf("closed %d times", s.closed)
	}
}

func TestBodyDoesNotKeepALargerBuffer(t *testing.T) {
	const buffer = 1 << 20
	for length, copied := range map[int]bool{0: true, 1000: true, adoptFrom - 1: true, buffer/2 - 1: true, buffer / 2: false, buffer: false} {
		library, own := make([]byte, buffer)[:length], make([]byte, 0, buffer)
		m := mqconn.Message{Body: own}
		fillBody(&m, library)
		if cap(m.Body) != buffer || len(m.Body) != length {
			t.Fatalf("%d bytes in %d", len(m.Body), cap(m.Body))
		}
		if got := &m.Body[:1][0] == &own[:1][0]; got != copied {
			t.Errorf("%d bytes of %d: copied %t", length, buffer, got)
		}
	}
	var m mqconn.Message
	if fillBody(&m, make([]byte, adoptFrom-1)); cap(m.Body) > adoptFrom+8<<10 {
		t.Errorf("it takes %d bytes to keep %d", cap(m.Body), adoptFrom-1)
	}
}
