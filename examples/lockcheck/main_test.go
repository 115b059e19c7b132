package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mqha/mqha/lockfile"
)

const asProgram = "MQHA_LOCKCHECK_TEST"

// TestMain is also the program.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

func program(t *testing.T, args ...string) *exec.Cmd {
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	c.Stderr = os.Stderr
	return c
}

func mustReport(t *testing.T, args ...string) lockfile.Report {
	t.Helper()
	out, err := program(t, append([]string{"-json"}, args...)...).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r lockfile.Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
	if len(r.Findings) == 0 || r.Verdict == "" {
		t.Errorf("%s", out)
	}
	return r
}

func TestDirectoryIsCheckedOnOneMachine(t *testing.T) {
	dir := t.TempDir()
	if r := mustReport(t, dir); r.Dir != dir {
		t.Errorf("checked %s", r.Dir)
	}
	out, err := program(t, dir).Output()
	if err != nil || !strings.Contains(string(out), "can carry a lock") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPeerChecksAnotherMachine uses this one twice, which the report knows.
func TestPeerChecksAnotherMachine(t *testing.T) {
	dir := t.TempDir()
	listener := program(t, "-listen", "127.0.0.1:0", dir)
	out, err := listener.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		listener.Process.Kill()
		listener.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("%q, %v", line, err)
	}
	for range 2 { // one after the other
		if r := mustReport(t, "-peer", address, dir); len(r.Hosts) != 1 {
			t.Errorf("hosts %q", r.Hosts)
		}
	}
	// On two directories that are not the same, the helper does not find what the check made.
	var exit *exec.ExitError
	elsewhere, err := program(t, "-peer", address, t.TempDir()).Output()
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(elsewhere), "cannot carry a lock") {
		t.Errorf("%v\n%s", err, elsewhere)
	}
}

func TestCheckThatFailsIsNoVerdict(t *testing.T) {
	for _, args := range [][]string{
		{}, {t.TempDir() + "/missing"}, {"-timeout", "1ns", t.TempDir()}, {"-peer", "127.0.0.1:1", t.TempDir()},
	} {
		c := program(t, args...)
		c.Stderr = nil
		var exit *exec.ExitError
		if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("%q: %v", args, err)
		}
	}
}
