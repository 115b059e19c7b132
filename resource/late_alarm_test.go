package resource

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/core/group"
)

// A listener that was held up between its last look at its context and the inbox was heard in the next life: its closed
// channel had the new one asked for ever, although that one would have said so by itself.
func TestAlarmOfAnEarlierLifeIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := NewGroup(Options{}, Spec{Name: "app", Resource: Funcs{}})
		if err != nil {
			t.Fatal(err)
		}
		r := &run{g: g, parent: context.Background(), core: group.New(g.members), calls: make([]calls, 1),
			answers: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
		defer r.timer.Stop()
		settle := func() {
			synctest.Wait()
			for _, a := range r.take() {
				r.accept(a)
			}
		}
		alarm := func(stops int) answer {
			return answer{stops: stops, event: group.Event{Kind: group.Alarm, Err: errors.New("gone")}}
		}
		r.step(group.Event{Kind: group.Begin})
		settle()
		old := r.calls[0].stops
		for _, wanted := range []bool{false, true} {
			r.step(group.Event{Kind: group.Want, Wanted: wanted})
			settle()
		}
		if s := g.Snapshot()[0].State; s != Online {
			t.Fatalf("%v", s)
		}
		if r.accept(alarm(old)); r.calls[0].ends[group.IsAlive] != nil {
			t.Error("an alarm of the earlier life is heard")
		}
		if r.accept(alarm(r.calls[0].stops)); r.calls[0].ends[group.IsAlive] == nil {
			t.Error("an alarm of this life is not heard")
		}
		settle()
	})
}
