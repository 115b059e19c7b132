//go:build !ibmmq || !cgo

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestTransportThatIsNotThereIsSaidAtOnce(t *testing.T) {
	for through, want := range map[string]string{
		"jms20": "-tags ibmmq",
		"ibmmq": "-tags ibmmq",
		"other": "mqtest, jms20 or ibmmq",
	} {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-transport", through, "-dir", dir)
		cmd.Env = append(os.Environ(), playDemo+"=1")
		out, err := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: exit code %d, %v, %s", through, code, err, out)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	}
}
