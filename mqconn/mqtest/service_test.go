package mqtest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn/mqtest"
)

// serveRole is a service: it says who it is and whom it serves, and stays until its file is removed.
func serveRole(args []string) error {
	text := strings.Join(args, "|") + "|" + strconv.Itoa(os.Getpid())
	if err := os.WriteFile(args[0]+".new", []byte(text), 0o600); err != nil {
		return err
	}
	if err := os.Rename(args[0]+".new", args[0]); err != nil {
		return err
	}
	if _, err := os.Stdout.WriteString("served\n"); err != nil {
		return err
	}
	for {
		if _, err := os.Stat(args[0]); err != nil {
			return nil
		}
		yield()
	}
}

// stopRole ends a service; it notes what it was told.
func stopRole(args []string) error {
	if err := os.WriteFile(args[0]+".stop", []byte(strings.Join(args[1:], "|")), 0o600); err != nil {
		return err
	}
	return os.Remove(args[0])
}

func TestServicesStartAndStopWithTheQueueManager(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	t.Setenv(roleVariable, "by first argument")
	define := func(name, control, kind string) string {
		return "DEFINE SERVICE(" + name + ") CONTROL(" + control + ") SERVTYPE(" + kind + ") +\n" +
			" STARTCMD('" + os.Args[0] + "') STARTARG('serve " + file(name) + " \"two words\" +QMNAME+') +\n" +
			" STOPCMD('" + os.Args[0] + "') STOPARG('unserve " + file(name) + " +MQ_SERVER_PID+') STDOUT('" + file(name+".out") + "')\n"
	}
	qm, err := mqtest.Start(mqtest.Options{MQSC: define("WITH", "QMGR", "SERVER") + define("AFTER", "STARTONLY", "SERVER") +
		define("MANUAL", "MANUAL", "SERVER") + "DEFINE SERVICE(BAD) CONTROL(QMGR) STARTCMD('" + file("no such program") + "')\n"})
	if err != nil {
		t.Fatal(err)
	}
	state := func(name string) mqtest.ServiceStatus {
		for _, s := range qm.Services() {
			if s.Name == name {
				return s
			}
		}
		t.Fatalf("no service %s", name)
		return mqtest.ServiceStatus{}
	}
	if s := state("WITH"); s.Running || s.PID != 0 {
		t.Errorf("started before the queue manager serves: %+v", s)
	}
	serve(t, qm)
	for _, name := range []string{"WITH", "AFTER"} {
		want := file(name) + "|two words|QM1|" + strconv.Itoa(state(name).PID)
		if got := awaitFile(t, file(name)); got != want || !state(name).Running {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	serve(t, qm) // a second listener starts nothing
	if s := state("BAD"); !errors.Is(s.Err, mqtest.ErrService) || !strings.Contains(s.Err.Error(), "BAD") {
		t.Errorf("a service that cannot be started: %v", s.Err)
	}
	if s := state("MANUAL"); s.Running {
		t.Errorf("nobody has started it: %+v", s)
	}
	if err := qm.MQSC("START SERVICE(WITH)"); !errors.Is(err, mqtest.ErrService) {
		t.Errorf("a second instance of a server: %v", err)
	}
	if err := qm.MQSC("START SERVICE(MANUAL)"); err != nil {
		t.Fatal(err)
	}
	awaitFile(t, file("MANUAL"))
	if err := qm.MQSC("STOP SERVICE(MANUAL)"); err != nil || state("MANUAL").Running {
		t.Errorf("%v, %+v", err, state("MANUAL"))
	}
	pid := strconv.Itoa(state("WITH").PID)
	if err := qm.Close(); err != nil {
		t.Fatal(err)
	}
	if got := awaitFile(t, file("WITH.stop")); got != pid || state("WITH").Running {
		t.Errorf("stopped %q, want %s; %+v", got, pid, state("WITH"))
	}
	if !state("AFTER").Running {
		t.Error("CONTROL(STARTONLY) was stopped")
	}
	if got := awaitFile(t, file("AFTER.out")); got != "served\n" {
		t.Errorf("standard output: %q", got)
	}
	if err := os.Remove(file("AFTER")); err != nil {
		t.Fatal(err)
	}
	for state("AFTER").Running {
		yield()
	}
}

func awaitFile(t *testing.T, path string) string {
	t.Helper()
	for {
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			return string(b)
		}
		yield()
	}
}

// The child process serves first, so that its service finds it, and stops the service when its standard input is closed;
// one that is killed leaves it.
func TestServiceOfAQueueManagerProcess(t *testing.T) {
	for _, kill := range []bool{false, true} {
		dir := t.TempDir()
		file := filepath.Join(dir, "service")
		script := filepath.Join(dir, "service.mqsc")
		text := "DEFINE SERVICE(S) CONTROL(QMGR) SERVTYPE(SERVER) STARTCMD('/usr/bin/env') " +
			"STARTARG('" + roleVariable + "=x " + os.Args[0] + " serve " + file + "') STOPCMD('/usr/bin/env') " +
			"STOPARG('" + roleVariable + "=x " + os.Args[0] + " unserve " + file + "')\n" +
			"DEFINE SERVICE(BAD) CONTROL(QMGR) STARTCMD('/no/such/program')\n"
		if _, err := os.Stat("/usr/bin/env"); err != nil {
			t.Skip("no /usr/bin/env here to give the service its own environment")
		}
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, _ := startQueueManager(t, "-mqsc", script)
		if line, err := p.stdout.ReadString('\n'); err != nil || !strings.Contains(line, "service BAD: ") {
			t.Errorf("of a service that cannot start it says %q, %v", line, err)
		}
		awaitFile(t, file)
		if kill {
			p.kill()
			if _, err := os.Stat(file + ".stop"); err == nil {
				t.Error("a killed queue manager has stopped its service")
			}
			if err := os.Remove(file); err != nil { // ends it
				t.Fatal(err)
			}
			continue
		}
		if err := p.stdin.Close(); err != nil {
			t.Fatal(err)
		}
		p.ended = true
		if err := p.cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(file); err == nil {
			t.Error("the service was not stopped")
		}
	}
}
