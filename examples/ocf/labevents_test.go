//go:build lab && linux

package main

import (
	"encoding/json"
	"iter"
	"net"
	"os"
	"strings"
	"time"

	"github.com/mqha/mqha/ha"
)

func containsZero(out string) bool { return strings.Contains(out, "value=0") }

// event is a line that the agent printed.
type event struct {
	Time  time.Time
	Code  string
	Epoch uint64
	Text  string
}

func (c *cluster) events(node string) []event {
	text, _ := os.ReadFile(c.path(node, "run", "resource-agents", metadata.Name+"-agent", "out")) // not there: none
	var out []event
	for line := range strings.Lines(string(text)) {
		var e event
		if json.Unmarshal([]byte(line), &e) == nil {
			out = append(out, e)
		}
	}
	return out
}

// looks yields until the time is over. A cluster manager has nothing that a test could wait on.
func looks(limit time.Duration) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		over, tick := time.NewTimer(limit), time.NewTicker(20*time.Millisecond)
		defer over.Stop()
		defer tick.Stop()
		for {
			select {
			case <-over.C:
				return
			case <-tick.C:
				if !yield(struct{}{}) {
					return
				}
			}
		}
	}
}

// awaitEvent waits for an event after an instant.
func (c *cluster) awaitEvent(node string, after time.Time, want func(event) bool) event {
	c.t.Helper()
	for range looks(2 * time.Minute) {
		for _, e := range c.events(node) {
			if e.Time.After(after) && want(e) {
				return e
			}
		}
	}
	c.t.Fatalf("on %s: no such event after %v: %+v", node, after, c.events(node))
	return event{}
}

// activation is an agent that has become active.
type activation struct {
	node  string
	at    time.Time
	epoch uint64
}

// active waits for an agent that becomes active after an instant, on any node.
func (c *cluster) active(after time.Time) activation {
	c.t.Helper()
	for range looks(time.Minute) {
		for _, node := range []string{"a", "b"} {
			for _, e := range c.events(node) {
				if e.Code == string(ha.CodeActive) && e.Time.After(after) {
					return activation{node, e.Time, e.Epoch}
				}
			}
		}
	}
	c.t.Fatalf("no agent becomes active")
	return activation{}
}

func (c *cluster) takeover(what string, begun time.Time, before uint64) activation {
	c.t.Helper()
	now := c.active(begun)
	if now.epoch <= before {
		c.t.Errorf("%s: epoch %d after %d", what, now.epoch, before)
	}
	elected := c.awaitEvent(now.node, begun, func(e event) bool { return e.Code == string(ha.CodeElected) && e.Epoch == now.epoch })
	c.t.Logf("%s: on %s, elected after %v, active after %v, epoch %d", what, now.node,
		elected.Time.Sub(begun).Round(time.Millisecond), now.at.Sub(begun).Round(time.Millisecond), now.epoch)
	return now
}

// expectAddress looks from the client whether the floating address answers, and from the node that it is there.
func (c *cluster) expectAddress(node string) {
	c.t.Helper()
	c.command("ip", "netns", "exec", c.namespace("client"), "ping", "-c", "1", "-w", "5", floating)
	if out := c.run(node, "ip", "-o", "addr", "show", "dev", "eth0"); !strings.Contains(out, net.ParseIP(floating).String()+"/24") {
		c.t.Errorf("the address answers, but not from %s: %s", node, out)
	}
}

// awaitJoined waits until a node that was booted is a full member again: its controller serves the
// coordinator, and it knows the cluster's state. A node that loses its peer before that knows of nobody to fence,
// and starts everything: what the agent's own lock is for.
func (c *cluster) awaitJoined(node string) {
	c.t.Helper()
	for range looks(time.Minute) {
		if _, err := initOf(c.node(node)); err != nil {
			continue // its first process has yet to begin
		}
		state, err := c.inside(node, "crmadmin", "--status="+node).CombinedOutput()
		if err != nil || !strings.Contains(string(state), "S_NOT_DC") {
			continue
		}
		out, err := c.inside(node, "crm_mon", "--one-shot", "--output-as=xml").Output()
		if err == nil && strings.Count(string(out), `online="true"`) == 2 && strings.Contains(string(out), `id="agent" resource_agent="ocf:mqha:`+metadata.Name+`" role="Started"`) {
			return
		}
	}
	c.t.Fatalf("node %s does not come back", node)
}
