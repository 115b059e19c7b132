package ha

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/mqha/mqha/transfer"
)

// memory is a mover that keeps requests in memory.
type memory struct {
	requests map[transfer.ID]transfer.Request
	err      error
	format   int
}

func (m *memory) Submit(_ context.Context, r transfer.Request) (transfer.ID, error) {
	if m.err == nil {
		m.requests[r.ID] = r
	}
	return r.ID, m.err
}

func (m *memory) Status(id transfer.ID) (transfer.Status, error) {
	r, ok := m.requests[id]
	if !ok {
		return transfer.Status{}, transfer.ErrUnknown
	}
	return transfer.Status{ID: id, Peer: r.To}, nil
}

func (m *memory) Cancel(_ context.Context, id transfer.ID) error {
	if m.err != nil {
		return m.err
	}
	if _, ok := m.requests[id]; !ok {
		return transfer.ErrUnknown
	}
	delete(m.requests, id)
	return nil
}

func (m *memory) Finalise(context.Context) error {
	if m.err == nil {
		m.format = transfer.NewestFormat
	}
	return m.err
}

func (m *memory) Format() int { return m.format }

func newResponder() (*responder, *memory) {
	m := &memory{requests: map[transfer.ID]transfer.Request{}}
	return &responder{agent: "SRC", instance: "i1", epoch: 7, engine: m}, m
}

func ask(t *testing.T, r *responder, c any) (reply, StopMode) {
	t.Helper()
	body, ok := c.(string)
	if !ok {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		body = string(b)
	}
	a, stop, err := r.answer(context.Background(), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if a.Version != commandVersion || a.Agent != "SRC" || a.Instance != "i1" || a.Epoch != 7 {
		t.Errorf("the answer does not say who gave it: %+v", a)
	}
	return a, stop
}

func TestWhatIsNotACommandIsRefusedWithASentence(t *testing.T) {
	r, _ := newResponder()
	id := transfer.NewID()
	for _, row := range []struct {
		what    string
		body    any
		refusal Refusal
		says    string
	}{
		{"not JSON", "PING", RefusedMalformed, "JSON"},
		{"empty", "", RefusedMalformed, "JSON"},
		{"null", "null", RefusedMalformed, "version"},
		{"no version", `{"command":"ping","agent":"SRC"}`, RefusedMalformed, "version"},
		{"another version", `{"version":2,"command":["another","shape"]}`, RefusedVersion, "version 2"},
		{"wrong shape", `{"version":1,"command":7}`, RefusedMalformed, "malformed"},
		{"unknown command", command{Version: 1, Command: "dance", Agent: "SRC"}, RefusedMalformed, `"dance"`},
		{"another agent", command{Version: 1, Command: pingCommand, Agent: "DST"}, RefusedAgent, `"DST"`},
		{"submit without request", command{Version: 1, Command: submitCommand, Agent: "SRC"}, RefusedMalformed, "id"},
		{"submit without id", command{Version: 1, Command: submitCommand, Agent: "SRC", Request: &transfer.Request{To: "DST"}}, RefusedMalformed, "id"},
		{"status without transfer", command{Version: 1, Command: statusCommand, Agent: "SRC"}, RefusedMalformed, "transfer"},
		{"status of an unknown one", command{Version: 1, Command: statusCommand, Agent: "SRC", Transfer: &id}, RefusedUnknown, id.String()},
		{"stop without instance", command{Version: 1, Command: stopCommand, Agent: "SRC", Mode: Controlled}, RefusedMalformed, "instance"},
		{"stop without mode", command{Version: 1, Command: stopCommand, Agent: "SRC", Instance: "i1"}, RefusedMalformed, "mode"},
	} {
		a, stop := ask(t, r, row.body)
		if a.Refusal != row.refusal || !strings.Contains(a.Text, row.says) || stop != "" {
			t.Errorf("%s: got refusal %q, text %q, stop %q", row.what, a.Refusal, a.Text, stop)
		}
	}
}

func TestRepeatedSubmitIsHarmless(t *testing.T) {
	r, m := newResponder()
	c := command{Version: 1, Command: submitCommand, Agent: "SRC", Request: &transfer.Request{ID: transfer.NewID(), To: "DST"}}
	for range 2 {
		if a, _ := ask(t, r, c); a.Refusal != "" || a.Transfer == nil || *a.Transfer != c.Request.ID {
			t.Fatalf("answer: %+v", a)
		}
	}
	if len(m.requests) != 1 {
		t.Errorf("%d transfers", len(m.requests))
	}
	if a, _ := ask(t, r, command{Version: 1, Command: statusCommand, Agent: "SRC", Transfer: &c.Request.ID}); a.Status == nil || a.Status.Peer != "DST" {
		t.Errorf("status: %+v", a)
	}
}

func TestBadRequestIsRefusedAndTroubleIsNot(t *testing.T) {
	r, m := newResponder()
	c := command{Version: 1, Command: submitCommand, Agent: "SRC", Request: &transfer.Request{ID: transfer.NewID(), To: "DST"}}
	m.err = &transfer.RequestError{Reason: "no such directory"}
	if a, _ := ask(t, r, c); a.Refusal != RefusedTransfer || !strings.Contains(a.Text, "no such directory") {
		t.Errorf("answer: %+v", a)
	}
	m.err = &transfer.FormatError{What: "a move", Needed: 2, Written: 1}
	if a, _ := ask(t, r, c); a.Refusal != RefusedFormat || !strings.Contains(a.Text, "finalise") {
		t.Errorf("answer: %+v", a)
	}
	m.err = transfer.ErrDurability
	body, _ := json.Marshal(c)
	if _, _, err := r.answer(context.Background(), body); !errors.Is(err, transfer.ErrDurability) {
		t.Errorf("got %v: a command that could not be made durable must stay on its queue", err)
	}
}

func TestStopNamesTheInstance(t *testing.T) {
	r, _ := newResponder()
	c := command{Version: 1, Command: stopCommand, Agent: "SRC", Instance: "i0", Mode: Immediate}
	if a, stop := ask(t, r, c); stop != "" || a.Refusal != RefusedInstance || !strings.Contains(a.Text, "i1 is, and goes on") {
		t.Errorf("late stop: %q, %+v", stop, a)
	}
	c.Instance = "i1"
	if a, stop := ask(t, r, c); stop != Immediate || a.Refusal != "" {
		t.Errorf("stop: %q, %+v", stop, a)
	}
}

func FuzzAnswerNeverPanics(f *testing.F) {
	f.Add([]byte(`{"version":1,"command":"stop","agent":"SRC","instance":"i1","mode":"controlled"}`))
	f.Add([]byte(`{"version":1,"command":"submit","agent":"SRC","request":{"id":"00"}}`))
	f.Add([]byte(`[1]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, _ := newResponder()
		a, _, err := r.answer(context.Background(), body)
		if err != nil {
			t.Fatal(err)
		}
		if a.Refusal != "" && a.Text == "" {
			t.Fatal("refused without a sentence")
		}
	})
}

func TestCorrelationIDsNeverEndInZero(t *testing.T) {
	for range 2000 { // one in 256 random ones would
		if id := newCorrelationID(); id[23] == 0 {
			t.Fatal("a correlation id that ends in zero is cut by mq-golang-jms20")
		}
	}
}

func TestCancelCommand(t *testing.T) {
	r, m := newResponder()
	id := transfer.NewID()
	m.requests[id] = transfer.Request{ID: id}
	cancel := command{Version: 1, Command: cancelCommand, Agent: "SRC", Transfer: &id}
	if a, _ := ask(t, r, cancel); a.Refusal != "" || *a.Transfer != id || len(m.requests) > 0 {
		t.Errorf("%+v", a)
	}
	for _, c := range []struct {
		err  error
		want Refusal
	}{{nil, RefusedUnknown}, {transfer.ErrEnded, RefusedEnded}, {transfer.ErrRequest, RefusedTransfer}} {
		m.err = c.err
		if a, _ := ask(t, r, cancel); a.Refusal != c.want || a.Text == "" {
			t.Errorf("%v: %+v, want %s", c.err, a, c.want)
		}
	}
	if a, _ := ask(t, r, command{Version: 1, Command: cancelCommand, Agent: "SRC"}); a.Refusal != RefusedMalformed {
		t.Errorf("without a transfer: %+v", a)
	}
	m.err = transfer.ErrDurability
	body, err := json.Marshal(cancel)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.answer(t.Context(), body); !errors.Is(err, transfer.ErrDurability) {
		t.Errorf("a cancellation that is not durable was answered: %v", err)
	}
	for refusal, want := range map[Refusal]error{RefusedUnknown: transfer.ErrUnknown, RefusedEnded: transfer.ErrEnded, RefusedFormat: transfer.ErrFormat} {
		if err := error(&RefusedError{Refusal: refusal}); !errors.Is(err, want) || !errors.Is(err, ErrRefused) {
			t.Errorf("%s is not %v", refusal, want)
		}
	}
}

// TestSubmitCarriesTheSourceDisposition: what a client asks for reaches the engine, and an agent that does not know the
// field leaves the sources.
func TestSubmitCarriesTheSourceDisposition(t *testing.T) {
	m := &memory{requests: map[transfer.ID]transfer.Request{}}
	r := &responder{agent: "SRC", instance: "i1", epoch: 7, engine: m}
	id := transfer.NewID()
	body, err := json.Marshal(command{Version: 1, Command: submitCommand, Agent: "SRC", Request: &transfer.Request{
		ID: id, To: "DST", SourceDisposition: transfer.DeleteSource,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if a, _, err := r.answer(t.Context(), body); err != nil || a.Refusal != "" {
		t.Fatalf("%+v, %v", a, err)
	}
	if got := m.requests[id].SourceDisposition; got != transfer.DeleteSource {
		t.Errorf("%q", got)
	}
}
