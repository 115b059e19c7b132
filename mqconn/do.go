package mqconn

import "context"

// Do calls fn with the connection's Transport, on the goroutine on which its calls are made, as one of
// these calls: it has its turn, its limits, and its error is judged as theirs. It is for packages that
// give programs another face of a Transport, such as jms20.Context; a program has no need of it.
//
// verb and queue say which call fn makes, one at the most: they decide what its error means (a broken
// connection under VerbCommit is OutcomeUnknown) and what becomes of the unit of work. An error of fn is
// ErrNoMessage or a *Fault, as those of a Transport. fn may wait for up to MaxSlice, which
// Config.CallLimit does not count. It must not use the Transport after it has returned, nor close it.
// After ErrStuck fn may still be running.
func (c *Conn) Do(ctx context.Context, verb Verb, queue string, fn func(Transport) error) error {
	return c.once(ctx, call{op: opDo, asked: verb, to: Address{Queue: queue}, do: fn, options: GetOptions{Wait: MaxSlice}})
}
