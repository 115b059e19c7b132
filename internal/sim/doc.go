// Package sim runs one transfer from a seed: the cores of the sender and of the receiver, around
// them a model of everything that can go wrong, and a judge who knows what both have promised.
//
// One goroutine carries out one thing after the other on a simulated clock, so a seed that fails
// fails again. Between any two actions of a core its process may be killed or its machine lose
// power; messages are lost, repeated, delayed and overtaken; connections break on either side; puts
// fail, or fail only apparently; calls on files fail; a stopped holder wakes and makes one late call
// after its successor has begun; a consumer takes files away as soon as it sees them.
//
// The receiver grants what may be in flight, through the ledger of internal/core/credit, and other transfers that
// come and go hold shares of the same queue.
//
// The disk is as bad as POSIX allows (fsync(2)): bytes that were not synced and operations on
// directories that were not synced survive a loss of power or do not, each file on its own. The
// order of operations on one file is kept, and a rename is atomic.
//
// One thing is excused: a stopped holder that wakes when all is over may leave an empty part, which
// nobody looks for any more.
//
// What is not modelled: the bytes themselves (a part knows how many good ones it begins with), file
// systems that return stale data, a disk that lies about a sync, a directory that cannot be synced,
// a journal that cannot be written.
package sim
