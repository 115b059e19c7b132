package need

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// verdict is what a test was told first; a real one ends with it.
type verdict struct {
	testing.TB
	said string
}

func (v *verdict) Helper() {}

func (v *verdict) Skipf(format string, args ...any) {
	v.say("skipped: ", format, args)
}

func (v *verdict) Fatalf(format string, args ...any) {
	v.say("failed: ", format, args)
}

func (v *verdict) say(what, format string, args []any) {
	if v.said == "" {
		v.said = what + fmt.Sprintf(format, args...)
	}
}

func TestWhatIsMissingSkipsByNameAndFailsWhereEverythingIsThere(t *testing.T) {
	for setting, want := range map[string]string{
		"":  "skipped: no-such-program is not installed: package nowhere",
		"1": "failed: MQHA_CI=1, but: no-such-program is not installed: package nowhere",
	} {
		t.Setenv(everything, setting)
		v := &verdict{TB: t}
		if Program(v, "no-such-program", "nowhere"); v.said != want {
			t.Errorf("MQHA_CI=%s: %q", setting, v.said)
		}
	}
}

func TestWhatIsThereIsUsed(t *testing.T) {
	t.Setenv(everything, "1")
	v := &verdict{TB: t}
	if path := Program(v, "go", "golang"); v.said != "" || !strings.HasSuffix(strings.TrimSuffix(path, ".exe"), "go") {
		t.Errorf("%q, %q", path, v.said)
	}
	Root(v, "mounts")
	if refused := v.said != ""; refused == (os.Geteuid() == 0) {
		t.Errorf("user %d: %q", os.Geteuid(), v.said)
	}
}
