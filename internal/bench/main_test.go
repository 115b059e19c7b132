package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The test binary is what measure starts as its children.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == childArgument {
		os.Exit(childMain(os.Args[2]))
	}
	os.Exit(m.Run())
}

// bench runs the command with a small file and one round, and gives its report.
func bench(t *testing.T, args ...string) (code int, r report) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	dir := t.TempDir()
	code = run(t.Context(), append([]string{"-json", "-size", "10MiB", "-rounds", "1", "-dir", dir}, args...), &stdout, &stderr)
	if code == exitTrouble {
		t.Fatalf("%s", &stderr)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, &stdout)
	}
	if stderr.Len() == 0 {
		t.Error("no progress was told")
	}
	return code, r
}

// Everything that a variant delivers is compared with the source, or it would say that it failed.
func TestOursRun(t *testing.T) {
	var ours []string
	for _, v := range variants {
		for _, beginning := range []string{"raw", "disk", "serial", "ref-", "engine-"} {
			if strings.HasPrefix(v.name, beginning) {
				ours = append(ours, v.name)
			}
		}
	}
	code, r := bench(t, "-only", strings.Join(ours, ","))
	if code != exitReached { // no goal was asked for
		t.Errorf("exit code %d", code)
	}
	if len(r.Variants) != len(ours) {
		t.Errorf("%d variants instead of %d", len(r.Variants), len(ours))
	}
	for _, v := range r.Variants {
		switch {
		case v.Failed != "":
			t.Errorf("%s: %s", v.Name, v.Failed)
		case v.NotMeasured != "":
			t.Logf("%s: %s", v.Name, v.NotMeasured)
		case v.Runs != 1 || v.MBPerSecond.Median <= 0 || v.CPUSeconds <= 0:
			t.Errorf("%+v", v)
		}
	}
}

func TestPeersRun(t *testing.T) {
	for _, name := range []string{"cp", "rsync", "rsyncd", "rclone", "sftp", "rsync-partial", "rsync-append"} {
		t.Run(name, func(t *testing.T) {
			_, r := bench(t, "-only", name)
			v := r.Variants[0]
			if v.NotMeasured != "" {
				t.Skip(v.NotMeasured)
			}
			if name == "sftp" && strings.Contains(v.Failed, "Missing privilege separation directory") {
				t.Skip(v.Failed) // as root it wants a directory that only its service makes
			}
			if v.Failed != "" || v.Runs != 1 {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestMissingPeersAreSaidAndHowToInstallThem(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, r := bench(t, "-only", "G6,rclone,sftp")
	for _, v := range r.Variants {
		switch v.Name {
		case "cp":
			wantText(t, v.NotMeasured, "cp is not installed (apt-get install coreutils)", "sync is not installed")
		case "rsync":
			wantText(t, v.NotMeasured, "rsync is not installed (apt-get install rsync)")
		case "rclone":
			wantText(t, v.NotMeasured, "rclone is not installed (apt-get install rclone)")
		case "sftp":
			wantText(t, v.NotMeasured, "sftp is not installed (apt-get install openssh-client)")
		}
	}
	if g := r.Goals[0]; g.Name != "G6" || g.Verdict != notMeasured {
		t.Errorf("%+v", g)
	}
}

func wantText(t *testing.T, s string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(s, p) {
			t.Errorf("%q says nothing of %q", s, p)
		}
	}
}

func TestWhatCannotBeUnderstoodIsTrouble(t *testing.T) {
	for _, args := range [][]string{
		{"-only", "G9"}, {"-size", "2GB"}, {"-size", "1MiB"}, {"-rounds", "0"}, {"x"}, {"-dir", "/nowhere"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), args, &stdout, &stderr); code != exitTrouble || stdout.Len() > 0 || stderr.Len() == 0 {
			t.Errorf("%q: exit code %d, %s%s", args, code, &stdout, &stderr)
		}
	}
}

// A -quick that takes longer than it may leaves variants out, and says so.
func TestNoVariantBeginsWhenTheTimeIsOver(t *testing.T) {
	o, err := parse([]string{"-size", "8MiB", "-only", "G2", "-dir", t.TempDir()}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	o.budget = 1
	var progress bytes.Buffer
	r, err := measure(t.Context(), o, &progress)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Variants {
		if v.Runs > 0 || v.NotMeasured != "no time was left for it" {
			t.Errorf("%+v", v)
		}
	}
	if r.missed() || r.Goals[0].Verdict != notMeasured {
		t.Errorf("%+v", r.Goals)
	}
}
