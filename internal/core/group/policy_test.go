package group

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// plainPolicy is the restart policy as one would write it down: a list of failures, and a count of those
// that are young enough.
type plainPolicy struct {
	Policy
	at []time.Time
}

// fail says how many failures count now, and whether the member may be restarted.
func (p *plainPolicy) fail(now time.Time) (count int, restart bool) {
	p.at = append(p.at, now)
	for _, at := range p.at {
		if p.Period < 0 || now.Sub(at) < p.Period {
			count++
		}
	}
	return count, count <= p.Threshold
}

// One member lives and fails at random instants, by a check or in its start. What the group does is what
// the plain model says, for a million steps.
func TestPolicyAgreesWithAPlainModel(t *testing.T) {
	enough := 1_000_000
	if testing.Short() {
		enough = 50_000
	}
	for steps := 0; steps < enough; {
		rapid.Check(t, func(t *rapid.T) { steps += livePolicy(t) })
		if t.Failed() {
			return
		}
	}
}

// livePolicy is one history; it returns its number of steps.
func livePolicy(t *rapid.T) (steps int) {
	p := drawPolicy(t)
	p.Threshold = rapid.SampledFrom([]int{-1, 1, 3, 10}).Draw(t, "restarts")
	p.Period = rapid.SampledFrom([]time.Duration{-1, time.Second, 15 * time.Minute}).Draw(t, "window")
	model := &plainPolicy{Policy: p}
	core, now := New([]Member{{Policy: p}}), time.Unix(0, 0)
	var last Action // the latest Report that says Broken, or Finish
	running := call{}
	step := func(ev Event) {
		steps++
		last = Action{}
		for _, a := range core.Step(now, ev, nil) {
			switch {
			case a.Op.Asks():
				running = call{0, a.Op}
			case a.Op == Report && a.To == Broken:
				last = a
			case a.Op == Finish:
				last.Failed = a.Failed
			}
		}
	}
	returned := func(err error) { step(Event{Kind: Returned, Op: running.op, Err: err}) }
	step(Event{Kind: Begin})
	for range rapid.IntRange(1, 30).Draw(t, "failures") {
		now = now.Add(time.Duration(rapid.Int64Range(0, int64(p.Pending)-1).Draw(t, "life")))
		if rapid.Bool().Draw(t, "in the start") {
			returned(errIll)
		} else {
			returned(nil)
			now = now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "seconds")) * time.Second)
			step(Event{Kind: Alarm, Err: errIll})
			returned(errIll)
		}
		count, restart := model.fail(now)
		if last.Failures != count {
			t.Fatalf("%d failures count, the model says %d: %+v", last.Failures, count, p)
		}
		if running.op != Terminate {
			t.Fatalf("%v was called after a failure", running.op)
		}
		returned(nil)
		if last.Failed == restart || restart != (running.op == Online) {
			t.Fatalf("failure %d within %v, threshold %d: restarted %v, moved %v", count, p.Period, p.Threshold, running.op == Online, last.Failed)
		}
		if !restart {
			break
		}
	}
	return steps
}
