// Package mqlink carries transfer frames over MQ queues. (Skeleton.)
package mqlink

import (
	"context"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/transfer"
)

// InputQueue is the queue that agent's frames are sent to: MQHA.<AGENT>.IN.
func InputQueue(agent string) string { return "MQHA." + agent + ".IN" }

// Options configure a Link.
type Options struct{}

// New opens the connections "in" and "out" of s and holds the input queue of agent.
// While another connection holds the queue it waits, bounded by ctx.
func New(ctx context.Context, s *mqconn.Session, agent string, o Options) (transfer.Link, error) {
	panic("skeleton")
}
