package ha

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The kernel lets nobody create files in /sys, not even root.
func TestDirectoryThatCannotBeWrittenIsAConfigurationError(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	for name, change := range map[string]struct {
		place func(*Config)
		want  string
	}{
		"lock file": {func(c *Config) { c.LockFile = "/sys/agent.lck" }, "the lock file /sys/agent.lck cannot be written"},
		"journals": {func(c *Config) {
			c.LockFile, c.StateDir, c.Transfer.ReadRoots = filepath.Join(t.TempDir(), "agent.lck"), "/sys", []string{t.TempDir()}
		}, "the directory for journals cannot be made"},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.config("SRC")
			change.place(&c)
			if err := start(t, c).ends(); !errors.Is(err, ErrConfig) || ExitCode(err) != 78 || !strings.Contains(err.Error(), change.want) {
				t.Errorf("Run: %v", err)
			}
		})
	}
}

// nobody is a user with no rights of its own.
const nobody = 65534

func TestAgentOfAnotherUserSaysWhichDirectoryItCannotWrite(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to run an agent as another user")
	}
	for name, c := range map[string]struct {
		forLock, forState os.FileMode
		want              string
	}{
		"lock file": {0o755, 0o777, "cannot be written"},
		"journals":  {0o777, 0o755, "the directory for journals cannot be made"},
	} {
		t.Run(name, func(t *testing.T) {
			s, k := servedSite(t)
			open(t, filepath.Dir(s.dir), 0o755) // made by package testing for its own user only
			k.Dir, k.Write, k.User = mkdir(t, s.dir, "state"), mkdir(t, s.dir, "in"), nobody
			k.Lock = filepath.Join(mkdir(t, s.dir, "lock"), "agent.lck")
			open(t, k.Dir, c.forState)
			open(t, k.Write, 0o777)
			open(t, filepath.Dir(k.Lock), c.forLock)
			p := spawn(t, "main", k)
			if code := p.exit(); code != 78 || !strings.Contains(p.stderr.String(), c.want) || !strings.Contains(p.stderr.String(), s.dir) {
				t.Errorf("exit %d; stderr:\n%s", code, p.stderr.String())
			}
		})
	}
}

func open(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
}
