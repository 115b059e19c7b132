package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The test binary is the agent when it is told so.
func TestMain(m *testing.M) {
	if os.Getenv("AGENT_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func agent(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), "AGENT_TEST_MAIN=1", "MQ_USER=", "MQ_PASSWORD=not shown")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestAgentWritesItsDefinitions(t *testing.T) {
	stdout, stderr, code := agent(t, "-name", "SRC", "-qm", "QM1", "-mqsc")
	if code != 0 || !strings.Contains(stdout, "DEFINE QLOCAL('MQHA.SRC.CMD')") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if _, stderr, code := agent(t, "-name", "src", "-mqsc"); code != 78 || !strings.Contains(stderr, `"src"`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
