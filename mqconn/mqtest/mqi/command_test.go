package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// roleVariable makes the test binary the command that mqi runs.
const roleVariable = "MQI_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		goleak.VerifyTestMain(m)
	case "killed":
		p, _ := os.FindProcess(os.Getpid())
		_ = p.Kill()
		select {}
	default:
		os.Exit(reportEnvironment())
	}
}

// reportEnvironment exits with 7 if everything is there that mqi promises its command.
func reportEnvironment() int {
	t := mqtest.TCP{QueueManager: os.Getenv("MQHA_TEST_QMGR"), Channel: os.Getenv("MQHA_TEST_CHANNEL"), User: os.Getenv("MQHA_TEST_USER")}
	c, err := t.Dial(context.Background(), mqconn.DialOptions{Endpoint: os.Getenv("MQHA_TEST_ENDPOINT"), Role: "test"})
	if err != nil {
		return 3
	}
	for _, queue := range []string{"ONE", "TWO", "THREE"} {
		if err := c.Put(mqconn.Address{Queue: queue}, &mqconn.Message{}); err != nil {
			return 4
		}
	}
	admin, err := http.Get(os.Getenv("MQHA_TEST_ADMIN") + "/queues")
	if err != nil || admin.StatusCode != http.StatusOK {
		return 9
	}
	server := strings.Replace(os.Getenv("MQSERVER"), "(", ":", 1)
	switch {
	case c.Close() != nil:
		return 5
	case server != "CH/TCP/"+os.Getenv("MQHA_TEST_ENDPOINT")+")" || os.Getenv("MQHA_TEST_PASSWORD") != "secret":
		return 6
	case strings.Count(os.Getenv("CGO_CFLAGS"), definition) != 1 || !strings.Contains(os.Getenv("CGO_CFLAGS"), "-O1"):
		return 10
	case os.Getenv("CGO_ENABLED") != "1" || !strings.Contains(os.Getenv("CGO_CFLAGS"), "-I") || !strings.Contains(os.Getenv("CGO_LDFLAGS"), "-L"):
		return 8
	}
	return 7
}

// needCompiler skips where the double cannot be built: TestWithoutCompilerItSaysSo is about that.
func needCompiler(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the double is not written for Windows")
	}
	if _, err := compiler(); errors.Is(err, errNoCompiler) {
		t.Skip(err)
	}
}

func TestCommandFindsItsQueueManagerAndItsExitCodeIsOurs(t *testing.T) {
	needCompiler(t)
	t.Setenv(roleVariable, "report")
	t.Setenv("CGO_CFLAGS", "-O1 "+definition+"0x1") // mqi was started by a command of mqi
	script := t.TempDir() + "/more.mqsc"
	if err := os.WriteFile(script, []byte("DEFINE QLOCAL(THREE)"), 0o600); err != nil {
		t.Fatal(err)
	}
	var messages bytes.Buffer
	code := run([]string{"-qmgr", "QX", "-channel", "CH", "-queues", "ONE,TWO", "-user", "app:secret", "-mqsc", script,
		"-admin", "127.0.0.1:0", "--", os.Args[0]}, &messages)
	if code != 7 || messages.Len() > 0 {
		t.Errorf("exit code %d, %s", code, messages.String())
	}
}

func TestKilledCommandGivesTheCodeOfAShell(t *testing.T) {
	needCompiler(t)
	t.Setenv(roleVariable, "killed")
	if code := run([]string{"--", os.Args[0]}, os.Stderr); code != 128+9 {
		t.Errorf("exit code %d", code)
	}
}

func TestWithoutCompilerItSaysSo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the double is not written for Windows")
	}
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CC", "")
	var messages bytes.Buffer
	if code := run([]string{"--", "true"}, &messages); code != exitUsage || !strings.Contains(messages.String(), "no C compiler") {
		t.Errorf("exit code %d, %s", code, messages.String())
	}
}

func TestWithoutCommandItSaysHowToUseIt(t *testing.T) {
	for _, args := range [][]string{nil, {"-qmgr", "Q"}, {"-nonsense"}} {
		var messages bytes.Buffer
		if code := run(args, &messages); code != exitUsage || !strings.Contains(messages.String(), "usage: mqi") {
			t.Errorf("%q: exit code %d, %s", args, code, messages.String())
		}
	}
}

func TestUnknownCommandIsNotAnExitCodeOfACommand(t *testing.T) {
	needCompiler(t)
	var messages bytes.Buffer
	if code := run([]string{"--", "./no-such-command"}, &messages); code != exitUsage || messages.Len() == 0 {
		t.Errorf("exit code %d, %s", code, messages.String())
	}
}
