// Package ref is the bare pipeline that the engine of package transfer is measured against: the same
// bytes, checksums and durability, without protocol, state machine, resume or names from elsewhere.
// What the engine needs beyond it is what the engine costs.
//
// One goroutine reads and hashes, one proves, writes and hashes again, one makes durable. The file is
// preallocated; each checkpoint is an fdatasync of the part and then one of a record in a journal, while
// the next frames arrive. The end is a last checkpoint, a rename and a sync of the directory.
//
// It is no way to copy files: a part that is left behind is of no use, and nothing is compared with what
// was there before.
package ref
