//go:build linux && (!ibmmq || !cgo)

package main

import (
	"strings"
	"testing"
)

func TestAgentWithoutTheMQClientIsNotInstalled(t *testing.T) {
	exe, state := install(t)
	if out, code := call(t, exe, state, "meta-data"); code != 0 || !strings.Contains(out, `<resource-agent name="agent"`) {
		t.Errorf("meta-data: exit %d: %s", code, out)
	}
	for _, action := range []string{"validate-all", "start"} {
		if out, code := call(t, exe, state, action); code != 5 || !strings.Contains(out, "-tags ibmmq") {
			t.Errorf("%s: exit %d: %s", action, code, out)
		}
	}
	if out, code := call(t, exe, state, "monitor"); code != 7 {
		t.Errorf("monitor: exit %d: %s", code, out)
	}
	if out, code := call(t, exe, state, "stop"); code != 0 {
		t.Errorf("stop: exit %d: %s", code, out)
	}
}
