package resource_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/resource"
	"go.uber.org/goleak"
)

// roleVariable makes this test binary play the child of a Command.
const roleVariable = "MQHA_RESOURCE_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		play(role)
		return
	}
	goleak.VerifyTestMain(m)
}

// child returns the command that plays role.
func child(role string) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), roleVariable+"="+role)
		return cmd
	}
}

// play is the main function of a child. Each says "ready" when it has become what it is to be.
func play(role string) {
	switch role {
	case "obedient":
		c := make(chan os.Signal, 1)
		signal.Notify(c, terminate)
		fmt.Println("ready")
		<-c
		fmt.Println("bye")
	case "stubborn":
		signal.Ignore(terminate)
		fmt.Println("pid", os.Getpid())
		fmt.Println("ready")
		forever()
	case "parent":
		cmd := child("stubborn")()
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		forever()
	case "failing":
		fmt.Fprintln(os.Stderr, "cannot open the log")
		os.Exit(3)
	case "owner":
		c := &resource.Command{New: child("stubborn"), OnLine: func(line string) { fmt.Println(line) }}
		if err := c.Online(context.Background()); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		forever()
	case "panicking":
		g, err := resource.NewGroup(resource.Options{}, resource.Spec{Name: "app",
			Resource: resource.Funcs{OnOnline: func(context.Context) error { panic("as asked") }}})
		if err == nil {
			err = g.Run(context.Background(), nil)
		}
		fmt.Println("survived", err)
	default:
		fmt.Println("unknown role", role)
		os.Exit(2)
	}
}

// forever is longer than any test; an empty select would be reported as a deadlock.
func forever() {
	time.Sleep(time.Hour)
}

// output collects lines.
type output struct {
	lines chan string
}

func newOutput() *output { return &output{lines: make(chan string, 1000)} }

func (o *output) add(line string) { o.lines <- line }

// until returns the first line with the prefix, without it.
func (o *output) until(t *testing.T, prefix string) string {
	t.Helper()
	for {
		select {
		case line := <-o.lines:
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return strings.TrimSpace(rest)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no line %q", prefix)
		}
	}
}
