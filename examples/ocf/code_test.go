package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/resource/ocf"
)

// A wrong password file on one node, or a directory server that was slow after a failover, was "fatal: on no node".
func TestOnlyTheConfigurationKeepsTheAgentOffEveryNode(t *testing.T) {
	class := func(c mqconn.Class) error {
		return fmt.Errorf("connect: %w", &mqconn.Error{Verb: mqconn.VerbConnect, Class: c})
	}
	for _, row := range []struct {
		what string
		err  error
		want ocf.Code
	}{
		{"a relative state directory", &ha.ConfigError{Text: "state"}, ocf.Configured},
		{"a queue is missing", &ha.ConfigError{Text: "there is no queue A", Err: class(mqconn.Fatal)}, ocf.Configured},
		{"a wrong password, a lost certificate", class(mqconn.Fatal), ocf.Permission},
		{"the lock file belongs to another user", &ha.ConfigError{Text: "lock", Err: &fs.PathError{Err: syscall.EACCES}}, ocf.Permission},
		{"the disk is read-only here", &ha.ConfigError{Text: "lock", Err: &fs.PathError{Err: syscall.EROFS}}, ocf.Permission},
		{"no such queue manager on this node", &ha.ConfigError{Text: "none", Err: class(mqconn.NotHere)}, ocf.Installed},
		{"built without the MQ client", fmt.Errorf("new: %w", mqconn.ErrNotBuilt), ocf.Installed},
		{"the queue manager is away", class(mqconn.Retry), ocf.Generic},
		{"the lock was lost", &lockfile.LostError{Reason: "deadline"}, ocf.Generic},
		{"a configuration error that did not end", &ha.OverrunError{Cause: &ha.ConfigError{Text: "a"}}, ocf.Generic},
		{"anything", errors.New("anything"), ocf.Generic},
	} {
		if got := metadata.Code(row.err); got != row.want {
			t.Errorf("%s: %d, want %d", row.what, got, row.want)
		}
	}
}
