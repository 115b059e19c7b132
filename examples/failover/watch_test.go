package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The time was taken when the line was read, so that the way through the pipe was left out of the time
// to reconnect.
func TestListeningIsTimedByTheQueueManagersOwnClock(t *testing.T) {
	var line strings.Builder
	before := time.Now()
	if _, err := fmt.Fprintf(stamped{&line}, "listening %s\n", "127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	w := newWatch(func(string, event) {})
	w.queueManagerLine([]byte(strings.TrimSpace(line.String())))
	if at := w.listening.at; w.listening.who != "127.0.0.1:1" || at.Before(before.Add(-time.Microsecond)) || at.After(after) {
		t.Errorf("%+v from %q, written between %v and %v", w.listening, line.String(), before, after)
	}
	w.queueManagerLine([]byte("1000000000 listening 127.0.0.1:2"))
	if w.listening.at != time.Unix(1, 0) || w.trouble != nil {
		t.Errorf("%+v, %v", w.listening, w.trouble)
	}
	w.queueManagerLine([]byte("listening 127.0.0.1:3"))
	if w.trouble == nil {
		t.Error("a line without a time was taken")
	}
}
