package lockfile

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// helperCommand starts this test as the other process of Check.
func helperCommand(role string) func() *exec.Cmd {
	return func() *exec.Cmd {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), roleVariable+"="+role)
		c.Stderr = os.Stderr
		return c
	}
}

func mustCheck(t *testing.T, dir, role string, patience time.Duration) *Report {
	t.Helper()
	r, err := check(t.Context(), dir, helperCommand(role), patience)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return r
}

// finding returns the outcome of one probe.
func (r *Report) finding(t *testing.T, what string) Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Probe == what {
			return f
		}
	}
	t.Fatalf("no probe %q", what)
	return Finding{}
}

func TestCheckOfALocalDirectoryFindsNothingWrong(t *testing.T) {
	r := mustCheck(t, t.TempDir(), roleHelper, patience)
	if len(r.Findings) != 13 {
		t.Errorf("%d findings", len(r.Findings))
	}
	for _, f := range r.Findings {
		if !f.OK || f.Took < 0 {
			t.Errorf("%+v", f)
		}
	}
	if r.Verdict == Cannot || r.Primitive != primitive || len(r.Hosts) != 1 {
		t.Errorf("%+v", r)
	}
	t.Logf("\n%s", r)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(text, &again); err != nil || !cmp.Equal(*r, again) {
		t.Errorf("JSON: %v\n%s", err, cmp.Diff(*r, again))
	}
}

// TestCheckSeesWhatIsBroken has a helper for each thing that a file system may do wrong.
func TestCheckSeesWhatIsBroken(t *testing.T) {
	for role, want := range map[string]string{
		"sees other files":     "both sides see the same directory",
		"locks nothing":        "two processes exclude each other",
		"other kind of lock":   "both sides use the same kind of lock",
		"claims twice":         "exclusive create is atomic",
		"removes then renames": "path and descriptor are told apart",
		"overwrites blocks":    "writers keep out of each other's blocks",
		"loses updates":        "what is written under the lock is seen",
		"creates nothing":      "new names are listed",
		"sees half":            "rename is atomic",
		"repeats the epoch":    "a killed holder's lock is released",
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel() // they wait for the disk, and for each other
			r := mustCheck(t, t.TempDir(), "broken helper: "+role, 3*time.Second)
			if f := r.finding(t, want); f.OK || r.Verdict != Cannot {
				t.Errorf("%s\n%+v", r.Verdict, f)
			}
			if !strings.Contains(strings.Join(r.Because, "\n"), want) || !strings.Contains(r.String(), string(Cannot)) {
				t.Errorf("%s", r)
			}
		})
	}
}

// TestCheckRemovesWhatAKilledOneLeft: it stayed for ever.
func TestCheckRemovesWhatAKilledOneLeft(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-staleAfter - time.Minute)
	for name, left := range map[string]struct {
		isDir bool
		at    time.Time
	}{
		".lockcheck-killed":  {true, old},
		".lockcheck-running": {true, time.Now().Add(-staleAfter / 2)},
		".lockcheck-file":    {false, old},
		"lockcheck-other":    {true, old},
	} {
		path := filepath.Join(dir, name)
		err := os.WriteFile(path, nil, 0o600)
		if left.isDir {
			err = errors.Join(os.Remove(path), os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "agent.lck"), nil, 0o600))
		}
		if err := errors.Join(err, os.Chtimes(path, left.at, left.at)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := check(t.Context(), dir, helperCommand(roleHelper), patience); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{".lockcheck-file", ".lockcheck-running", "lockcheck-other"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("left are %q, %v, want %q", left, err, want)
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	started := func() *exec.Cmd {
		cancel() // while the helper starts
		return helperCommand("silent helper")()
	}
	dir := t.TempDir()
	if _, err := Check(ctx, dir, started); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestCheckThatCannotBeginSaysWhy(t *testing.T) {
	dir := t.TempDir()
	if _, err := Check(t.Context(), filepath.Join(dir, "missing"), helperCommand(roleHelper)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	none := func() *exec.Cmd { return exec.Command(filepath.Join(dir, "none")) }
	if _, err := Check(t.Context(), dir, none); !errors.Is(err, os.ErrNotExist) && !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("no helper program: %v", err)
	}
	if _, err := Check(t.Context(), dir, func() *exec.Cmd { return nil }); err == nil {
		t.Error("no helper command, no error")
	}
	if _, err := Check(t.Context(), dir, helperCommand("mute")); err == nil || !strings.Contains(err.Error(), "CheckHelper") {
		t.Errorf("a program that is no helper: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestHelperKeepsToItsFiles: its input may come from another machine.
func TestHelperKeepsToItsFiles(t *testing.T) {
	dir := t.TempDir()
	a, err := newActor(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	if err := os.Mkdir(filepath.Join(dir, scratchPrefix+"1.epochs"), 0o755); err != nil { // as acquire makes it
		t.Fatal(err)
	}
	for _, name := range []string{"other", "../.lockcheck-1", ".lockcheck-1/../../x", ".lockcheck-1.epochs/../x", "/" + scratchPrefix, ""} {
		for _, do := range []string{"put", "acquire", "lock"} {
			if r := a.do(request{Do: do, Name: name}); r.Error == "" {
				t.Errorf("%s %q was done", do, name)
			}
		}
		for _, do := range []string{"move", "claim", "count", "blocks"} {
			if r := a.do(request{Do: do, Name: scratchPrefix + "1", Text: name}); r.Error == "" {
				t.Errorf("%s to %q was done", do, name)
			}
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestVerdictFollowsFindingsAndFileSystem(t *testing.T) {
	for _, row := range []struct {
		name string
		r    Report
		want Verdict
		why  string // in Because
	}{
		{"local disk", Report{FileSystem: "ext4", Local: true, Hosts: []string{"a"}}, Can, ""},
		{"memory", Report{FileSystem: "tmpfs", Local: true, Hosts: []string{"a"}}, OnlyWith, "EpochFloor"},
		{"a probe failed", Report{FileSystem: "ext4", Local: true, Findings: []Finding{{Probe: "fsync answers", Detail: "EIO"}}}, Cannot, "fsync answers: EIO"},
		{"NFS 4, one host", Report{FileSystem: "nfs4", Hosts: []string{"a"}}, OnlyWith, "two of the machines"},
		{"NFS 4", Report{FileSystem: "nfs4", Hosts: []string{"a", "b"}, LockLease: 90e9}, OnlyWith, "1m30s"},
		{"NFS 3", Report{FileSystem: "nfs", Hosts: []string{"a", "b"}}, Cannot, "vers=4"},
		{"sshfs, though all probes passed", Report{FileSystem: "fuse.sshfs", Hosts: []string{"a"}}, Cannot, "one mount"},
		{"unknown, one host", Report{Hosts: []string{"a"}}, OnlyWith, "two of the machines"},
		{"unknown, two hosts", Report{Hosts: []string{"a", "b"}}, Can, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.r.judge()
			if row.r.Verdict != row.want || !strings.Contains(strings.Join(row.r.Because, "\n"), row.why) {
				t.Errorf("%s, %q", row.r.Verdict, row.r.Because)
			}
		})
	}
}
