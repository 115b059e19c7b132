//go:build lab && linux

package winsvc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mqha/mqha/internal/need"
)

// wineRootVariable names a root directory with wine in it, such as one made by
//
//	debootstrap --variant=minbase trixie DIR && chroot DIR apt-get install -y --no-install-recommends wine wine64
//
// because wine 8 of Debian 12 does not run programs of current Go.
const wineRootVariable = "MQHA_WINE_ROOT"

// nodeScript begins a Windows machine: a prefix, which has its own registry and control manager, and a
// pid namespace, with which all of it ends. $SHARED is a directory that all nodes see as Z:\mnt.
const nodeScript = `
set -e
mount --make-rprivate /
mount -t proc proc "$ROOT/proc"
mount --bind "$SHARED" "$ROOT/mnt"
mkdir "$ROOT/mnt/home-$NODE" "$ROOT/mnt/full-$NODE"
mount -t tmpfs -o size=64k tmpfs "$ROOT/mnt/full-$NODE"
exec chroot "$ROOT" env -i HOME="/mnt/home-$NODE" PATH=/usr/local/bin:/usr/bin:/bin WINEDEBUG=-all \
	MQHA_WINSVC_NODE="$NODE" MQHA_WINSVC_SHARED='Z:\mnt' MQHA_FULL_VOLUME="Z:\\mnt\\full-$NODE" \
	sh -c 'cd /mnt && exec wine "$@"' sh "$@"
`

// windowsNode runs a program on a Windows machine of its own and returns what it wrote.
func windowsNode(t *testing.T, root, shared, node string, args ...string) (string, error) {
	t.Helper()
	args = append([]string{"--mount", "--pid", "--fork", "--kill-child", "sh", "-c", nodeScript, "sh"}, args...)
	cmd := exec.CommandContext(t.Context(), "unshare", args...)
	cmd.Env = append(os.Environ(), "ROOT="+root, "SHARED="+shared, "NODE="+node)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// build makes the test binary of a package for Windows.
func build(t *testing.T, pkg, exe string) {
	t.Helper()
	cmd := exec.Command("go", "test", "-c", "-tags", "lab", "-o", exe, pkg)
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// wineRoot is the directory with wine, and shared one on which nodes meet.
func wineRoot(t *testing.T) (root, shared string) {
	t.Helper()
	need.Root(t, "namespaces and mounts")
	root = os.Getenv(wineRootVariable)
	if root == "" {
		need.Missing(t, "%s is not set", wineRootVariable)
	}
	shared = t.TempDir()
	return root, shared
}

// passed fails the test unless each of the tests passed and none failed.
func passed(t *testing.T, text string, err error, tests ...string) {
	t.Helper()
	for _, test := range tests {
		if !strings.Contains(text, "--- PASS: "+test+" ") {
			t.Errorf("%s has not passed", test)
		}
	}
	if err != nil || strings.Contains(text, "--- FAIL") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestAllOfThisUnderWine judges the service by wine's control manager. Wine does not judge recovery actions, what
// reaches the event log, PRESHUTDOWN itself, and IsService.
func TestAllOfThisUnderWine(t *testing.T) {
	root, shared := wineRoot(t)
	build(t, ".", filepath.Join(shared, "winsvc.exe"))
	out, err := windowsNode(t, root, shared, "a", "winsvc.exe", "-test.v", "-test.run=Control|ServiceSpecific|Told|Checkpoints")
	passed(t, out, err, "TestLifeUnderTheControlManager", "TestErrorIsTheServiceSpecificExitCode", "TestLongStartAndLongDrainAreTold")
}

func TestTwoNodesUnderWine(t *testing.T) {
	root, shared := wineRoot(t)
	build(t, ".", filepath.Join(shared, "winsvc.exe"))
	var nodes sync.WaitGroup
	for _, node := range []string{"a", "b"} {
		nodes.Go(func() {
			const test = "TestServiceOnASecondNodeTakesOver"
			out, err := windowsNode(t, root, shared, node, "winsvc.exe", "-test.v", "-test.run="+test)
			passed(t, out, err, test)
		})
	}
	nodes.Wait()
}

// What package resource asks of Windows itself.
func TestResourcesUnderWine(t *testing.T) {
	root, shared := wineRoot(t)
	build(t, "..", filepath.Join(shared, "resource.exe"))
	out, err := windowsNode(t, root, shared, "a", "resource.exe", "-test.v", "-test.run=Path|Full|Wish|Command")
	passed(t, out, err, "TestFullVolumeIsNoReasonToMove", "TestFullDiskIsNoReasonToMove", "TestWishSurvivesRestartsAndMoves",
		"TestPathNoticesTheDirectoryUnderAnUnmountedDisk")
}
