// Package mqconn keeps a program connected to an IBM MQ queue manager that may stop, restart or move
// to another machine.
//
// A [Connector] dials, calls the program's function with a [Session], and when the connection is lost
// waits for the function to return and does so again. The function opens its connections ([Conn]) on
// the Session, one for each role, and returns when a call fails; it need not know why.
//
// # What it promises
//
//   - It retries without end, with a delay that is never zero, and says each failure in an event.
//   - The function runs at most once at a time, and again only after its Session was lost.
//   - The loss of one connection ends its Session: no other connection of it can do anything afterwards
//     that a successor would not know of, and all give their handles back at once.
//   - Old connections are closed, or given up and counted, before new ones are dialled.
//   - Every error has a [Class] that says what has become of the call and what the caller can do.
//   - What may have been done, so that nobody knows, is not done again by accident: see [Config.Repeatable].
//   - A context ends every wait within about a second, also a wait inside the MQ client, and a call that hangs there
//     after two: it is given up.
//   - Delays and limits follow the monotonic clock: to set the clock of the machine changes none of them.
//
// # What it does not promise
//
//   - Exactly once. When a connection breaks under a commit, or under a call outside a unit of work,
//     nobody knows whether it took effect ([OutcomeUnknown]). The program finds out, or repeats the work
//     and must be able to. One kind of work always can be repeated: a unit of work that gets persistent messages
//     and puts what comes of them on queues of the same queue manager, and does nothing outside it. It was done
//     as a whole, and its messages are gone, or not at all, and they come again.
//   - That work is not done again which is known to be done. A function that has committed, and whose Session is
//     lost before it returns, is called again, and [Session.Unknown] is nil: nothing is unknown. A function that does
//     one piece of work notes outside itself that it is done.
//   - That a call ends that the MQ client does not return from. It is given up ([ErrStuck]); its thread
//     and its [Message] belong to it until it returns, and [Status] counts it.
//   - Exclusiveness. [Conn.Hold] is the queue manager's exclusive open. A program whose host vanishes
//     keeps it until the queue manager notices, and a program that is stopped and wakes up late has lost it.
//   - That a broken link is noticed at once. The MQ client notices a vanished peer after the channel's
//     heartbeat interval: up to twice HBINT, which by default is 300 s. Define the channel with HBINT(5). An
//     idle connection is given up after 15 s, a call after Config.CallLimit.
//   - Automatic client reconnection (MQCNO_RECONNECT) beneath it: transports switch it off, since a
//     call would then block for minutes and the loss of the unit of work would go unseen.
//
// RECONNECTING.md, beside this file, tells what goes wrong when a program reconnects by hand; REASONS.md
// what each reason code means here.
//
// Package mqtest is a queue manager for tests of programs that use this package.
package mqconn
