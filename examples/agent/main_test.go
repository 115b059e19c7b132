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
	cmd.Env = append(os.Environ(), "AGENT_TEST_MAIN=1", "MQ_USER="+os.Getenv("AGENT_TEST_USER"), "MQ_PASSWORD=not shown")
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

// The definitions knew no peers, so that with MQ_USER set the agent was allowed to send to nobody.
func TestAgentMayPutToItsPeers(t *testing.T) {
	t.Setenv("AGENT_TEST_USER", "mover")
	stdout, stderr, code := agent(t, "-name", "SRC", "-qm", "QM1", "-peer", "ROME", "-peer", "OSLO@QM2", "-mqsc")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{
		"SET AUTHREC PROFILE('MQHA.ROME.IN') OBJTYPE(QUEUE) +\n       PRINCIPAL('mover') AUTHADD(PUT)",
		"SET AUTHREC PROFILE('MQHA.OSLO.IN') OBJTYPE(QUEUE) +\n       PRINCIPAL('mover') AUTHADD(PUT)",
		"DEFINE QREMOTE('MQHA.OSLO.IN')", "RQMNAME('QM2')",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "QREMOTE('MQHA.ROME.IN')") {
		t.Errorf("a peer on the same queue manager became remote:\n%s", stdout)
	}
	if _, stderr, code := agent(t, "-name", "SRC", "-qm", "QM1", "-peer", "rome", "-mqsc"); code != 78 || !strings.Contains(stderr, `"rome"`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// The example is there to be read: the file has fewer than 60 lines, main at most 30.
func TestExampleIsShort(t *testing.T) {
	text, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nfunc main() {\n")
	body, _, found := strings.Cut(rest, "\n}\n")
	if lines := strings.Count(string(text), "\n"); lines >= 60 || !found || strings.Count(body, "\n")+1 > 30 {
		t.Errorf("%d lines, main %d", lines, strings.Count(body, "\n")+1)
	}
}
