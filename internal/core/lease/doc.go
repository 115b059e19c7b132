// Package lease decides how a lock on a shared disk is taken, kept and lost. It is a state machine
// without files, clocks or goroutines: Step takes one event and says what to do next. Package
// lockfile does the I/O, one operation at a time, and comes back with the outcome.
//
// Taking the lock is a fixed row of operations, and any of them may be the last one before a crash:
//
//	open, inquire, try the lock      each time, because the file may be another one by now
//	look                             is the locked file still the one at the path?
//	make the directory of names, sync its parent
//	list the names, ask the floor    both after the lock is held: earlier answers may be stale
//	create the name n, sync          n exists: n+1
//	write both lines, claim the      the first heartbeat
//	epoch, sync, look
//	list the names again             a higher one turned up: go on above it
//
// Who waits repeats the first two rows, also when they fail in a way that may pass.
//
// Only then is epoch n granted. A crash before that leaves at most an unused name, so that epochs
// have gaps but never repeat. The second listing is last, because a network file system may show a
// name late, and because a server that has dropped our lock while we were stopped may have
// granted a higher epoch meanwhile.
//
// While the lease is held, a heartbeat is write, sync, look, list the names. It counts from the moment it was begun,
// because that is the latest time for which its success proves anything. The deadline is checked
// before every event, whatever the event is, so that a heartbeat which ends after the deadline
// comes too late even when its result is the first thing a stopped process sees on waking up.
//
// A heartbeat writes one of two lines. When it finds the other one written by somebody else, it writes that
// one, too: whoever else writes there must not be able to overlook our record.
//
// Still, neither the lines nor the names are sure to tell a holder whose lock was dropped that it was superseded. A third
// instance, which was stopped in the middle of its own last heartbeat, may write over the successor's line,
// while the holder itself writes over the other one; and names are listed late on network file systems. So each
// epoch is claimed once, in a place that depends on the epoch. Late writes of heartbeats never fall
// there, and a late claim falls into a place of its own. The claim is there, and was looked at, before the epoch is
// granted: each heartbeat that another holder begins afterwards finds it, whatever else is written over.
//
// A lost lease keeps the operating system's lock until it is released: the work under it may still
// be stopping, and for as long as the lock really is ours, nobody else should start.
package lease
