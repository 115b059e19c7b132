// Package mqtest is a queue manager for tests. (Skeleton.)
package mqtest

import (
	"net"
	"testing"

	"github.com/mqha/mqha/mqconn"
)

// Options configure a queue manager.
type Options struct {
	Name string // default "QM1"
	Dir  string // data directory for persistent messages; empty: nothing outlives the process
	MQSC string // definitions to load at start
}

// QueueManager is a running queue manager.
type QueueManager struct{}

// Start starts a queue manager in this process.
func Start(o Options) (*QueueManager, error) { panic("skeleton") }

// New starts a queue manager for a test and ends it with the test.
func New(tb testing.TB, o ...Options) *QueueManager { panic("skeleton") }

// Dialer connects in process; the endpoint is ignored.
func (q *QueueManager) Dialer() mqconn.Dialer { panic("skeleton") }

// Serve accepts connections over TCP on l until Close or Kill; it returns at once.
func (q *QueueManager) Serve(l net.Listener) error { panic("skeleton") }

// MQSC runs definitions, line by line.
func (q *QueueManager) MQSC(script string) error { panic("skeleton") }

// Depth is the current depth of a queue, uncommitted messages included.
func (q *QueueManager) Depth(queue string) (int, error) { panic("skeleton") }

// Queues names the local queues.
func (q *QueueManager) Queues() []string { panic("skeleton") }

// Handles counts open connections and held queues.
func (q *QueueManager) Handles() (connections, held int) { panic("skeleton") }

// Close stops in order.
func (q *QueueManager) Close() error { panic("skeleton") }

// Kill stops as kill -9 would: connections break, non-persistent messages are gone.
func (q *QueueManager) Kill() { panic("skeleton") }

// TCP is a Dialer to queue managers served over TCP (by Serve or by the command qmgr).
// DialOptions.Endpoint is host:port.
type TCP struct {
	QueueManager string // name to ask for; empty: whatever answers
	Channel      string // default "MQHA.SVRCONN"
	AppName      string
	User         string
}
