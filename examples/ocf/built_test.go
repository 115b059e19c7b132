//go:build linux && ibmmq && cgo

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqha/mqha/internal/need"
)

// No queue manager listens at the endpoint: the agent starts, holds its lock, and goes on dialling.
func TestAgentLivesThroughItsActionsWithoutAQueueManager(t *testing.T) {
	exe, state := install(t)
	t.Cleanup(func() {
		if out, code := call(t, exe, state, "stop"); code != 0 {
			t.Errorf("stop: exit %d: %s", code, out)
		}
	})
	for _, step := range []struct {
		action, env string
		code        int
	}{
		{"monitor", "", 7}, {"validate-all", "", 0}, {"validate-all", "OCF_RESKEY_name=lower case", 6}, {"validate-all", "OCF_RESKEY_drain=soon", 6},
		{"validate-all", "OCF_RESKEY_passwordfile=/no/such/file", 5},
		{"start", "", 0}, {"monitor", "", 0}, {"monitor", "OCF_CHECK_LEVEL=10", 0}, {"start", "", 0}, {"stop", "", 0}, {"monitor", "", 7},
	} {
		if out, code := call(t, exe, state, step.action, step.env); code != step.code {
			t.Fatalf("%s %s: exit %d, want %d: %s", step.action, step.env, code, step.code, out)
		}
	}
}

func TestTheJudgeOfTheResourceAgentsPackageAgrees(t *testing.T) {
	for program, pkg := range map[string]string{"ocf-tester": "resource-agents", "xmllint": "libxml2-utils"} {
		need.Program(t, program, pkg)
	}
	exe, state := install(t)
	cmd := exec.Command("ocf-tester", "-n", "src", "-o", "name=SRC", "-o", "qm=QM1", "-o", "endpoint=localhost(1)", "-o", "state="+state,
		"-o", "read="+state, exe)
	cmd.Env = append(os.Environ(), "HA_RSCTMP="+filepath.Dir(exe), "LD_LIBRARY_PATH="+publicLibrary(t, exe))
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "passed all tests") {
		t.Errorf("%v\n%s", err, out)
	}
}

// publicLibrary copies the MQ client's library, or its double, to where the user nobody may read it: the
// judge calls the agent as nobody, too, and root's cache is closed to him.
func publicLibrary(t *testing.T, exe string) string {
	t.Helper()
	out, err := exec.Command("ldd", exe).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		name, where, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if !ok || !strings.HasPrefix(name, "libmqm") {
			continue
		}
		path, _, _ := strings.Cut(where, " (")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(exe), name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Dir(exe)
}
