package mqtest_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// operator talks to an admin port.
type operator struct {
	*testing.T
	url string
}

func serveAdmin(t *testing.T, qm *mqtest.QueueManager) operator {
	t.Helper()
	port, err := qm.ServeAdmin("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := port.Close(); err != nil {
			t.Error(err)
		}
	})
	return operator{t, port.URL}
}

// ask makes a request, expects a status, and gives the answer as Go has JSON.
func (o operator) ask(method, path, body string, want int) any {
	o.Helper()
	request, err := http.NewRequestWithContext(o.Context(), method, o.url+path, strings.NewReader(body))
	if err != nil {
		o.Fatal(err)
	}
	return o.send(request, want)
}

func (o operator) send(request *http.Request, want int) (answer any) {
	o.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		o.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		o.Fatal(err)
	}
	if response.StatusCode != want {
		o.Errorf("%s %s: status %d, want %d: %s", request.Method, request.URL.Path, response.StatusCode, want, text)
	}
	if err := json.Unmarshal(text, &answer); err != nil && want != http.StatusMethodNotAllowed && want != http.StatusNotFound {
		o.Errorf("%s %s: %q: %v", request.Method, request.URL.Path, text, err)
	}
	return answer
}

// wantJSON compares an answer with JSON text.
func (o operator) wantJSON(got any, text string) {
	o.Helper()
	var want any
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		o.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		o.Errorf("got %v, want %v", got, want)
	}
}

func TestOperatorSeesAndInjects(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: "DEFINE QLOCAL(A)"})
	o := serveAdmin(t, qm)
	o.wantJSON(o.ask("POST", "/mqsc", `{"script":"DEFINE QLOCAL(HELD) DEFSOPT(EXCL) DESCR('x')\nDEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN)"}`, 200),
		`{"ignored":["line 1: DEFINE QLOCAL(HELD) DESCR(x)"]}`)
	local, remote := dial(t, qm.Dialer(), "", false), dial(t, mqtest.TCP{}, serve(t, qm), true)
	put(t, local, "A", "x", false)
	if err := remote.Hold("HELD"); err != nil {
		t.Fatal(err)
	}
	o.wantJSON(o.ask("GET", "/", "", 200), `{"queueManager":"QM1","ended":false,"states":[],"connections":2,"held":1}`)
	o.wantJSON(o.ask("GET", "/queues", "", 200), `[
		{"name":"A","depth":1,"waiting":0,"inputs":0,"outputs":1,"exclusive":false},
		{"name":"HELD","depth":0,"waiting":0,"inputs":1,"outputs":0,"exclusive":true}]`)
	o.wantJSON(o.ask("GET", "/connections", "", 200), `{
		"open":[{"application":"test","user":"mqha","channel":"MQHA.SVRCONN","host":"127.0.0.1","library":"Go client"},
			{"application":"test","user":"mqha","channel":"","host":"","library":"in process"}],
		"counts":[{"application":"test","library":"Go client","open":1,"ever":1},
			{"application":"test","library":"in process","open":1,"ever":1}]}`)

	o.wantJSON(o.ask("POST", "/faults", `{"verb":"MQPUT","queue":"A","skip":1,"reason":2053}`, 200), `{"numbers":[1]}`)
	o.wantJSON(o.ask("POST", "/faults", `{"verb":"MQPUT","times":-1,"delay":"1us"}`, 200), `{"numbers":[2]}`)
	o.ask("POST", "/faults", `{"verb":"MQCMIT","break":"before-work"}`, 200)
	o.ask("POST", "/faults", `{"lose":true,"chance":0.5,"seed":7,"times":-1}`, 200)
	put(t, local, "A", "x", true)
	wantReason(t, local.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}), mqrc.QFull)
	wantReason(t, remote.Commit(), mqrc.ConnectionBroken)
	o.wantJSON(o.ask("GET", "/faults", "", 200), `{
		"injected":[
			{"number":1,"kind":"reason","fault":{"verb":"MQPUT","queue":"A","skip":1,"reason":2053},"calls":2,"struck":1,"spent":true},
			{"number":2,"kind":"delay","fault":{"verb":"MQPUT","times":-1,"delay":"1µs"},"calls":2,"struck":2,"spent":false},
			{"number":3,"kind":"commit-lost","fault":{"verb":"MQCMIT","break":"before-work"},"calls":1,"struck":1,"spent":true},
			{"number":4,"kind":"lose","fault":{"lose":true,"chance":0.5,"seed":7,"times":-1},"calls":0,"struck":0,"spent":false}],
		"struck":{"reason":1,"delay":2,"commit-lost":1}}`)
	o.ask("DELETE", "/faults/2", "", 200)
	if got := qm.Faults(); len(got) != 3 || got[1].Number != 3 {
		t.Errorf("got %+v", got)
	}
	o.wantJSON(o.ask("DELETE", "/faults", "", 200), `{"injected":[],"struck":{"reason":1,"delay":2,"commit-lost":1}}`)
}

// Every fault of the whole queue manager can be begun over HTTP and ended again, and the last one is death.
func TestOperatorStrikesAndRestores(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	o := serveAdmin(t, qm)
	rows, ok := o.ask("GET", "/kinds", "", 200).([]any)
	if !ok || len(rows) != len(mqtest.FaultKinds()) {
		t.Fatalf("got %v", rows)
	}
	for i, row := range mqtest.FaultKinds() {
		if got := rows[i].(map[string]any); got["kind"] != string(row.Kind) || got["effect"] != row.Effect {
			t.Errorf("got %v, want %+v", got, row)
		}
		switch {
		case row.Injected:
			o.ask("POST", "/strike/"+string(row.Kind), "", 400)
		case row.Kind != mqtest.FaultKill:
			o.ask("POST", "/strike/"+string(row.Kind), "", 200)
			if got := qm.States(); slices.Contains(got, row.Kind) != row.Lasts {
				t.Errorf("after %s there are %q", row.Kind, got)
			}
			o.wantJSON(o.ask("POST", "/restore", "", 200), `{"queueManager":"QM1","ended":false,"states":[],"connections":0,"held":0}`)
		}
	}
	o.wantJSON(o.ask("POST", "/strike/kill", "", 200), `{"queueManager":"QM1","ended":true,"states":[],"connections":0,"held":0}`)
	o.ask("POST", "/strike/cut", "", 409)
	o.ask("POST", "/restore", "", 409)
}

func TestOperatorIsToldWhatIsWrong(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	o := serveAdmin(t, qm)
	for _, row := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/faults", `{"verb":"MQPUT"}`, 400, "needs one of"},
		{"POST", "/faults", `{"verb":"MQPUT","reson":2053}`, 400, "reson"},
		{"POST", "/faults", `{"verb":"MQPUT","break":"sideways"}`, 400, "sideways"},
		{"POST", "/faults", `{"verb":"MQPUT","delay":"soon"}`, 400, "soon"},
		{"POST", "/faults", `nonsense`, 400, "request"},
		{"DELETE", "/faults/x", "", 400, "number"},
		{"POST", "/strike/nonsense", "", 400, "nonsense"},
		{"POST", "/mqsc", `{"script":"DEFINE NONSENSE(A)"}`, 400, "line 1"},
		{"POST", "/mqsc", `{"script":"` + strings.Repeat(" ", 17<<20) + `"}`, 400, "too large"},
		{"GET", "/strike/kill", "", 405, ""},
		{"GET", "/nowhere", "", 404, ""},
	} {
		answer := o.ask(row.method, row.path, row.body, row.status)
		text, _ := answer.(map[string]any)
		if message, _ := text["error"].(string); !strings.Contains(message, row.want) {
			t.Errorf("%s %s: got %v, want %q", row.method, row.path, answer, row.want)
		}
	}
	if got := qm.Faults(); len(got) != 0 {
		t.Errorf("injected %+v", got)
	}
}

func TestAdminPortIsForThisMachineAlone(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	for _, address := range []string{":0", "0.0.0.0:0", "192.0.2.1:80", "example.com:80", "[::]:0"} {
		if port, err := qm.ServeAdmin(address); err == nil {
			t.Errorf("it listens on %s", port.URL)
			_ = port.Close()
		}
	}
	o := serveAdmin(t, qm)
	for name, change := range map[string]func(*http.Request){
		"another origin": func(r *http.Request) { r.Header.Set("Origin", "http://example.com") },
		"another name":   func(r *http.Request) { r.Host = "example.com" },
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), "POST", o.url+"/strike/kill", nil)
			if err != nil {
				t.Fatal(err)
			}
			change(request)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusForbidden {
				t.Errorf("status %d", response.StatusCode)
			}
		})
	}
	foreign := httptest.NewRecorder()
	request, err := http.NewRequest("POST", "http://127.0.0.1/strike/kill", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.RemoteAddr = "192.0.2.1:1234"
	qm.Admin().ServeHTTP(foreign, request)
	if foreign.Code != http.StatusForbidden {
		t.Errorf("a client elsewhere got status %d", foreign.Code)
	}
	if got := qm.Struck(); len(got) != 0 {
		t.Errorf("struck %v", got)
	}
}

// A process that is killed over its admin port is gone as by kill -9, and says so.
func TestOperatorKillsTheProcess(t *testing.T) {
	p := start(t, "qmgr", "-admin", "127.0.0.1:0", "-dir", t.TempDir(), "-mqsc", writeDefinitions(t))
	line, err := p.stdout.ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "admin ")
	if err != nil || !ok {
		t.Fatalf("the queue manager wrote %q, %v", line, err)
	}
	line, err = p.stdout.ReadString('\n')
	endpoint, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if err != nil || !ok {
		t.Fatalf("the queue manager wrote %q, %v", line, err)
	}
	c := dial(t, mqtest.TCP{}, endpoint, false)
	put(t, c, "A", "x", true)
	operator{t, url}.ask("POST", "/strike/kill", "", 200)
	wantReason(t, c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}), mqrc.ConnectionBroken)
	p.ended = true
	if err := p.cmd.Wait(); err == nil || p.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
}

func TestProcessRefusesAnOpenAdminPort(t *testing.T) {
	err := mqtest.RunProcess(t.Context(), []string{"-admin", "0.0.0.0:0"}, strings.NewReader(""), io.Discard)
	if err == nil || errors.Is(err, mqtest.ErrKilled) || !strings.Contains(err.Error(), "password") {
		t.Errorf("got %v", err)
	}
}
