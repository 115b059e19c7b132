package mqtest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// faultJSON is a Fault as an operator writes it.
type faultJSON struct {
	Verb   mqconn.Verb `json:"verb,omitempty"`
	Queue  string      `json:"queue,omitempty"`
	Skip   int         `json:"skip,omitempty"`
	Times  int         `json:"times,omitempty"`
	Chance float64     `json:"chance,omitempty"`
	Seed   uint64      `json:"seed,omitempty"`
	Reason mqrc.Reason `json:"reason,omitempty"`
	Break  string      `json:"break,omitempty"`
	Delay  string      `json:"delay,omitempty"`
	Lose   bool        `json:"lose,omitempty"`
	Repeat bool        `json:"repeat,omitempty"`
}

const (
	beforeWorkJSON = "before-work"
	afterWorkJSON  = "after-work"
)

func (j faultJSON) fault() (f Fault, err error) {
	f = Fault{
		Verb: j.Verb, Queue: j.Queue, Skip: j.Skip, Times: j.Times, Chance: j.Chance, Seed: j.Seed,
		Reason: j.Reason, Lose: j.Lose, Repeat: j.Repeat,
	}
	switch j.Break {
	case "":
	case beforeWorkJSON:
		f.Break = BeforeWork
	case afterWorkJSON:
		f.Break = AfterWork
	default:
		return f, fmt.Errorf("%w: break is %s or %s, not %q", ErrFault, beforeWorkJSON, afterWorkJSON, j.Break)
	}
	if j.Delay != "" {
		f.Delay, err = time.ParseDuration(j.Delay)
	}
	return f, err
}

func jsonOf(f Fault) faultJSON {
	j := faultJSON{
		Verb: f.Verb, Queue: f.Queue, Skip: f.Skip, Times: f.Times, Chance: f.Chance, Seed: f.Seed,
		Reason: f.Reason, Lose: f.Lose, Repeat: f.Repeat,
	}
	switch f.Break {
	case BeforeWork:
		j.Break = beforeWorkJSON
	case AfterWork:
		j.Break = afterWorkJSON
	}
	if f.Delay > 0 {
		j.Delay = f.Delay.String()
	}
	return j
}

type kindJSON struct {
	Kind      FaultKind   `json:"kind"`
	Injected  bool        `json:"injected"`
	Lasts     bool        `json:"lasts"`
	Reason    mqrc.Reason `json:"reason,omitempty"`
	OnConnect mqrc.Reason `json:"onConnect,omitempty"`
	Effect    string      `json:"effect"`
}

func kindsJSON() (all []kindJSON) {
	for _, row := range faultRows {
		all = append(all, kindJSON{
			Kind: row.Kind, Injected: row.Injected, Lasts: row.Lasts, Reason: row.Reason, OnConnect: row.OnConnect, Effect: row.Effect,
		})
	}
	return all
}

type queueJSON struct {
	Name      string `json:"name"`
	Depth     int    `json:"depth"`
	Waiting   int    `json:"waiting"` // gets that wait for a message
	Inputs    int    `json:"inputs"`
	Outputs   int    `json:"outputs"`
	Exclusive bool   `json:"exclusive"`
}

func (q *QueueManager) queueStates() []queueJSON {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := make([]queueJSON, 0, len(q.objects.queues))
	for _, name := range slices.Sorted(maps.Keys(q.objects.queues)) {
		local := q.objects.queues[name]
		local.mu.Lock()
		all = append(all, queueJSON{
			Name: name, Depth: local.depth, Waiting: len(local.waiters),
			Inputs: local.inputs, Outputs: local.outputs, Exclusive: local.exclusive,
		})
		local.mu.Unlock()
	}
	return all
}
