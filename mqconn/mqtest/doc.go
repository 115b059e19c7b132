// Package mqtest is a queue manager for tests: queues, units of work, exclusive opens, reason codes
// and lost connections as IBM MQ has them, in process or over TCP as a process that can be killed.
//
// It is never a production transport. Users are checked only if Options.Users names them, TLS is played
// by names alone, there are no authorities and no code page conversion, and it has been compared with IBM's
// documentation, not with a real queue manager. What a program does here it must do again, before it is
// trusted, on IBM MQ.
//
// # What it does as IBM MQ does
//
//   - Local queues by priority and arrival, with MAXDEPTH (2053), MAXMSGL (2030), PUT and GET
//     inhibited (2051, 2016), MSGDLVSQ(FIFO), expiry, browse, and gets by message and correlation
//     identifier. A queue that is not defined is 2085.
//   - DEFSOPT(EXCL), NOSHARE and exclusive open: everyone else who opens the queue for input is
//     refused with 2042, a second open of the same connection too.
//   - Units of work: uncommitted puts are invisible, uncommitted gets come back in their old place
//     with the backout count one higher. On a transacted connection a get is in syncpoint if the
//     message is persistent. A unit of work of MAXUMSGS messages takes no more (2024).
//   - With Options.Dir persistent messages and definitions survive kill -9 and loss of power: they
//     are on disk before a commit, or a put or get outside syncpoint, is answered. A unit of work is
//     there as a whole or not at all. Non-persistent messages never outlive the queue manager. The
//     log is written anew when it is above 64 MiB and less than a quarter of it is still needed.
//   - A connection whose socket is closed, which is also what SIGKILL of the client does, gives up its
//     handles and backs out at once, even inside a waiting get, which then takes nothing. A client
//     that is silent but not gone (stopped, cut off) keeps them for twice HBINT of its channel:
//     HBINT(1) makes that two seconds.
//   - MAXINST and MAXINSTC of a server-connection channel (2537), where a client is an address.
//   - Local bindings (Bindings, TCP.Bindings): no channel, and 2058 means that the queue manager has
//     moved away.
//   - Remote queues, queue-manager aliases and DEFXMITQ. What waits on a transmission queue has an MQXQH in
//     front, counted by MAXMSGL and seen by whoever gets it.
//   - Sender and receiver channels between queue managers, over TCP. Batches arrive exactly once, whenever the
//     connection breaks; with Options.Dir on both sides also when either is killed, because sequence numbers and
//     the batch in doubt are logged. Order holds only within a batch: with NPMSPEED(FAST), of both ends, the messages
//     that are not persistent are shown as they come, and are gone if the connection breaks. Short retries,
//     then long ones, then STOPPED; DISCINT; a transmission queue with TRIGGER starts its channel; START, STOP, RESET
//     and RESOLVE CHANNEL; Channels is DISPLAY CHSTATUS. Options.Second makes the waits short.
//   - What a channel cannot put goes, after MRRTY tries, to the dead-letter queue with an MQDLH. Where that fails the
//     channel stops, and the batch stays where it was; a fast message is dropped.
//   - CHLAUTH records of TYPE(ADDRESSMAP) and TYPE(BLOCKUSER) for clients over TCP (2035, or the mapped user).
//   - Services: CONTROL(QMGR) and CONTROL(STARTONLY) are started by the first Serve, and by command.
//
// # What goes wrong
//
// FaultKinds is the table of all faults, and says what a client sees of each. Those of single calls are
// chosen by counting and handed to Inject: a reason code, a connection cut before or after the work of the
// call (so that the answer of a commit is lost with either outcome), a delay, and non-persistent
// messages lost or put twice (those for a queue here; what a channel loses is CutChannel's business). Where chance
// decides, it follows a seed. Those of the whole queue manager are
// begun by Strike and ended by Restore: cut, freeze, quiesce, stop, not available, moved away, standby,
// refused, hung up; kill has no end. Faults and Struck count them. All of this happens in the queue
// manager, and so to every client: in process, over TCP, and through IBM's Go libraries on the C double
// (package mqi). Package conformance makes each kind happen to each transport.
//
// Connections and ConnectionCounts tell connections by application name and client library, so that a
// program can be shown to have used the one that it claims. Admin is an operator's HTTP handler for all
// of it, with JSON, and ServeAdmin its port: without a password, and therefore for this machine alone.
//
// # What it does not do
//
// Topics, model queues, triggering of programs, message groups, data conversion, clusters,
// server, requester and cluster channels, channel exits, and whatever else is asked for by an option: such a call
// fails (2046, 2247). Of reports it makes those of arrival, delivery and expiration; one of an exception may be asked for, and never
// comes. A report that cannot be put is dropped. Between queue managers the fields of version 2 of the MQMD
// are lost, and properties travel beside the body rather than in an MQRFH2. TLS and authentication of channels between
// queue managers, and all authorities, are accepted and listed by Ignored.
//
// # What could not be checked
//
// All of it follows IBM's documentation, which leaves some of it open. Of channels it is these: that one without a dead-letter
// queue is then STOPPED and not RETRYING; that sequence numbers which do not agree leave it RETRYING until RESET CHANNEL (a
// queue manager without Options.Dir that is started anew has forgotten them, so its channels need that); that
// retries are counted anew as soon as both sides have agreed; that channels which were started run again after a restart
// of the queue manager; that a service without STOPCMD is left alone. The protocol of the channels is our own: they cannot
// talk to IBM MQ.
package mqtest
