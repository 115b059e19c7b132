package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// smallSource makes a tree of a hundred small files and one link.
func smallSource(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 10 {
		sub := filepath.Join(dir, fmt.Sprintf("dir%d", i))
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		for j := range 10 {
			content := bytes.Repeat([]byte{byte(i), byte(j)}, i*j*150)
			if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("file %d", j)), content, 0o640); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Symlink("dir0", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// play runs the demo as processes and returns its exit code and its last line.
func play(t *testing.T, source string, args ...string) (int, report) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], append([]string{"-source", source, "-dir", dir, "-json"}, args...)...)
	cmd.Env = append(os.Environ(), playDemo+"=1")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	t.Logf("%s%s", out.String(), problems.String())
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var r report
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		t.Fatalf("last line: %v", err)
	}
	return cmd.ProcessState.ExitCode(), r
}

func TestTransferSurvivesTheEndOfEveryProcess(t *testing.T) {
	t.Parallel()
	code, r := play(t, smallSource(t), "-big", "24MiB", "-pace", "5s", "-outage", "200ms")
	if code != 0 || !r.Identical || r.Files != 101 {
		t.Fatalf("exit code %d, %+v", code, r)
	}
	checkResumed(t, r)
	if len(r.Libraries) != 1 || r.Libraries[0].Name != "github.com/mqha/mqha/mqconn/mqtest" {
		t.Errorf("libraries: %v", r.Libraries)
	}
	if len(r.Links) != 1 || r.Links[0] != "tree/link" {
		t.Errorf("links: %q", r.Links)
	}
}

// checkResumed looks at the kills of a good run once more, by what is written to its last line.
func checkResumed(t *testing.T, r report) {
	t.Helper()
	if len(r.Kills) != 3 || r.TakeoverMS <= 0 || r.ReconnectMS <= 0 {
		t.Errorf("kills: %+v", r.Kills)
	}
	for _, k := range r.Kills {
		// Percents are rounded.
		if k.AtPercent < 15 || k.AtPercent > 85 || k.ResumedPercent < k.AtPercent || k.ResumedPercent >= 100 {
			t.Errorf("killed too early or too late, or sent again instead of resumed: %+v", k)
		}
		if k.Epoch < 1 || k.TakeoverMS <= 0 {
			t.Errorf("epoch and takeover are missing: %+v", k)
		}
		if k.What == theSource && (k.Epoch != 2 || k.FirstFrameMS < k.TakeoverMS) {
			t.Errorf("the first frame of the successor came before it was active: %+v", k)
		}
	}
	if r.Resent < 0 || r.Resent >= r.Bytes/2 {
		t.Errorf("%d of %d bytes were sent again", r.Resent, r.Bytes)
	}
}

func TestNothingIsSentAgainWithoutFaults(t *testing.T) {
	t.Parallel()
	code, r := play(t, smallSource(t), "-faults=false", "-big", "8MiB", "-pace", "-1s")
	if code != 0 || r.Resent != 0 || len(r.Kills) != 0 {
		t.Errorf("exit code %d, %+v", code, r)
	}
}

// The four messages of this transfer arrive together and become durable together.
func TestKillOfAFinishedTransferIsNotTakenForSuccess(t *testing.T) {
	t.Parallel()
	code, r := play(t, t.TempDir(), "-big", "1MiB", "-pace", "-1s", "-outage", "1ms")
	if code != 1 || r.Identical || !strings.Contains(strings.Join(r.Problems, "\n"), "met a finished transfer") {
		t.Errorf("exit code %d, %+v", code, r)
	}
}

func TestSabotageIsFound(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]string{
		"flip":  "SHA-256",
		"drop":  "delivered 0 times",
		"twice": "delivered 2 times",

		"forget": "agent SOURCE does not know the transfer\nthe source agent refused 0 names, the source has 1 links",
		"letter": "1 messages are left on queue DEAD.LETTERS",
		"agent":  "destination-state/agent.lck",
		"list":   "source-state: out.0.1.manifest: left behind",
		"part":   ".0.1.part: a part that was left behind",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			code, r := play(t, smallSource(t), "-faults=false", "-big", "1MiB", "-pace", "-1s", "-sabotage", fault)
			if code != 1 || r.Identical || !strings.Contains(strings.Join(r.Problems, "\n"), want) {
				t.Errorf("exit code %d, %+v", code, r)
			}
		})
	}
}

func TestSurplusArgumentIsRefused(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-dir", dir, "-big", "1MiB", "source")
	cmd.Env = append(os.Environ(), playDemo+"=1")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), `not "source"`) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestDiskWithoutRoomIsRefusedBeforeAnythingIsMade(t *testing.T) {
	dir := t.TempDir()
	d := &demo{options: options{source: t.TempDir(), dir: dir, big: 1 << 58}, show: newDisplay(os.Stderr)}
	err := d.prepare(t.Context())
	if err == nil || !strings.Contains(err.Error(), "has room for") {
		t.Error(err)
	}
	if err := d.cleanUp(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
