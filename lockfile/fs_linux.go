package lockfile

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// isLocalFileSystem goes by the numbers in statfs(2) and linux/magic.h. Cluster file systems (gfs2, ocfs2,
// ceph) and everything unknown count as network file systems.
func isLocalFileSystem(magic uint32) bool {
	switch magic {
	case unix.EXT4_SUPER_MAGIC, // ext2 and ext3 too
		unix.XFS_SUPER_MAGIC,
		unix.BTRFS_SUPER_MAGIC,
		unix.F2FS_SUPER_MAGIC,
		unix.TMPFS_MAGIC,
		unix.RAMFS_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC,
		0x2fc12fc1, // zfs, not in linux/magic.h
		0xca451a4e: // bcachefs
		return true
	}
	return false
}

// fileSystem tells whether f is on a local disk, and how long its server remembers the locks of
// a silent client, if that is known.
func fileSystem(f *os.File) (local bool, lockLease time.Duration, err error) {
	var st unix.Statfs_t
	for {
		err = unix.Fstatfs(int(f.Fd()), &st)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return false, 0, &os.PathError{Op: "fstatfs", Path: f.Name(), Err: err}
	}
	magic := uint32(st.Type) // 32 bits in the kernel, sign-extended on some machines
	if magic != unix.NFS_SUPER_MAGIC {
		return isLocalFileSystem(magic), 0, nil
	}
	stats, err := os.ReadFile("/proc/self/mountstats")
	if err != nil {
		return false, 0, nil // the default is safe for the usual leases of 10 s and more
	}
	return false, nfsLease(stats, f.Name()), nil
}

// nfsLease reads the lease time of the mount that path is on from /proc/self/mountstats, where
// NFS version 4 shows it; nfs_show_stats in the kernel's fs/nfs/super.c.
func nfsLease(mountstats []byte, path string) time.Duration {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	var lease time.Duration
	longest, here := -1, false
	for lines := bufio.NewScanner(bytes.NewReader(mountstats)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 5 && fields[0] == "device" && fields[2] == "mounted" {
			at := unescape(fields[4])
			here = len(at) >= longest && within(path, at) // as mountType
			if here {
				longest, lease = len(at), 0
			}
			continue
		}
		if here && len(fields) > 0 && fields[0] == "nfsv4:" {
			lease = leaseTime(lines.Text())
		}
	}
	return lease
}

func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

func leaseTime(line string) time.Duration {
	_, rest, _ := strings.Cut(line, "lease_time=")
	digits, _, _ := strings.Cut(rest, ",")
	seconds, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// fileSystemName is the type in /proc/self/mountinfo of the mount that f is on, which tells apart what
// statfs does not: NFS versions, and all that is FUSE.
func fileSystemName(f *os.File) string {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	return mountType(mounts, f.Name())
}

// mountType goes by the longest mount point above path; the last one of several on the same point covers
// the others. proc_pid_mountinfo(5).
func mountType(mountinfo []byte, path string) (name string) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	longest := -1
	for lines := bufio.NewScanner(bytes.NewReader(mountinfo)); lines.Scan(); {
		mount, kind, found := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(mount)
		if !found || len(fields) < 5 {
			continue
		}
		at := unescape(fields[4])
		if len(at) >= longest && within(path, at) {
			longest = len(at)
			name, _, _ = strings.Cut(kind, " ")
		}
	}
	return name
}

// unescape undoes what the kernel does to blanks, tabs, newlines and backslashes in mount points, in mountinfo and
// in mountstats alike: seq_path in its fs/seq_file.c.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
