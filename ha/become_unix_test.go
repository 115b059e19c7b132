//go:build unix

package ha

import "syscall"

// become makes this process that of an ordinary user.
func become(user int) error { return syscall.Setuid(user) }
