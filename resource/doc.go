// Package resource keeps what a service needs online on this node, in order: a directory on the
// shared disk, a process, an address. It is the part of Microsoft's cluster service (MSCS) that
// runs on one node, as a library: the same calls, the same meaning, the same default times.
//
// A [Group] is a set of resources with dependencies. [Group.Run]
//
//   - brings them online in parallel, each as soon as what it depends on is online;
//   - asks each of them often LooksAlive and now and then IsAlive, or listens to its [Alarm];
//   - restarts one that failed, after those that depend on it went offline, and brings these back;
//   - returns a [FailoverError] when one fails more often than its [Policy] tolerates: the group
//     should move to another node;
//   - when its context ends, takes everything offline in reverse order, each member with limits
//     of its own, visits every member even when one hangs, and names what still hangs in a
//     [HangError].
//
// One root cause is one failure: before a failure counts, the members below are asked whether they
// are alive. An application that fails because its disk is gone costs the disk one restart and
// the application none. What no restart here can mend, a queue manager elsewhere that does not answer,
// costs nobody one: see [Elsewhere].
//
// Ready-made resources are [Command], [Path], [TCP] and [Address]; [Funcs] makes one of functions. A
// [Program] is a whole service for a host that speaks to the operating system's service manager:
// packages ocf (Pacemaker), winsvc (Windows and MSCS) and sdnotify (systemd).
//
// # The contract, call by call
//
// A Group calls a [Resource] from goroutines of its own:
//
//	call         runs beside            called when                        after an error
//	Online       nothing                wanted, and all below is online    a failure; Terminate
//	LooksAlive   Offline, Terminate     every LooksAlivePoll               IsAlive at once, which decides
//	IsAlive      Offline, Terminate     every IsAlivePoll, after an error  a failure; Terminate
//	                                    of LooksAlive, after an alarm, or
//	                                    when something above has failed
//	Offline      LooksAlive, IsAlive,   to stop what has come online       Terminate
//	             Terminate
//	Terminate    everything but Online  see there                          (has none)
//	             of a later start
//
// Besides:
//
//   - No two calls of the same name run at the same time, and neither do LooksAlive and IsAlive. What a
//     check shares with Offline or Terminate needs a mutex (in MSCS, too: "IsAlive can be called at
//     the same time as Terminate").
//   - Online is called again only when every earlier call has returned. It must work whatever a
//     killed process or another node left behind, and may be called when the resource is online
//     already in the world outside: it then adopts it or starts it anew.
//   - Offline and Terminate must succeed when there is nothing to stop, and may be called twice.
//   - Terminate is called by the Group and nobody else: after any error of Online or Offline, after a
//     failed check, and when a call has passed its limit. It makes calls that run return. After it
//     Online may come again, or nothing.
//   - The limit is Policy.PendingTimeout. For Online and Offline it is one of silence: [Progress] begins
//     it anew. When it has passed, the context of the call ends, the call counts as failed, and
//     its answer, if one comes, is ignored. The context of a check ends a little before, and what it
//     says then still counts, so it may dial until its context ends. A call that does not return
//     delays its own resource and those that wait for it, nobody else; after Terminate had its time as
//     well, the resource is given up, and the group has to move.
//   - The context of a check also ends when the resource is stopped, and that of Online when it is
//     no longer wanted. What a check says of a resource that is to be stopped is ignored. An Online
//     that returns nil after that is followed by Offline, one that returns an error by Terminate; one that
//     returns after its limit is followed by one more Terminate, as the first may have come too early, unless that
//     runs still and the start failed.
//   - A panic is a crash of the process: the other node takes over.
//
// # What it does not do
//
//   - It decides nothing between nodes. Who may run the group is decided elsewhere, by a lock; two
//     nodes that run the same group without one are both told that they are online.
//   - It cannot end a call that hangs in the operating system. Such a call is given up, counted and
//     named; the node then has to be fenced or restarted by somebody who can.
//   - It does not survive its own process. When the process is killed, nothing is taken offline;
//     see [Command] for what that means for child processes.
//   - Counts of failures are kept in memory, from one Run to its end. The wishes of [Group.SetWanted]
//     are kept in Options.StateDir when that is given.
package resource
