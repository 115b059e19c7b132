package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary is also the demo, so that its processes can be started, and plays children of its own.
const playDemo = "MQHA_TEST_PLAY_DEMO"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "fake-") {
		os.Exit(fake(os.Args[1], os.Args[2:]))
	}
	if os.Getenv(playDemo) != "" {
		os.Exit(run(os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// fake plays a child.
func fake(role string, args []string) int {
	fmt.Println("role", role, strings.Join(args, " "))
	switch role {
	case "fake-failing":
		return 3
	case "fake-stubborn":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals)
		for range signals {
		}
	case "fake-echo":
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			fmt.Println(lines.Text())
		}
	case "fake-parent":
		c, err := startChild("grandchild", func(line []byte) { fmt.Println(string(line)) }, func(error) {}, "", "fake-echo")
		if err != nil {
			return 1
		}
		<-c.ended
	}
	return 0
}

// told collects what a child writes.
type told struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

func newTold() *told { return &told{more: make(chan struct{}, 100)} }

func (s *told) handle(line []byte) {
	s.mu.Lock()
	s.lines = append(s.lines, string(line))
	s.mu.Unlock()
	s.more <- struct{}{}
}

func (s *told) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func startFake(t *testing.T, role string, s *told, died func(error), args ...string) *child {
	t.Helper()
	c, err := startChild(role, s.handle, died, "", role, args...)
	if err != nil {
		t.Fatal(err)
	}
	<-s.more // it runs
	return c
}

func unexpected(t *testing.T) func(error) { return func(err error) { t.Error(err) } }

func TestChildEndsWhenItsStandardInputCloses(t *testing.T) {
	s := newTold()
	c := startFake(t, "fake-echo", s, unexpected(t), "one", "two")
	if _, err := io.WriteString(c.stdin, "question\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	if got, want := s.text(), "role fake-echo one two\nquestion"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChildThatEndsByItselfIsReported(t *testing.T) {
	died := make(chan error, 1)
	c := startFake(t, "fake-failing", newTold(), func(err error) { died <- err })
	<-c.ended
	if err := <-died; !strings.Contains(err.Error(), "exit status 3") {
		t.Error(err)
	}
}

func TestKilledChildIsNotReported(t *testing.T) {
	c := startFake(t, "fake-echo", newTold(), unexpected(t))
	c.kill()
}

func TestStubbornChildIsKilledAndNamed(t *testing.T) {
	c := startFake(t, "fake-stubborn", newTold(), unexpected(t))
	err := c.stop(time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "fake-stubborn did not stop within 1ms and was killed") {
		t.Error(err)
	}
}

// All processes share the standard error of the first: it reaches its end when the last has gone.
func TestNoChildOutlivesAKilledParent(t *testing.T) {
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stderr := os.Stderr
	os.Stderr = in
	s := newTold()
	c := startFake(t, "fake-parent", s, unexpected(t))
	os.Stderr = stderr
	in.Close()
	<-s.more // and the grandchild runs
	c.kill()
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
}

func TestWatchFailsWhenAChildDies(t *testing.T) {
	w := newWatch(func(string, event) {})
	w.fail(fmt.Errorf("agent ended by itself"))
	err := w.await(context.Background(), "something", time.Minute, func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "agent ended by itself") {
		t.Error(err)
	}
}
