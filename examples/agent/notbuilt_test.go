//go:build !ibmmq || !cgo

package main

import (
	"strings"
	"testing"
)

func TestAgentWithoutTheMQClientSaysHowToBuildItAndExits78(t *testing.T) {
	_, stderr, code := agent(t, "-name", "SRC", "-qm", "QM1", "-state", t.TempDir(), "-read", t.TempDir())
	if code != 78 || !strings.Contains(stderr, "-tags ibmmq") || strings.Contains(stderr, "not shown") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
