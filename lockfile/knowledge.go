package lockfile

import "time"

// knowledge is what no probe can find out.
type knowledge struct {
	verdict Verdict // Cannot, or empty
	because []string

	deadline time.Duration // the default of Options.Deadline where it has to be shorter than on other network file systems
}

// knowledgeOf goes by the name of the file system, as Report.FileSystem. What it says is measured or, where it
// says so, documented; the package comment has the table.
func knowledgeOf(fileSystem string) knowledge {
	switch fileSystem {
	case "tmpfs", "ramfs", "devtmpfs":
		return knowledge{because: []string{"EpochFloor from somewhere durable: all epochs are forgotten when the machine restarts"}}
	case "overlay":
		return knowledge{because: []string{"a volume, if this is the layer of a container: it is deleted with the container"}}
	case "nfs":
		return knowledge{verdict: Cannot, because: []string{"NFS version 3 keeps the locks of a machine that died until that machine is back: mount with vers=4"}}
	case "nfs4":
		return knowledge{because: []string{"an export with sync: with async the server answers fsync before its disk has the data"}}
	case "fuse.glusterfs":
		// 3.46 s was the soonest that another machine had the lock after the holder's was cut off, in the tests with the tag lab.
		return knowledge{deadline: 3 * time.Second, because: []string{
			"performance.quick-read, io-cache, stat-prefetch, open-behind, read-ahead and write-behind off, and a mount with " +
				"attribute-timeout=0,entry-timeout=0,direct-io-mode=enable: with the defaults one machine goes on reading what was there before another one wrote",
			"client.strict-locks on, so that a descriptor whose lock was lost stays unusable; other descriptors of a machine that was " +
				"cut off write on when it is back, all the same",
			"network.ping-timeout, server.tcp-user-timeout and server.keepalive-* of a few seconds: they are how long a takeover waits " +
				"after the holder's machine is gone, and Deadline, 3 s by default, has to be below",
		}}
	case "fuse.sshfs":
		return knowledge{verdict: Cannot, because: []string{"sshfs keeps locks within one mount: two machines, and two mounts, do not exclude each other"}}
	case "fuse.juicefs":
		return knowledge{because: []string{"a short heartbeat of the mount (--heartbeat): it decides how long a takeover waits after the holder's machine is gone, and Deadline has to be below"}}
	case "cifs", "smb3":
		return knowledge{because: []string{"a mount without nobrl, which keeps locks from the server (mount.cifs(8))"}}
	case "ceph":
		return knowledge{because: []string{"a short mds_session_autoclose: it is how long a takeover waits after the holder's machine is gone, and Deadline has to be below"}}
	}
	return knowledge{}
}
