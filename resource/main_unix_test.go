//go:build unix

package resource_test

import "syscall"

const terminate = syscall.SIGTERM
