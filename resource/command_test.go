package resource_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/resource"
)

func online(t *testing.T, c *resource.Command) {
	t.Helper()
	if err := c.Online(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Terminate)
}

func TestCommandLivesUntilItIsAskedToEnd(t *testing.T) {
	out := newOutput()
	c := &resource.Command{New: child("obedient"), OnLine: out.add, Grace: time.Minute} // it needs none
	if err := c.LooksAlive(t.Context()); err == nil {
		t.Error("alive before it was started")
	}
	online(t, c)
	out.until(t, "ready")
	if err := c.IsAlive(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Offline(t.Context()); err != nil {
		t.Error(err)
	}
	if runtime.GOOS != "windows" { // where nothing can ask
		out.until(t, "bye")
	}
	if err := c.LooksAlive(t.Context()); !errors.Is(err, resource.ErrEnded) {
		t.Errorf("LooksAlive after the end: %v", err)
	}
	if err := c.Offline(t.Context()); err != nil {
		t.Errorf("offline twice: %v", err)
	}
	online(t, c)
	out.until(t, "ready")
}

func TestCommandThatIgnoresTheSignalIsKilledAfterItsGrace(t *testing.T) {
	out := newOutput()
	c := &resource.Command{New: child("stubborn"), OnLine: out.add, Grace: time.Millisecond}
	online(t, c)
	out.until(t, "ready")
	if err := c.Offline(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.LooksAlive(t.Context()); !errors.Is(err, resource.ErrEnded) {
		t.Errorf("it still lives: %v", err)
	}
}

func TestCommandIsKilledWhenTheContextOfOfflineEndsFirst(t *testing.T) {
	out := newOutput()
	c := &resource.Command{New: child("stubborn"), OnLine: out.add, Grace: time.Hour}
	online(t, c)
	out.until(t, "ready")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Offline(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestTerminateInterruptsTheGraceOfOffline(t *testing.T) {
	out := newOutput()
	c := &resource.Command{New: child("stubborn"), OnLine: out.add, Grace: time.Hour}
	online(t, c)
	out.until(t, "ready")
	done := make(chan error, 1)
	go func() { done <- c.Offline(t.Context()) }()
	c.Terminate()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCommandThatEndsByItselfIsNotAlive(t *testing.T) {
	out := newOutput()
	c := &resource.Command{New: child("failing"), OnLine: out.add}
	c.Ready = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	err := c.Online(t.Context())
	var exit *exec.ExitError
	if !errors.Is(err, resource.ErrEnded) || !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("Online: %v", err)
	}
	out.until(t, "cannot open the log")
	if err := c.IsAlive(t.Context()); !errors.Is(err, resource.ErrEnded) {
		t.Errorf("IsAlive: %v", err)
	}
}

func TestCommandThatCannotBeStartedSaysSo(t *testing.T) {
	c := &resource.Command{New: func() *exec.Cmd { return exec.Command("./no-such-program") }, OnLine: func(string) {}}
	if err := c.Online(t.Context()); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("Online: %v", err)
	}
	c.Terminate()
}

// It was a nil pointer, and so the end of the process, when the group came online.
func TestCommandWithoutAProgramSaysSo(t *testing.T) {
	c := &resource.Command{}
	if err := c.Online(t.Context()); err == nil || !strings.Contains(err.Error(), "Command.New") {
		t.Errorf("Online: %v", err)
	}
	c.Terminate()
}

func TestCommandIsNotStartedTwice(t *testing.T) {
	c := &resource.Command{New: child("stubborn"), Grace: -1}
	online(t, c)
	if err := c.Online(t.Context()); err == nil {
		t.Error("started again beside the first")
	}
}

// The disk of the program hung: the start was given up, and Terminate saw no process yet. Then the disk answered, and the
// process was left alive by an Online that had failed.
func TestCommandThatIsStartedTooLateIsNotLeftBehind(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var c resource.Command
	c.New = func() *exec.Cmd {
		cancel()
		c.Terminate()
		return child("stubborn")()
	}
	c.Ready = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	t.Cleanup(c.Terminate)
	if err := c.Online(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Online: %v", err)
	}
	if err := c.LooksAlive(t.Context()); !errors.Is(err, resource.ErrEnded) {
		t.Errorf("left behind: %v", err)
	}
}

func TestCommandAsksReadyAndAlive(t *testing.T) {
	refused := errors.New("refused")
	c := &resource.Command{New: child("stubborn"), Ready: func(context.Context) error { return refused },
		Alive: func(context.Context) error { return refused }}
	t.Cleanup(c.Terminate)
	if err := c.Online(t.Context()); !errors.Is(err, refused) {
		t.Errorf("Online: %v", err)
	}
	if err := c.LooksAlive(t.Context()); err != nil {
		t.Errorf("LooksAlive: %v", err)
	}
	if err := c.IsAlive(t.Context()); !errors.Is(err, refused) {
		t.Errorf("IsAlive: %v", err)
	}
}

func TestCommandInAGroupIsRestartedWhenItsProcessIsKilled(t *testing.T) {
	out := newOutput()
	c := &resource.Command{New: child("stubborn"), OnLine: out.add, Grace: -1}
	g, err := resource.NewGroup(resource.Options{}, resource.Spec{Name: "app", Resource: c,
		Policy: resource.Policy{LooksAlivePoll: 10 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx, nil) }()
	first := out.until(t, "pid")
	kill(t, first)
	if second := out.until(t, "pid"); second == first {
		t.Errorf("process %s again", second)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := c.LooksAlive(t.Context()); !errors.Is(err, resource.ErrEnded) {
		t.Errorf("left behind: %v", err)
	}
}

func TestLinesComeWholeAndLongOnesInPieces(t *testing.T) {
	var got []string
	resource.ReadLines(strings.NewReader("one\r\n\ntwo\n"+strings.Repeat("x", resource.MaxLine+1)+"\nrest"),
		func(line string) { got = append(got, fmt.Sprintf("%d:%.3s", len(line), line)) })
	want := []string{"3:one", "0:", "3:two", fmt.Sprintf("%d:xxx", resource.MaxLine), "1:x", "4:res"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
