package mqtest

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// A body is the bytes of one message, shared by the queue and by whoever is sending them to a
// client: a browse on one connection may still write them to its socket when a get on another
// has taken the message off the queue.
type body struct {
	refs atomic.Int32
	pool *sync.Pool // nil: too large to be kept
	data []byte
	// properties of the message, which its length does not count
	properties []byte
	// lent is the sender's memory, of which data is not a copy yet; nil: it is. It is the sender's again when its
	// put returns.
	lent []byte
}

// fill copies what is lent.
func (b *body) fill() {
	if b.lent != nil {
		copy(b.data, b.lent)
		b.lent = nil
	}
}

// newBody makes a body of data, with one reference and no pool.
func newBody(data []byte) *body {
	b := &body{data: data}
	b.refs.Store(1)
	return b
}

func (b *body) retain() *body {
	b.refs.Add(1)
	return b
}

// release gives a reference back. One too many would hand the memory of a message to another one.
func (b *body) release() {
	switch n := b.refs.Add(-1); {
	case n < 0:
		panic("mqtest: the body of a message was released twice")
	case n == 0 && b.pool != nil:
		b.pool.Put(b)
	}
}

// Sizes of pooled bodies: powers of two, each with room for the frame header that a sender of
// 256 KiB chunks puts before its chunk. Without it every such message would take twice its size.
// Smaller bodies are left to the garbage collector: a queue of many short messages would
// otherwise hold mostly air.
const (
	smallestBodyBits = 12
	largestBodyBits  = 23
	bodyHeadroom     = 4 << 10
)

// bodies is a set of pools, one a size.
type bodies struct {
	pools [largestBodyBits - smallestBodyBits + 1]sync.Pool
}

// take gives a body of n bytes with undefined contents and one reference.
func (p *bodies) take(n int) *body {
	bit := max(bits.Len(uint(max(n-bodyHeadroom-1, 0))), smallestBodyBits)
	if n <= bodyHeadroom || bit > largestBodyBits {
		return newBody(make([]byte, n))
	}
	pool := &p.pools[bit-smallestBodyBits]
	b, ok := pool.Get().(*body)
	if !ok {
		b = &body{pool: pool, data: make([]byte, 1<<bit+bodyHeadroom)}
	}
	b.data, b.properties, b.lent = b.data[:n], nil, nil
	b.refs.Store(1)
	return b
}

// resize gives s a length of n, reusing its memory where that is large enough.
func resize(s []byte, n int) []byte {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]byte, n)
}
