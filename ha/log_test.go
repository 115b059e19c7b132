package ha

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// The log has a line for each event, with its code and epoch, and those of the connection from package mqconn, which has
// no Logger of its own here.
func TestLogTellsTheLifeOfAnAgentByItsCodes(t *testing.T) {
	core, lines := observer.New(zapcore.DebugLevel)
	c := newSite(t, "A").config("A")
	c.Logger = zap.New(core)
	c.AfterLoss = Exit
	c.Work = func(context.Context, *Active) error { return errors.New("no paper") }
	var told []Event
	c.OnEvent = func(ev Event) { told = append(told, ev) }
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Run(t.Context()); err == nil {
		t.Error("Run returned nil after a failure of Work")
	}
	levels := make(map[string]zapcore.Level)
	var codes []string
	for _, line := range lines.All() {
		fields := line.ContextMap()
		code, _ := fields["code"].(string)
		levels[code] = line.Level
		if _, own := fields["epoch"]; own {
			codes = append(codes, code)
		}
	}
	var want []string
	for _, ev := range told {
		if ev.Code != CodeConnection && ev.Code != CodeConnected { // package mqconn writes those
			want = append(want, string(ev.Code))
		}
	}
	if !slices.Equal(codes, want) {
		t.Errorf("the log has the codes %q, the events are %q", codes, want)
	}
	for code, want := range map[string]zapcore.Level{
		string(CodeElected): zapcore.InfoLevel, string(CodeActive): zapcore.InfoLevel, string(CodeFailover): zapcore.ErrorLevel,
		string(CodeStopped): zapcore.InfoLevel, "MQCN0057I": zapcore.InfoLevel,
	} {
		if level, ok := levels[code]; !ok || level != want {
			t.Errorf("%s: %v, in the log %v, want %v", code, level, ok, want)
		}
	}
}
