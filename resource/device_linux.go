package resource

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// onDevice looks up the mount that dir is on. Not by st_dev: btrfs and NFS give a number that names no
// device.
func onDevice(dir, device string) error {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, dir, 0, unix.STATX_MNT_ID, &st); err != nil {
		return &os.PathError{Op: "statx", Path: dir, Err: err}
	}
	if st.Mask&unix.STATX_MNT_ID == 0 {
		return fmt.Errorf("%s: the kernel does not tell its mount (Linux 5.8 and later do)", dir)
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	source, ok := mountSource(table, st.Mnt_id)
	if !ok {
		return fmt.Errorf("%s: its mount is not in /proc/self/mountinfo", dir)
	}
	if source != device && !sameBlockDevice(source, device) {
		return fmt.Errorf("%s: mounted from %s: %w %s", dir, source, ErrDevice, device)
	}
	return nil
}

// mountSource finds the source of a mount by its number: the second field after the lone hyphen
// (proc_pid_mountinfo(5)).
func mountSource(table []byte, id uint64) (string, bool) {
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		number, _, _ := strings.Cut(before, " ")
		if fields := strings.Fields(after); ok && number == strconv.FormatUint(id, 10) && len(fields) >= 2 {
			return unescape(fields[1]), true
		}
	}
	return "", false
}

// unescape undoes the octal escapes of blanks and backslashes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#").Replace

// sameBlockDevice: one device has many names, /dev/dm-3 and /dev/mapper/vg-data.
func sameBlockDevice(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil &&
		x.Mode&unix.S_IFMT == unix.S_IFBLK && y.Mode&unix.S_IFMT == unix.S_IFBLK && x.Rdev == y.Rdev
}
