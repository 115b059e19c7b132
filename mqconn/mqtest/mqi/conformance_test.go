//go:build conformance

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn/mqtest"
)

const jmsModule = "github.com/ibm-messaging/mq-golang-jms20"

// What mq-golang-jms20 v1.13.1 and ibmmq v5.7.1 have of tests. A test that leaves early, or is not
// run at all, must not pass for one that has passed.
const (
	jmsTests   = 81
	ibmmqTests = 8
)

// The queues and channels that the suite of mq-golang-jms20 asks for in its comments.
const suiteDefinitions = `
DEFINE QLOCAL(DEV.QUEUE.1)
DEFINE QLOCAL(DEV.QUEUE.2)
DEFINE QLOCAL(DEV.MAXDEPTH25) MAXDEPTH(25)
DEFINE CHANNEL(DEV.APP.SVRCONN) CHLTYPE(SVRCONN) HBINT(5)
DEFINE CHANNEL(TLS.ANON.SVRCONN) CHLTYPE(SVRCONN) HBINT(5) SSLCIPH(ANY_TLS12) SSLCAUTH(OPTIONAL)
DEFINE CHANNEL(TLS.MUTUAL.SVRCONN) CHLTYPE(SVRCONN) HBINT(5) SSLCIPH(ANY_TLS12) SSLCAUTH(REQUIRED)
`

// suiteLatency makes what the suite compares in milliseconds, puts with and without waiting for an answer, differ.
const suiteLatency = 2 * time.Millisecond

// mq-golang-jms20's own tests, in the order of its files, pass on the double: unchanged but for the place where one of
// them looks whether there is a local queue manager.
func TestSuiteOfMQGolangJMS20Passes(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{
		Name: "QM1", MQSC: suiteDefinitions, Users: map[string]string{"app": "passw0rd"}, Latency: suiteLatency,
	})
	l := listen(t)
	if err := qm.Serve(l); err != nil {
		t.Fatal(err)
	}
	environment := buildEnvironment(t, l.Addr())
	home := suiteHome(t, l.Addr())
	dir := copyModule(t, jmsModule)
	redirectLocalBindings(t, dir, filepath.Join(home, "mqs.ini"))
	goIn(t, dir, nil, "mod", "edit", "-require", golangModule+"@"+versionOf(t, golangModule))
	goIn(t, dir, nil, "mod", "tidy")

	// A collection between the creation of a message and its Send deletes the message's handle (2460): the finalizer is
	// set on a copy (mqjms.setMessageHandlerFinalizer). The suite is to judge the double, not when garbage is collected.
	results := runTests(t, dir, append(environment, "HOME="+home), "-exec", "env GOGC=off", ".")
	wantPassed(t, results, jmsTests)
	if connections, _ := qm.Handles(); connections != 0 {
		t.Errorf("%d connections left", connections)
	}
}

func TestSuiteOfIBMMQPasses(t *testing.T) {
	dir, err := moduleDir(golangModule)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	defer l.Close()
	wantPassed(t, runTests(t, dir, buildEnvironment(t, l.Addr()), "./ibmmq"), ibmmqTests)
}

// buildEnvironment is that of the command, but with the caches of this process, whatever HOME becomes.
func buildEnvironment(t *testing.T, address net.Addr) []string {
	t.Helper()
	library, err := build(t.TempDir())
	if err != nil {
		t.Fatal(err) // not skipped: whoever asks for conformance wants to know
	}
	environment, err := settings{queueManager: "QM1", channel: "DEV.APP.SVRCONN"}.environment(library, address)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB"} {
		value, err := goCommand("env", name)
		if err != nil {
			t.Fatal(err)
		}
		environment = append(environment, name+"="+value)
	}
	return environment
}

// suiteHome is a home directory with the two files from which the suite reads where and as whom to connect.
func suiteHome(t *testing.T, address net.Addr) string {
	t.Helper()
	home := t.TempDir()
	tcp := address.(*net.TCPAddr)
	for name, text := range map[string]string{
		"mqs.ini": "",
		"Downloads/connection_info.json": fmt.Sprintf(
			`{"queueManagerName":"QM1","hostname":%q,"listenerPort":%d,"applicationChannelName":"DEV.APP.SVRCONN","applicationName":"suite"}`,
			tcp.IP, tcp.Port),
		"Downloads/applicationApiKey.json": `{"mqUsername":"app","apiKey":"passw0rd"}`,
	} {
		writeFile(t, filepath.Join(home, name), []byte(text))
	}
	return home
}

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// copyModule copies a module from the module cache, which is read-only.
func copyModule(t *testing.T, module string) string {
	t.Helper()
	from, err := moduleDir(module)
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	err = filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil {
			relative, _ := filepath.Rel(from, path)
			writeFile(t, filepath.Join(to, relative), text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// redirectLocalBindings makes TestLocalBindingsConnect look for mqs.ini in our directory: where it is missing, the
// test leaves early and passes without having connected.
func redirectLocalBindings(t *testing.T, dir, file string) {
	t.Helper()
	path := filepath.Join(dir, "local_bindings_test.go")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const installed = `"/var/mqm/mqs.ini"`
	if n := bytes.Count(text, []byte(installed)); n != 1 {
		t.Fatalf("%s names mqs.ini %d times", path, n)
	}
	writeFile(t, path, bytes.Replace(text, []byte(installed), fmt.Appendf(nil, "%q", file), 1))
}

func versionOf(t *testing.T, module string) string {
	t.Helper()
	version, err := goCommand("list", "-m", "-f", "{{.Version}}", module)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func goIn(t *testing.T, dir string, environment []string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append(environment, "GOFLAGS=-mod=mod", "GOWORK=off")...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil && args[0] != "test" {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, problems.Bytes())
	}
	return append(out, problems.Bytes()...)
}

// outcome is what became of one test, and what it wrote.
type outcome struct {
	action string
	output strings.Builder
}

// runTests gives the outcome of each top-level test.
func runTests(t *testing.T, dir string, environment []string, args ...string) map[string]*outcome {
	t.Helper()
	if dir == "" {
		t.Fatal("no module")
	}
	out := goIn(t, dir, environment, append([]string{"test", "-json", "-count=1", "-timeout=3m"}, args...)...)
	results := make(map[string]*outcome)
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var event struct{ Action, Test, Output string }
		if err := d.Decode(&event); err == io.EOF {
			return results
		} else if err != nil {
			t.Fatalf("%v in what go test wrote:\n%s", err, out)
		}
		name, _, sub := strings.Cut(event.Test, "/")
		if results[name] == nil {
			results[name] = new(outcome)
		}
		results[name].output.WriteString(event.Output)
		if !sub && (event.Action == "pass" || event.Action == "fail" || event.Action == "skip") {
			results[name].action = event.Action
		}
	}
}

func wantPassed(t *testing.T, results map[string]*outcome, want int) {
	t.Helper()
	passed := 0
	for _, name := range slices.Sorted(maps.Keys(results)) {
		o := results[name]
		switch {
		case name == "": // the package
		case o.action != "pass":
			t.Errorf("%s: %s\n%s", name, o.action, o.output.String())
		case strings.Contains(o.output.String(), "Skipping "): // its own way to leave early and pass
			t.Errorf("%s left early:\n%s", name, o.output.String())
		default:
			passed++
		}
	}
	if passed != want {
		t.Errorf("%d of %d tests have passed", passed, want)
		if o := results[""]; o != nil {
			t.Log(o.output.String())
		}
	}
}
