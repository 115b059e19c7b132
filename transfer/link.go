package transfer

import "context"

// Frame is one message between two engines.
type Frame struct {
	Peer       string // Send: the agent it goes to; Receive leaves it alone, the body names the sender
	Persistent bool   // a control frame, which must outlive the queue manager
	Body       []byte // Receive reuses it when it is large enough, and Send may keep it, see Link
	// Attempts is how often Receive has given this persistent frame before without a Commit, as far as
	// the Link can tell: 0 where it cannot. One that comes too often is passed over.
	Attempts int
}

// Link carries frames between engines. It may lose, repeat, delay and reorder those that are not
// persistent; it must not lose a persistent one that was not settled.
//
// Send may be called by any goroutine. Receive and Commit are called by one goroutine. An error of
// Send that matches ErrPeer concerns that peer alone; any other error of any method ends the Link.
type Link interface {
	// Send hands a frame over. A Link that keeps the body leaves another slice in its place, of
	// which nothing counts but its capacity; one that copies it leaves it alone. So after Send a
	// frame cannot be sent once more.
	Send(ctx context.Context, f *Frame) error
	// Receive waits for the next frame.
	Receive(ctx context.Context, f *Frame) error
	// Commit settles every frame received so far. A persistent frame that was not settled
	// comes again on the next Link.
	Commit(ctx context.Context) error
	// MaxBody is the longest body in bytes that Send takes.
	MaxBody() int
}
