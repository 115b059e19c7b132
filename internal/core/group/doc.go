// Package group decides when the members of a resource group go online, are watched, restarted
// and taken offline. It is a state machine without goroutines, files, network or clocks: package
// resource performs the actions and reports how they ended.
//
// What it promises, whatever the order in which the world answers:
//
//   - A member is asked to go online only while each of its OR groups has a healthy online member,
//     and only when no earlier call to this member is still running.
//   - A member that was online is stopped only after every member that names it and is also being
//     stopped is down, or has been given up after its time. A healthy member whose OR groups are
//     satisfied without it stays online.
//   - A failure counts only against its root cause: when a member fails, the members that it
//     relies on are asked IsAlive first, and if one of them has failed, that one counts alone.
//   - A failure whose cause is elsewhere counts against nobody, and neither do failures of what has
//     nothing else to stand on than the member that said so.
//   - A member that says by itself when it fails is not asked for guesses, and is asked IsAlive at once
//     when it does.
//   - A member that failed more than Threshold times within Period ends the group.
//   - A call that hangs delays its own member and those that wait for it, each for a bounded time,
//     and nobody else.
//
// No two calls of the same kind to one member run at the same time, therefore an answer needs no
// number: an answer that comes after the core has decided otherwise only says that the call ended.
package group
