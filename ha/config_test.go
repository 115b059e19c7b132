package ha

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/transfer"
	"github.com/mqha/mqha/transfer/mqlink"
)

// noDialer satisfies New, which does no I/O.
type noDialer struct{}

func (noDialer) Dial(context.Context, mqconn.DialOptions) (mqconn.Transport, error) {
	return nil, fmt.Errorf("no dial in this test: %w", mqconn.ErrNotBuilt)
}

func TestAgentNames(t *testing.T) {
	for _, good := range []string{"A", "SRC", "A.B_9", "9", "_X", strings.Repeat("A", 28)} {
		if err := checkName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"": "no name", ".A": "dot", "src": `'s'`, "A B": `' '`, "A/B": `'/'`, "Ä": `'Ä'`, strings.Repeat("A", 29): "at most 28", "A\n": `'\n'`,
	} {
		err := checkName(bad)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %v, want a ConfigError with %s", bad, err, why)
		}
	}
}

func TestNewReportsEverythingThatIsWrongAtOnce(t *testing.T) {
	_, err := New(Config{
		Name: "lower", FenceWait: -1, StopTimeout: -1, AfterLoss: 7,
		Group: []resource.Spec{{Name: "A", After: [][]string{{"B"}}}},
	})
	if !errors.Is(err, ErrConfig) || ExitCode(err) != 78 {
		t.Fatalf("got %v (exit %d), want configuration errors", err, ExitCode(err))
	}
	for _, part := range []string{`"lower"`, "StateDir", "nothing to do", "AfterLoss", "FenceWait", "StopTimeout", "Config.Group", "Config.MQ"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not reported in:\n%v", part, err)
		}
	}
}

func TestNewRefusesTransferOptionsThatCannotWork(t *testing.T) {
	_, err := New(Config{Name: "SRC", StateDir: "state", MQ: mqconn.Config{Dialer: noDialer{}, Endpoints: []string{"x"}},
		Transfer: transfer.Options{ReadRoots: []string{"not/absolute"}, CreditFrames: 1}})
	if ExitCode(err) != 78 || !strings.Contains(err.Error(), "not/absolute") || !strings.Contains(err.Error(), "CreditFrames") {
		t.Errorf("got %v (exit %d)", err, ExitCode(err))
	}
}

// A frame that fills a message of 4 MiB would have no room for the header of a transmission queue, and the agent would
// find that out in its first transfer to another queue manager.
func TestNewRefusesFramesThatFitNoTransmissionQueue(t *testing.T) {
	const longest = mqlink.MaxFrame - transfer.HeaderBytes
	for frame, good := range map[int]bool{longest: true, longest + 1: false, 4<<20 - transfer.HeaderBytes: false} {
		_, err := New(Config{Name: "SRC", StateDir: "state", MQ: mqconn.Config{Dialer: noDialer{}, Endpoints: []string{"x"}},
			Transfer: transfer.Options{ReadRoots: []string{"/"}, FrameBytes: frame}})
		if good != (err == nil) || !good && (ExitCode(err) != 78 || !strings.Contains(err.Error(), "Transfer.FrameBytes")) {
			t.Errorf("FrameBytes %d: %v (exit %d)", frame, err, ExitCode(err))
		}
	}
}

func TestNewFillsInDefaults(t *testing.T) {
	a, err := New(Config{Name: "SRC", StateDir: "state", MQ: mqconn.Config{Dialer: noDialer{}, Endpoints: []string{"x"}},
		Transfer: transfer.Options{ReadRoots: []string{"/"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := a.config
	if c.LockFile != filepath.Join("state", "agent.lck") || c.Transfer.Name != "SRC" || c.FenceWait != 10*time.Second ||
		c.DrainTimeout != 10*time.Second || c.StopTimeout != 30*time.Second || c.RetryPeriodOnFailure != time.Hour {
		t.Errorf("defaults: %+v", c)
	}
	b, err := New(Config{Name: "SRC", StateDir: "state", MQ: c.MQ, Work: func(context.Context, *Active) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if a.Instance() == b.Instance() {
		t.Error("two instances have the same name")
	}
}

func TestExitCodes(t *testing.T) {
	away := &mqconn.Error{Verb: mqconn.VerbConnect, Reason: mqrc.ConnectionBroken, Class: mqconn.Retry}
	refused := &mqconn.Error{Verb: mqconn.VerbConnect, Reason: 2035, Class: mqconn.Fatal}
	moved := &mqconn.Error{Verb: mqconn.VerbConnect, Reason: 2058, Class: mqconn.NotHere}
	for _, row := range []struct {
		what string
		err  error
		want int
	}{
		{"done or stopped", nil, 0},
		{"queue manager away", away, 75},
		{"queue manager moved away", moved, 75},
		{"authentication", refused, 78},
		{"2058 before any good connect", &ConfigError{Text: "no such queue manager", Err: moved}, 78},
		{"not built", fmt.Errorf("build it: %w", mqconn.ErrNotBuilt), 78},
		{"configuration", errors.Join(&ConfigError{Text: "a"}, &ConfigError{Text: "b"}), 78},
		{"lease lost", &lockfile.LostError{Reason: "deadline"}, 75},
		{"failover", &resource.FailoverError{Resource: "disk", Err: errors.New("gone")}, 75},
		{"fence", &FenceError{Queue: "Q", Err: errors.New("2042")}, 75},
		{"no answer", &NoAnswerError{Agent: "A", Err: context.DeadlineExceeded}, 75},
		{"overrun, whatever its cause", &OverrunError{Running: []string{"work"}, Cause: &lockfile.LostError{Reason: "deadline"}}, 70},
		{"overrun of a configuration error", &OverrunError{Running: []string{"work"}, Cause: &ConfigError{Text: "a"}}, 70},
		{"anything else", errors.New("bug"), 70},
	} {
		if got := ExitCode(row.err); got != row.want {
			t.Errorf("%s: exit %d, want %d (%v)", row.what, got, row.want, row.err)
		}
	}
}

func TestYieldAfterIsChecked(t *testing.T) {
	s := newSite(t, "SRC")
	for _, row := range []struct {
		after, longest time.Duration
		want           time.Duration // 0: refused
	}{
		{0, 0, 30 * time.Second},
		{0, mqconn.FTERetry, 60 * time.Second},
		{2 * time.Second, 0, 2 * time.Second},
		{2*time.Second - 1, 0, 0},
		{time.Minute - 1, mqconn.FTERetry, 0},
		{-1, mqconn.FTERetry, -1},
	} {
		c := s.config("SRC")
		c.YieldAfter, c.MQ.Max = row.after, row.longest
		a, err := New(c)
		if row.want == 0 {
			if !errors.Is(err, ErrConfig) {
				t.Errorf("%v with a delay of %v: %v", row.after, row.longest, err)
			}
			continue
		}
		if err != nil || a.config.YieldAfter != row.want {
			t.Errorf("%v with a delay of %v: %v, %v", row.after, row.longest, a.config.YieldAfter, err)
		}
	}
}
