package mqconn

type operation int

const (
	opPut operation = iota
	opGet
	opBrowse
	opHold
	opCommit
	opBackout
	opProbe
	opDo    // what call.do does
	opClose // by the end of calls
)

var opVerbs = [...]Verb{
	opPut: VerbPut, opGet: VerbGet, opBrowse: VerbGet, opHold: VerbOpen, opCommit: VerbCommit, opBackout: VerbBackout,
	opProbe: VerbCommit, opClose: VerbDisconnect,
}

// call is one call of a Transport. It goes to the worker by value, so that nothing is allocated.
type call struct {
	op      operation
	to      Address // or the queue, for what is not a Put
	message *Message
	options GetOptions
	next    bool
	atomic  bool                  // a commit that harms nobody if it is made twice
	do      func(Transport) error // with opDo
	asked   Verb                  // with opDo: the call that do makes
}

func (k call) verb() Verb {
	if k.op == opDo {
		return k.asked
	}
	return opVerbs[k.op]
}

// sameAs says whether the call counts as op for the unit of work.
func (k call) sameAs(op operation) bool {
	if k.op != opDo {
		return k.op == op
	}
	return k.asked == opVerbs[op] || op == opPut && k.asked == VerbPut1
}

// worker is the goroutine on which every call of one Transport is made. Calls and results are
// buffered, so that neither side ever waits for the other to let go: a worker whose call was given up
// leaves its result behind, closes the Transport and ends.
type worker struct {
	transport Transport
	calls     chan call
	results   chan error
	ended     chan struct{}
	state     callState
	closeErr  error // valid once ended is closed
}

func startWorker(c *Connector, t Transport) *worker {
	w := &worker{
		transport: t,
		calls:     make(chan call, 1),
		results:   make(chan error, 1),
		ended:     make(chan struct{}),
		state:     callState{stuck: &c.stuck},
	}
	go w.run()
	return w
}

func (w *worker) run() {
	defer close(w.ended)
	for c := range w.calls {
		w.results <- w.do(c)
	}
	w.closeErr = w.transport.Close()
	w.state.returned()
}

func (w *worker) do(c call) error {
	switch c.op {
	case opPut:
		return w.transport.Put(c.to, c.message)
	case opGet:
		return w.transport.Get(c.to.Queue, c.message, c.options)
	case opBrowse:
		return w.transport.Browse(c.to.Queue, c.message, c.next)
	case opHold:
		return w.transport.Hold(c.to.Queue)
	case opCommit, opProbe:
		return w.transport.Commit()
	case opDo:
		return c.do(w.transport)
	}
	return w.transport.Backout()
}

// stop closes the Transport after the call under way, if any, and waits for it within bounds. It
// returns ErrStuck when the worker had to be left behind.
func (w *worker) stop() error {
	close(w.calls)
	if !w.state.await(w.ended, grace) {
		return ErrStuck
	}
	return w.closeErr
}

// abandon leaves the call under way to the worker.
func (w *worker) abandon() {
	close(w.calls)
	w.state.giveUp()
}
