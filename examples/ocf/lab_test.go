//go:build lab && linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/resource/ocf"
)

// The test binary is the resource agent, on the queue manager for tests, and the queue manager.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case metadata.Name:
		ocf.Main(metadata, func(v ocf.Values) (resource.Program, error) { return programOn(v, &mqtest.TCP{}) })
	case queueManagerName:
		if err := mqtest.RunProcess(context.Background(), os.Args[1:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const queueManagerName = "lab-queue-manager"

// A real cluster of two nodes: Pacemaker and Corosync in namespaces of their own, a floating address, ext4
// on a loop device as the shared disk, and fencing by a power switch that the test operates. Each time is
// from the fault to the event "active" of the agent that takes over, with its queues held.
func TestClusterKeepsTheAgentAlive(t *testing.T) {
	c := newCluster(t)
	c.boot("a")
	c.boot("b")
	first := c.active(time.Time{})
	t.Logf("cold start of the cluster: agent active on %s after %v", first.node, first.at.Sub(c.begun).Round(time.Millisecond))
	c.expectAddress(first.node)

	// Asked for: stop in order here, start there.
	target := other(first.node)
	begun := time.Now()
	c.run(first.node, "crm_resource", "--resource", "agents", "--move", "--node", target)
	moved := c.takeover("move", begun, first.epoch)
	stopped := c.awaitEvent(first.node, begun, func(e event) bool { return e.Code == string(ha.CodeStopped) })
	t.Logf("move: stopped on %s after %v", first.node, stopped.Time.Sub(begun).Round(time.Millisecond))
	if moved.node != target {
		t.Fatalf("active on %s after a move to %s", moved.node, target)
	}
	c.expectAddress(target)
	c.run(target, "crm_resource", "--resource", "agents", "--clear")

	// The agent is killed: restarted where it was, as its failure is its own.
	begun = time.Now()
	c.killAgent(target)
	killed := c.takeover("SIGKILL of the agent", begun, moved.epoch)
	if killed.node != target {
		t.Errorf("restarted on %s, it was killed on %s", killed.node, target)
	}

	c.startWaitsForTheLock(killed)
	held := c.active(killed.at)

	// The power of the holder fails.
	begun = time.Now()
	c.powerOff(held.node)
	lost := c.takeover("power-off of the holder", begun, held.epoch)
	c.expectAddress(lost.node)
	c.boot(held.node)
	c.awaitJoined(held.node)

	// The holder hangs: nothing on it runs, its connections stay open, and fencing has to end it.
	begun = time.Now()
	c.hang(lost.node)
	hung := c.takeover("hung node", begun, lost.epoch)
	c.expectAddress(hung.node)
	if n := c.switched(lost.node); n != 1 {
		t.Errorf("the hung node was switched off %d times", n)
	}
}

// startWaitsForTheLock: somebody else holds the agent's lock while the cluster starts it. A start that
// failed at once would leave the agent stopped everywhere.
func (c *cluster) startWaitsForTheLock(now activation) {
	c.t.Helper()
	c.run(now.node, "crm_resource", "--resource", "agent", "--meta", "--set-parameter", "target-role", "--parameter-value", "Stopped")
	c.run(now.node, "crm_resource", "--wait", "--timeout=60")
	lock := filepath.Join(c.rootOf(now.node), c.disk(), "agent.lck")
	lease, err := lockfile.TryAcquire(lock, lockfile.Options{Instance: "somebody else"})
	if err != nil {
		c.t.Fatal(err)
	}
	c.run(now.node, "crm_resource", "--resource", "agent", "--meta", "--set-parameter", "target-role", "--parameter-value", "Started")
	c.awaitEvent(now.node, now.at, func(e event) bool { return e.Code == string(ha.CodeStandby) && e.Time.After(now.at) })
	released := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := lease.Release(ctx); err != nil {
		c.t.Fatal(err)
	}
	after := c.takeover("release of a lock that start waits for", released, now.epoch)
	if after.node != now.node {
		c.t.Errorf("active on %s, the start that waited was on %s", after.node, now.node)
	}
	if out := c.run(now.node, "crm_failcount", "--query", "--resource", "agent", "--operation", "start", "--node", now.node); !containsZero(out) {
		c.t.Errorf("failures of start: %s", out)
	}
}
