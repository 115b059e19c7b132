package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/transfer"
)

func (r *report) expect(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(r.Problems, "\n"); want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("problems %q, want %q", got, want)
	}
}

func TestAgentWithAnUnfinishedTransferIsFound(t *testing.T) {
	down := errors.New("no answer")
	for _, c := range []struct {
		state     transfer.State
		err       error
		mayForget bool
		want      string // problem
	}{
		{state: transfer.Completed},
		{state: transfer.Running, want: "agent A says that the transfer is running"},
		{state: transfer.Refused, mayForget: true, want: "agent A says that the transfer is refused"},
		{err: transfer.ErrUnknown, want: "agent A does not know the transfer"},
		{err: transfer.ErrUnknown, mayForget: true},
		{err: down, mayForget: true},
	} {
		var r report
		err := r.judgeAgent("A", transfer.Status{State: c.state}, c.err, c.mayForget)
		if (err != nil) != (c.err == down) {
			t.Errorf("%+v: %v", c, err)
		}
		r.expect(t, c.want)
	}
}

func TestWhatWasRefusedIsEveryLinkAndNothingElse(t *testing.T) {
	var many []string
	for i := range 150 {
		many = append(many, fmt.Sprint("tree/link", i))
	}
	for _, c := range []struct {
		links, refused []string
		failed         int
		want           string
	}{
		{},
		{links: many[:2], refused: many[:2], failed: 2},
		{links: many[:2], refused: many[:1], failed: 1, want: "tree/link1: a link that was not refused by name"},
		{links: many[:2], refused: many[:1], failed: 2, want: "tree/link1: a link that was not refused by name"},
		{links: many[:1], want: "refused 0 names, the source has 1 links"},
		{refused: []string{"tree/a"}, failed: 1, want: "not sent: tree/a: why"},
		{links: many, refused: many[:100], failed: 150},
		{links: many, refused: many[:100], failed: 149, want: "refused 149 names, the source has 150 links"},
	} {
		var r report
		s := transfer.Status{Failed: c.failed}
		for _, name := range c.refused {
			s.Failures = append(s.Failures, transfer.FileFailure{Name: name, Reason: "why"})
		}
		r.judgeRefusals(s, c.links)
		r.expect(t, c.want)
	}
}

func TestMessageOnAnyQueueIsFound(t *testing.T) {
	d := &demo{base: t.TempDir(), options: options{through: throughTest}}
	if err := writeDefinitions(d.path(definitionsFile), d.sourceSettings(""), d.destinationSettings()); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(d.path(definitionsFile))
	if err != nil {
		t.Fatal(err)
	}
	qm := mqtest.New(t, mqtest.Options{Name: queueManager, MQSC: string(script)})
	port, err := qm.ServeAdmin("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	d.admin = port.URL
	link, err := qm.Dialer().Dial(t.Context(), mqconn.DialOptions{Role: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	check := func(want string) {
		t.Helper()
		var r report
		if err := d.checkQueues(t.Context(), &r, 0); err != nil {
			t.Fatal(err)
		}
		r.expect(t, want)
	}
	check("")
	for _, queue := range []string{"MQHA.SOURCE.IN", "MQHA.SOURCE.CMD", "MQHA.DESTINATION.IN", "MQHA.REPLY.QM1", deadLetterQueue} {
		if err := link.Put(mqconn.Address{Queue: queue}, &mqconn.Message{Body: []byte("left")}); err != nil {
			t.Fatal(err)
		}
		check("1 messages are left on queue " + queue)
		if err := link.Get(queue, new(mqconn.Message), mqconn.GetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	check("")
}

func TestStateOfAgentsThatDidNotEndIsFound(t *testing.T) {
	d := &demo{base: t.TempDir()}
	for _, dir := range []string{"source-state", "destination-state"} {
		if err := os.MkdirAll(d.path(dir, journals), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"incarnation", "journal.1.1"} {
			if err := os.WriteFile(d.path(dir, journals, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(want string) {
		t.Helper()
		var r report
		d.checkState(&r)
		r.expect(t, want)
	}
	check("")
	lease, err := lockfile.TryAcquire(d.path("source-state", "agent.lck"), lockfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	check("the lock of a stopped agent")
	if err := lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.path("destination-state", journals, "in.0.1.manifest"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("destination-state: in.0.1.manifest: left behind")
	if err := os.RemoveAll(d.path("source-state")); err != nil {
		t.Fatal(err)
	}
	check(filepath.Join("source-state", journals))
}
