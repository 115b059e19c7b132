package main

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mqha/mqha/internal/need"
)

// earlierRelease is the release that others run today.
const earlierRelease = "41002bffc0a2"

// TestEarlierReleaseIsRolledOutAndBack: in the middle of the transfer, without loss. A move is refused until the upgrade is
// finalised, and after that the earlier release refuses the journals.
func TestEarlierReleaseIsRolledOutAndBack(t *testing.T) {
	t.Parallel()
	code, r := play(t, smallSource(t), "-big", "24MiB", "-pace", "2s", "-outage", "200ms", "-earlier", buildEarlier(t))
	if code != 0 || !r.Identical || r.Files != 101 {
		t.Fatalf("exit code %d, %+v", code, r)
	}
	checkResumed(t, r)
}

// buildEarlier builds the demo of the earlier release from a clone of this repository.
func buildEarlier(t *testing.T) string {
	t.Helper()
	need.Program(t, "git", "git")
	if out, err := exec.Command("git", "cat-file", "-e", earlierRelease+"^{commit}").CombinedOutput(); err != nil {
		t.Skipf("this clone has no commit %s: git fetch --unshallow (%s)", earlierRelease, out)
	}
	top, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "failover")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	source := filepath.Join(dir, "source")
	for _, c := range []*exec.Cmd{
		exec.Command("git", "clone", "-q", "--shared", "--no-checkout", strings.TrimSpace(string(top)), source),
		exec.Command("git", "-C", source, "-c", "advice.detachedHead=false", "checkout", "-q", earlierRelease),
		exec.Command("go", "build", "-C", source, "-trimpath", "-o", program, "./examples/failover"),
	} {
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", c.Args, err, out)
		}
	}
	return program
}
