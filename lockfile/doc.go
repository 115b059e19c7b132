// Package lockfile elects one active instance among several with a lock on a file that they share.
//
// # What it does not promise
//
// No lock stops a process that no longer has it. A holder that is stopped (SIGSTOP, a paused virtual
// machine, a hung disk) and wakes up after another instance has taken over makes, in each of its
// goroutines, at most the one system call it was stopped in, before Lease.Err says no. No file system
// compares epochs, so that this one call is not refused: the state it touches has to be laid out so
// that it does no harm, for example under names that contain the epoch.
//
// The lock is as good as the file system. It needs what IBM asks of the file system of a
// multi-instance queue manager: data write integrity (fsync reaches the disk of the server),
// guaranteed exclusive access to files (locks work between machines), and release of the locks when
// their owner fails. NFS version 4 with a sync export, SMB 3 and the usual cluster file systems have
// all three; NFS version 3 does not release the locks of a machine that died; many FUSE file systems
// keep locks within one machine. Clocks of different machines are never compared, but Deadline
// relies on clocks that run at the same rate to within a few percent.
//
// # What it promises
//
// An operating system lock decides, nothing else: never a time stamp, a process id or the record in
// the file. It is an open file description lock on Linux and LockFileEx on Windows, both of one byte
// at offset 1<<30, and flock on macOS, the BSDs and illumos; elsewhere Acquire fails with
// errors.ErrUnsupported. These exclude each other only among themselves,
// so that the record names the kind, and a file with a record of another kind is refused. Traditional
// fcntl locks are not used, because closing any descriptor of the file drops them (fcntl(2)). The lock
// is polled, because some NFS servers are slow to tell a waiter that the lock is free (IBM APAR
// IT43349). The operating system releases the lock when the process ends, however it ends; on a
// network file system, when the whole machine is gone, after the server's lock lease.
//
// Each lease has an epoch that is higher than every earlier one of the same path. It is a name,
// path.epochs/n, created exclusively and never rewritten, so that a late write of an old holder
// cannot turn it back. It is also claimed in the lock file, behind the record, in a place that no heartbeat writes and
// that none of the 47 epochs before it has, because network file systems list names late. The names, and the lock
// file itself, must not be removed while any instance runs; a lock file that is removed nevertheless ends the lease.
//
// Whoever may open the lock file, if only for reading, can lock it, too, and so keep everybody from the lease, though
// not take one. It is made with mode 0644; keep its directory to the users that run instances.
//
// While the lease is held, a heartbeat writes the record, syncs it and opens the path afresh to see
// that its own file is still there, with its own record, and that neither a claim nor a name has a higher epoch. When no
// heartbeat has succeeded within Deadline, the lease is lost: Err says so by comparing clocks, without
// I/O and without waiting for a goroutine, and Done is closed soon after. Once lost, a lease stays lost. Time is the
// longest that any one of the monotonic clock, the clock that goes on in suspend and the wall clock saw, so that
// a machine that slept does not believe in a young lease; of two pauses within one Deadline that a clock each saw,
// only the longer counts. A wall clock that is set forward by more than Deadline costs the lease; that is on purpose.
//
// While the lock excludes, no two instances believe in a lease at once. When a file system drops the lock without
// a word, two do for at most Deadline, and their epochs differ. Neither names that are listed late nor late writes of a
// third instance, which was stopped, hide the successor from the old holder: its claim stands before it has its lease.
// (Only an instance that was stopped in the very call that makes its own claim can write over that, if its epoch is lower
// by exactly 48 or a multiple.)
//
// A call under the lease is known to count when Verify has returned nil after it: until then no higher epoch was to be
// seen. Another instance may have got a lock that was dropped by then, and have asked its EpochFloor, but it claims its
// epoch, and has its lease, only afterwards, and then finds what the call has done, as far as the file system shows one
// machine what another one has written.
//
// # File systems
//
// Check finds out what can be found out about a directory in a few seconds; go run
// github.com/mqha/mqha/examples/lockcheck DIR prints it, also between two machines. How long a lock outlives the
// machine of its holder has to be measured by switching that machine off:
//
//	file system             lock        free again after power-off of the holder, and what it needs
//	ext4, xfs               ofd         with the next mount; a lost machine has to be fenced before its disk is mounted
//	btrfs                   ofd         likewise; it copies on write, so that each heartbeat takes new blocks, and a full
//	                                    disk ends the lease. zfs and bcachefs copy on write, too (not measured)
//	tmpfs, ramfs            ofd         everything is forgotten: EpochFloor
//	Gluster 10              ofd         3.7 to 3.9 s (5 runs) with network.ping-timeout 2, server.tcp-user-timeout 3,
//	                                    server.keepalive-time and -interval 1, -count 2, measured by the tests with
//	                                    the tag lab; with the caches on 3.5 to 3.8 s, also after a mere cut of the
//	                                    network, which was tested with them only. Deadline is 3 s there by itself. Needs
//	                                    performance.{quick-read,io-cache,stat-prefetch,open-behind,read-ahead,write-behind} off and a mount with attribute-timeout=0,
//	                                    entry-timeout=0,direct-io-mode=enable: without them Check sees updates lost
//	                                    under the lock. client.strict-locks on
//	NFS 4.1                 ofd         12 s at a lock lease of 10 s (nfs-ganesha, seen once, not in the tests). Needs an
//	                                    export with sync; Deadline follows the lease by itself
//	JuiceFS 1.2             ofd         13 s at --heartbeat 3 (seen once, not in the tests)
//	SMB 3, CephFS, GFS2     ofd         not measured
//	NFS 3                   -           not before that machine is back: Check says cannot
//	sshfs                   -           locks do not leave the mount: Check says cannot
//	NTFS                    lockfileex  not measured; the tests pass under wine
//
// Where the lock is free again sooner than Deadline, the old holder goes on for the difference, which is then the
// time that two instances believe in a lease; give Options.Deadline a value below it.
//
// Instances that wait can say so, and what they can read, by Announce; it decides nothing.
//
// A lost lease keeps the operating system's lock until Release, because the work under it may still
// be stopping. So call Release also after a loss, when the work has ended.
package lockfile
