package resource_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

// A handshake with a queue manager that is stuck ends with its context and not before. It used up every restart and
// moved the group, after 12 minutes.
func TestHourOfAHealthCheckThatDialsUntilItsContextEndsUsesUpNoRestart(t *testing.T) {
	dial := func(ctx context.Context) error { <-ctx.Done(); return resource.Elsewhere(ctx.Err()) }
	for _, pending := range []time.Duration{0, 30 * time.Second, time.Second} {
		for name, r := range map[string]resource.Funcs{"LooksAlive": {OnLooksAlive: dial}, "IsAlive": {OnIsAlive: dial}} {
			synctest.Test(t, func(t *testing.T) {
				g, run := runGroup(t, resource.Options{}, resource.Spec{Name: "app", Resource: r, Policy: resource.Policy{PendingTimeout: pending}})
				time.Sleep(time.Hour)
				if s := g.Snapshot()[0]; s.Failures != 0 || s.State != resource.Online || s.Err == nil {
					t.Errorf("%s, %v: %+v", name, pending, s)
				}
				if err := run.stop(); err != nil {
					t.Errorf("%s, %v: %v", name, pending, err)
				}
			})
		}
	}
}
