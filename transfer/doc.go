// Package transfer moves files and directories between two agents, so that every file arrives once,
// whole and identical, whatever is killed on the way.
//
// An Engine sends and receives for one agent. It keeps a journal in a state directory; a standby that
// shares this directory opens it under a higher epoch and goes on where the last checkpoint was.
// Frames travel over a Link, which may lose, repeat, delay and reorder them; package mqlink makes one
// from IBM MQ queues, Pipe one within a process.
//
// # What is guaranteed
//
//   - A file appears under its final name only when every byte is proven (CRC32C a frame, Digest a
//     file), durable, and has its mode and modification time. It never replaces another file.
//   - It appears once, also when a consumer takes it away at once and both agents are killed at any
//     moment: the journal says COMMIT, durably, before the rename; after a restart a committed file
//     whose part is gone was delivered.
//   - A transfer that was submitted survives the loss of either process, the link and the queue
//     manager. After any of them it goes on from the last checkpoint (at most 4 MiB or 200 ms apart by default, and
//     at most 8 MiB wait for the next); the state of the digest is in the journal, so the beginning of the
//     file is not read again. What a receiver that was killed had written after its checkpoint is found in the
//     page cache by a log that is never synced, proven, and not sent again; what was on the way to it is.
//   - A file that cannot be delivered (changed meanwhile, a name that is taken, a bad block) is reported
//     by name and does not stop the others. A full disk is waited for, and so are descriptors: half of those
//     that the process may have serve the files that wait for a checkpoint, at most 512 a transfer.
//   - Where the disk under WriteRoot is pulled or read-only the engine stops (ErrDurability), and the next one goes
//     on. A transfer waits for the disk that it is read from (Options.ReadRoots), which may come later than the
//     engine, or go and come back; one that went while a transfer reads the last of its files may look like a
//     bad block, and fail that file.
//   - A source that is to be deleted (Request.SourceDisposition) goes when the receiver's completion is
//     durable here, and only if it is still the file that was sent: size, modification time, inode and
//     time of creation. It is renamed into a private directory beside it, looked at again there, and
//     unlinked there, so that a new file of its name is never deleted; one that got in between is put
//     back. What cannot be deleted stays, is reported by name, and is no error of the transfer.
//   - What an agent had begun to send when it lost its state directory is cancelled at its receiver, with its first
//     message after that. Files that were delivered before stay.
//   - Names from the other agent never lead out of WriteRoot, and messages of its older instances are
//     not listened to: each carries the epoch of its sender.
//
// # What is not
//
//   - No file system compares epochs. An instance that was stopped and wakes after another took over
//     can finish one system call per goroutine before it notices. The names on the disk carry the
//     epoch, so that such a call finds nothing or writes the same bytes; two cases remain: pages that
//     a host which was cut off writes back late into a file already delivered, and a part that
//     somebody else deletes in the instant before its rename, or after COMMIT while its agent is down, which
//     then counts as delivered (earlier its file fails). Such a call can
//     also create an empty part when all is over, which stays, and one that writes the same bytes into a
//     file that was delivered meanwhile, or makes room for them, sets its modification time to that moment.
//   - Deleting a source cannot be fenced in one corner. A program that still has the file open and writes
//     to it between the last look and the unlink, which follow each other at once, loses what it wrote:
//     no system call unlinks a file only if it is unchanged. A stopped instance widens this: its unlink
//     may come as late as it wakes, unless a successor has taken the file before. A program that writes
//     its files under another name, and renames them when they are complete, is safe.
//   - A late call of a stopped instance to rename a source finds no private directory to rename it to, once
//     its successor has removed that, and what it renamed before is put back. Two instances that were both
//     stopped, and wake when all is over, could together make such a directory and move a new file into
//     it; so could one where a private directory was reported left. Nothing deletes that file. One late call can
//     also leave an empty directory .<transfer>.deleting.
//   - A Submit that comes again sends nothing only as long as its transfer is remembered: until Options.KeepEnded others have
//     ended after it.
//   - A change that keeps size, modification time and inode is not seen. Windows has no inode here and a time
//     of creation that a new file inherits, so there only size and modification time tell; macOS has no time
//     of creation here. Where the system cannot rename without replacing, a file is put back by a hard link;
//     without these it stays in the private directory, and that is said.
//   - A rename is seen before its directory is synced. Somebody who takes the file in between and syncs
//     nothing himself finds it again when the power fails in that moment.
//   - The other agent is believed about its own files. It is not authenticated here; that is the
//     queue manager's business (channel authentication, authorities on the queues).
//   - Windows has no way to sync a directory, so that after a power loss the last names may be
//     missing there; the journal delivers such files again.
//   - Where the system cannot rename without replacing (all but Linux with renameat2(2), so also over
//     NFS), a file that somebody else creates under the same name in the same instant is replaced.
//   - A disk under WriteRoot that hangs, instead of failing, also holds up what this agent sends.
//
// # Upgrading and rolling back
//
// The journal has a format, and an engine goes on in the format of the journal that it finds. So after an upgrade an
// earlier release can take over again, on any node and any number of times, and loses nothing; what needs a later format is
// refused until then (ErrFormat): in format 1, to delete sources. When no instance of an earlier release is left that
// could take over, the operator ends this by Engine.Finalise. From then on earlier releases refuse the state directory
// (ErrJournal) and change nothing there. A state directory without a journal begins in the newest format: where an
// earlier release is to stand by from the first day, let it begin, or set Options.FirstFormat.
//
// An Engine does not know of other instances. Package ha has them announce themselves, and asks them; of releases that do
// not, the operator must know. How two agents of different releases talk is another matter: frames have a version of
// their own.
//
// # What is not there yet
//
// Links and special files are reported by name and not sent. Directories get mode 0755 less the umask, files their
// permission bits and modification time; owners and extended attributes are not carried. When a source
// is deleted and more than 100 files of its transfer did not arrive, nobody knows which, and nothing is
// deleted.
package transfer
