package ha

import (
	"errors"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
)

// A line about bindings named an address that there is none, and one about the next address a next try in 0s.
func TestLineAboutAConnectionSaysOnlyWhatThereIs(t *testing.T) {
	away := errors.New("away")
	for want, ev := range map[string]mqconn.Event{
		"connected to queue manager QM1 (attempt 2)":                     {Kind: mqconn.Connected, QueueManager: "QM1", Attempt: 2},
		"connected to queue manager QM1 at a(1414) (attempt 1)":          {Kind: mqconn.Connected, QueueManager: "QM1", Endpoint: "a(1414)", Attempt: 1},
		"no connection to the queue manager: away; next try in 1s":       {Kind: mqconn.DialFailed, Err: away, NextTry: time.Second},
		"no connection to the queue manager at a(1414): away":            {Kind: mqconn.DialFailed, Endpoint: "a(1414)", Err: away},
		"queue MQHA.A.IN at a(1414) is held by another connection":       {Kind: mqconn.QueueHeld, Endpoint: "a(1414)", Queue: "MQHA.A.IN"},
		"a message of queue Q failed 3 times and was moved to Q.BACKOUT": {Kind: mqconn.PoisonMoved, Queue: "Q", Attempt: 3, To: "Q.BACKOUT"},
	} {
		if got := connectionText(ev); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
