package ocf

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/resource"
	"go.uber.org/goleak"
)

// agentName is what a copy of the test binary is called to be the agent.
const agentName = "test-agent"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == agentName {
		Main(testMetadata, testProgram)
	}
	goleak.VerifyTestMain(m)
}

var testMetadata = Metadata{
	Name: "test", Short: "a service <for tests>", Long: "It does & nothing.",
	Parameters: []Parameter{
		{Name: "state", Required: true, Unique: true, Short: "directory", Long: "where it looks what to do"},
		{Name: "count", Kind: Integer, Default: "1", Short: "a number", Long: "a number"},
		{Name: "fast", Kind: Boolean, Short: "yes or no", Long: "yes or no"},
		{Name: "grace", Kind: Duration, Default: "10s", Short: "a time", Long: "a time"},
	},
	Start: 20 * time.Second, Stop: 20 * time.Second,
	Code: func(err error) Code {
		if errors.Is(err, errConfig) {
			return Configured
		}
		return Success
	},
}

var errConfig = errors.New("the configuration is wrong")

// testProgram waits for a lock, is ready, and ends when it is told to. Files in its directory say what
// else it does; "late" and "quits" are named pipes, which let it end when somebody has opened them for writing and
// closed them: when it is told to, and by itself.
func testProgram(v Values) (resource.Program, error) {
	dir := v.Text("state")
	has := func(name string) bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }
	if has("not installed") {
		return resource.Program{}, Errorf(Installed, "no such service here")
	}
	if !filepath.IsAbs(dir) {
		return resource.Program{}, errors.New("state must be absolute")
	}
	if len(os.Args) == 2 && os.Args[1] == daemonAction {
		if err := beforeTheLock(dir); err != nil {
			return resource.Program{}, err
		}
	}
	return resource.Program{Name: "test service", Run: func(ctx context.Context, n resource.Notifier) error {
		switch {
		case has("wrong"):
			return errConfig
		case has("panic"):
			panic("as asked")
		case has("deaf in the start"):
			time.Sleep(time.Hour)
		}
		if err := os.WriteFile(filepath.Join(dir, "ran"), nil, 0o600); err != nil {
			return err
		}
		if has("talks") {
			if err := talk(); err != nil {
				return err
			}
		}
		n.Healthy(func(ctx context.Context) error {
			if err := os.WriteFile(filepath.Join(dir, "asked"), nil, 0o600); err != nil {
				return err
			}
			if has("deaf") {
				<-ctx.Done()
			}
			if has("ill") {
				return errors.New("ill")
			}
			return nil
		})
		n.Progress("waits for the lock", time.Second)
		lease, err := lockfile.Acquire(ctx, filepath.Join(dir, "lock"), lockfile.Options{Poll: 10 * time.Millisecond})
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		n.Ready()
		if has("quits") { // asked by name: it may be short of descriptors from here on
			_, err := os.ReadFile(filepath.Join(dir, "quits"))
			return errors.Join(errors.New("it quits"), err)
		}
		<-ctx.Done()
		n.Progress("stops", time.Second)
		if has("stubborn") {
			time.Sleep(time.Hour)
		}
		if has("late") {
			if _, err := os.ReadFile(filepath.Join(dir, "late")); err != nil {
				return err
			}
		}
		if has("talks") {
			if err := talk(); err != nil {
				return err
			}
		}
		return lease.Release(context.Background())
	}}, nil
}

// beforeTheLock is what a daemon does before it has its lock. A file "early" is a named pipe, which lets it go
// on when somebody has opened it for writing and closed it.
func beforeTheLock(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "pid"), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "dies early")); err == nil {
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		if err := self.Kill(); err != nil {
			return err
		}
	}
	_, err := os.ReadFile(filepath.Join(dir, "early"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// talk writes 3 MiB as a library would, past package os, and as much through a process of its own.
func talk() error {
	const text = "0123456789abcde\n"
	child := exec.Command("cat")
	child.Stdin, child.Stdout = strings.NewReader(strings.Repeat(text, 3<<20/len(text))), os.Stdout
	if err := child.Run(); err != nil {
		return err
	}
	for range 3 << 20 / (4 << 10) {
		if _, err := syscall.Write(2, []byte(strings.Repeat(text, 4<<10/len(text)))); err != nil {
			return err
		}
	}
	return nil
}

func TestMetadataIsWellFormedAndEscaped(t *testing.T) {
	var out, stderr bytes.Buffer
	if code := act(testMetadata.withDefaults(), testProgram, []string{"meta-data"}, os.Getenv, &out, &stderr); code != Success {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	var d document
	if err := xml.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Name != "test" || d.Short.Text != testMetadata.Short || len(d.Parameters) != 4 || len(d.Actions) != 6 {
		t.Errorf("%+v", d)
	}
	if p := d.Parameters[3]; p.Content.Type != "time" || p.Content.Default != "10s" || p.Required != 0 {
		t.Errorf("%+v", p)
	}
	if m := d.Actions[3]; m.Name != "monitor" || m.Depth != "10" || m.Interval != "60s" || m.Timeout != "30s" {
		t.Errorf("%+v", m)
	}
}

func TestExitCodesBeforeAnythingRuns(t *testing.T) {
	good := t.TempDir()
	elsewhere := t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, "not installed"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		args   string
		env    map[string]string
		code   Code
		stderr string
	}{
		{"", nil, Args, "usage"},
		{"start stop", nil, Args, "usage"},
		{"promote", nil, Unimplemented, "no such action"},
		{"validate-all", map[string]string{"OCF_RESOURCE_INSTANCE": ""}, Args, "OCF_RESOURCE_INSTANCE"},
		{"validate-all", nil, Configured, "state is required"},
		{"validate-all", map[string]string{"OCF_RESKEY_state": "relative"}, Configured, "must be absolute"},
		{"validate-all", map[string]string{"OCF_RESKEY_state": good, "OCF_RESKEY_count": "many"}, Configured, "count"},
		{"validate-all", map[string]string{"OCF_RESKEY_state": good, "OCF_RESKEY_fast": "perhaps"}, Configured, "fast"},
		{"validate-all", map[string]string{"OCF_RESKEY_state": good, "OCF_RESKEY_grace": "soon"}, Configured, "grace"},
		{"validate-all", map[string]string{"OCF_RESKEY_state": elsewhere}, Installed, "no such service"},
		{"validate-all", map[string]string{"OCF_RESKEY_state": good, "OCF_RESOURCE_INSTANCE": strings.Repeat("r", 108)}, Configured, "107 bytes"},
		{"start", map[string]string{"OCF_RESKEY_state": good, "OCF_RESOURCE_INSTANCE": strings.Repeat("r", 108)}, Configured, "107 bytes"},
		{"start", map[string]string{"OCF_RESKEY_state": "relative"}, Configured, "must be absolute"},
		{"validate-all", map[string]string{"OCF_RESKEY_state": good, "OCF_RESKEY_fast": "yes", "OCF_RESKEY_grace": "2min"}, Success, ""},
	} {
		var out, stderr bytes.Buffer
		getenv := func(name string) string {
			if value, ok := row.env[name]; ok {
				return value
			}
			return map[string]string{"OCF_RESOURCE_INSTANCE": "r", "HA_RSCTMP": good}[name]
		}
		code := act(testMetadata.withDefaults(), testProgram, strings.Fields(row.args), getenv, &out, &stderr)
		if code != row.code || !strings.Contains(stderr.String(), row.stderr) || out.Len() > 0 {
			t.Errorf("%s %v: exit %d, want %d: %s%s", row.args, row.env, code, row.code, stderr.String(), out.String())
		}
	}
}

// The instance a:1 of a clone and a resource a_1 took each other's daemon for their own.
func TestTwoResourcesNeverShareADirectory(t *testing.T) {
	seen := map[string]string{}
	for _, instance := range []string{"a", "a:1", "a_1", "a:0", "a-1"} {
		dir := newMeeting(testMetadata, Values{Instance: instance}, func(string) string { return "/run" }).dir
		if filepath.Dir(dir) != "/run" || seen[dir] != "" {
			t.Errorf("%s and %s: %s", instance, seen[dir], dir)
		}
		seen[dir] = instance
	}
}

func TestValuesAreReadAsTheirKind(t *testing.T) {
	env := map[string]string{"OCF_RESOURCE_INSTANCE": "r", "OCF_RESKEY_state": "/s", "OCF_RESKEY_count": "7", "OCF_RESKEY_fast": "On"}
	v, err := testMetadata.values(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	if v.Text("state") != "/s" || v.Integer("count") != 7 || !v.Boolean("fast") || v.Duration("grace") != 10*time.Second || v.Instance != "r" {
		t.Errorf("%+v", v)
	}
	if v.Text("other") != "" || v.Integer("other") != 0 || v.Boolean("other") || v.Duration("other") != 0 {
		t.Error("a parameter that is not there has a value")
	}
}

func TestTimesAreThoseOfPacemaker(t *testing.T) {
	for text, want := range map[string]time.Duration{"90": 90 * time.Second, "90s": 90 * time.Second, "2min": 2 * time.Minute,
		"500ms": 500 * time.Millisecond, "1h": time.Hour, "0": 0, "7 s": 7 * time.Second} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "s", "-1s", "1.5s", "9223372036854775807h", "1parsec"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func FuzzTime(f *testing.F) {
	f.Add("2min")
	f.Add("9223372036854775807us")
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := parseDuration(s); err == nil && d < 0 {
			t.Errorf("%q is %v", s, d)
		}
	})
}
