//go:build ibmmq && cgo

package ibmmq

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/mqconn/mqtest/conformance"
)

// processVariable makes this test binary a queue manager.
const processVariable = "MQHA_TEST_IBMMQ_IS_QMGR"

func beQueueManager() {
	if os.Getenv(processVariable) == "" {
		return
	}
	if err := mqtest.RunProcess(context.Background(), os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "queue manager:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// startApart starts a queue manager in a process of its own, whose allocations are not counted with ours.
func startApart(tb testing.TB) (d mqconn.Dialer, endpoint string) {
	tb.Helper()
	script := filepath.Join(tb.TempDir(), "definitions.mqsc")
	must(tb, os.WriteFile(script, []byte(conformance.Definitions), 0o600))
	self, err := os.Executable()
	must(tb, err)
	cmd := exec.Command(self, "-mqsc", script)
	cmd.Env = append(os.Environ(), processVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(tb, err)
	out, err := cmd.StdoutPipe()
	must(tb, err)
	must(tb, cmd.Start())
	tb.Cleanup(func() {
		_ = in.Close() // which ends it
		if err := cmd.Wait(); err != nil {
			tb.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if err != nil || !ok {
		tb.Fatalf("the queue manager wrote %q, %v", line, err)
	}
	d, err = New(Options{Channel: mqtest.DefaultChannel, User: "mqha", Password: "secret"})
	must(tb, err)
	return d, address
}
