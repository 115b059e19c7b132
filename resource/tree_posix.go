//go:build unix && !linux

package resource

import "syscall"

// dieWithParent: there is no parent-death signal here.
func dieWithParent(*syscall.SysProcAttr) {}

// waitExit leaves all to Wait and close. Between them the number of an empty group might be given
// to another session leader, but only after all other numbers had been used.
func (t *tree) waitExit() {}
