// Package agent decides in which order an agent becomes active, follows its queue manager, and
// steps down. It is a state machine without goroutines, files, network or clocks: package ha
// performs the actions and reports how they ended.
//
// An agent is made of parts (see Part). The core starts a part, may cancel it, and is told exactly
// once how it ended. What it promises, whatever the order in which the world answers:
//
//   - No work, no engine and no command before the lease was verified and the queues are held, in
//     this generation of connections. IBM's own agents had two active instances because the lock
//     was not taken again after a reconnect (APAR IT35878).
//   - The lease is released only after everything that works under it has ended.
//   - One path leads down, whatever the cause; a second cause does not start it again. Only the
//     loss of the lease overtakes what is already on the way down.
//   - After the loss of the lease nothing starts but what stops.
package agent
