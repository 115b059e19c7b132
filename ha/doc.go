// Package ha makes a highly available agent of a Go program: of all instances that are started
// with the same configuration, on any number of machines, one is active and the others stand by.
//
// An active instance holds a lease (package lockfile), keeps the resources online that it needs
// (package resource), follows its queue manager (package mqconn), moves files (package transfer)
// and runs the program's own loop. It goes up in one order and down by one path:
//
//	up    Config.Before online, elected, Config.Group online, journals taken over, connected;
//	      then, in every generation of connections: lease verified, queues held, work begins
//	down  no more commands, drain, work ends, journals closed, disconnected, Config.Group
//	      offline, lease released
//
// A lost connection is not a reason to step down: work stops, the connector dials again, and before
// any work the lease is proven and the queues are held again. IBM's agents had two active instances
// because they took the lock only once (APAR IT35878).
//
// Two instances may see different things of one queue manager. One that stands by is connected, too, and uses nothing there; an
// active one that is without a queue manager for Config.YieldAfter, while a standby has it, steps down for that standby.
//
// # What is promised
//
//   - Work, transfers and commands run only between "the lease is proven and the agent's queues are
//     held by this very generation of connections" and "the lease ended".
//   - The epoch of a lease is greater than every epoch before it: of the lock, and of the agent's own
//     journals.
//   - Run returns when everything it started has ended. If something does not end in time, it says
//     what, as an *OverrunError, and keeps the lock: a successor must not start beside it. A look at a disk that hangs,
//     and an announcement on it, are left to themselves: they change nothing that a successor has.
//
// # What is not
//
//   - An agent that is stopped by the system and wakes up after its lease ended makes at most one late
//     call per goroutine. Package transfer is laid out so that such calls are harmless; a Work
//     function has to ask Active.Lease.Err before what must not happen twice.
//   - A client of a queue manager whose host vanished keeps its queues until the queue manager
//     notices: 2 x HBINT of the channel. The successor waits for that long (Config.FenceWait).
//   - Election is by a lock on a disk that the instances share. Instances that share nothing but a
//     queue manager are not covered yet.
//
// # Commands
//
// A Client asks the active instance through the queue MQHA.<AGENT>.CMD. Commands are JSON with a
// version number. A command that must not be lost (submit, stop) is persistent, its effect is durable
// before the answer is sent, and it leaves the queue last; all of them may come twice without harm.
// A stop names the instance that is to stop, because it may be delivered late: a successor answers
// it and goes on.
//
// # Upgrades
//
// Upgrade one instance after the other, the standbys first. Journals stay in the format of the earlier release, which can
// take over again (package transfer, "Upgrading and rolling back"). When no instance of it is left, Client.Finalise ends
// that; instances that wait for the lock say in its directory, LOCKFILE.standbys, what they can read, and it is refused while
// one could not go on.
package ha
