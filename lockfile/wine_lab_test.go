//go:build lab && linux

package lockfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// wineRootVariable names a root directory with wine in it, such as one made by
//
//	debootstrap --variant=minbase trixie DIR && chroot DIR apt-get install -y --no-install-recommends wine wine64
//
// because wine 8 of Debian 12 does not run programs of current Go. Needs root; DIR/proc has to be mounted.
const wineRootVariable = "MQHA_WINE_ROOT"

// TestAllOfThisOnWindows runs this package's tests for Windows under wine: locks, processes, listings and names are
// wine's, not Windows's, and power failures are not judged at all.
func TestAllOfThisOnWindows(t *testing.T) {
	root := os.Getenv(wineRootVariable)
	if root == "" {
		t.Skipf("%s is not set", wineRootVariable)
	}
	need(t, "chroot")
	work, err := os.MkdirTemp(filepath.Join(root, "tmp"), "lockfile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(work) })
	build := exec.Command("go", "test", "-c", "-o", filepath.Join(work, "lockfile.test.exe"), ".")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	inside := "/tmp/" + filepath.Base(work)
	wine := exec.CommandContext(t.Context(), "chroot", root, "sh", "-c", `cd "$1" && exec wine lockfile.test.exe -test.v -test.timeout=9m`, "sh", inside)
	wine.Env = []string{"HOME=/root", "PATH=/usr/local/bin:/usr/bin:/bin", "WINEDEBUG=-all"}
	out, err := wine.CombinedOutput()
	text := string(out)
	for _, test := range []string{"TestTwoLeasesOfOneProcessExcludeEachOther", "TestStandbyTakesOverWhenHolderIsKilled",
		"TestRecordCanBeReadWhileTheLockIsHeld", "TestCheckOfALocalDirectoryFindsNothingWrong", "TestEpochNamesArePrunedToTheNewest"} {
		if !strings.Contains(text, "--- PASS: "+test) {
			t.Errorf("%s has not passed", test)
		}
	}
	if err != nil || strings.Contains(text, "--- FAIL") {
		t.Errorf("%v\n%s", err, text)
	}
	t.Logf("%d tests passed", strings.Count(text, "--- PASS"))
}
