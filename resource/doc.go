// Package resource keeps what a service needs online on this node, in order: a directory on the
// shared disk, a process, an address. It is the part of Microsoft's cluster service (MSCS) that
// runs on one node, as a library: the same calls, the same meaning, the same default times.
//
// A [Group] is a set of resources with dependencies. [Group.Run]
//
//   - brings them online in parallel, each as soon as what it depends on is online;
//   - asks each of them often LooksAlive and now and then IsAlive;
//   - restarts one that failed, after those that depend on it went offline, and brings these back;
//   - returns a [FailoverError] when one fails more often than its [Policy] tolerates: the group
//     should move to another node;
//   - when its context ends, takes everything offline in reverse order, each member with limits
//     of its own, visits every member even when one hangs, and names what still hangs in a
//     [HangError].
//
// One root cause is one failure: before a failure counts, the members below are asked whether they
// are alive. An application that fails because its disk is gone costs the disk one restart and
// the application none.
//
// What it does not do:
//
//   - It decides nothing between nodes. Who may run the group is decided elsewhere, by a lock; two
//     nodes that run the same group without one are both told that they are online.
//   - It cannot end a call that hangs in the operating system. Such a call is given up, counted and
//     named; the node then has to be fenced or restarted by somebody who can.
//   - It does not survive its own process. When the process is killed, nothing is taken offline;
//     see [Command] for what that means for child processes.
//   - It remembers nothing: wishes by [Group.SetWanted] and counts of failures are kept in memory,
//     the counts from one Run to its end.
package resource
