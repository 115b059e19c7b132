package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// install puts the agent where everybody may execute it, in a directory whose path is short enough for a
// unix socket.
func install(t *testing.T) (exe, state string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ocf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	exe, state = filepath.Join(dir, metadata.Name), filepath.Join(dir, "state")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(state, 0o700), os.WriteFile(exe, text, 0o755)); err != nil {
		t.Fatal(err)
	}
	return exe, state
}

// call runs an action with good parameters, which env may replace.
func call(t *testing.T, exe, state, action string, env ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command(exe, action)
	cmd.Env = append(append(os.Environ(), "OCF_RESOURCE_INSTANCE=src", "HA_RSCTMP="+filepath.Dir(exe), "OCF_RESKEY_name=SRC",
		"OCF_RESKEY_qm=QM1", "OCF_RESKEY_endpoint=localhost(1)", "OCF_RESKEY_state="+state, "OCF_RESKEY_read="+state), env...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}
