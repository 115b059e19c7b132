package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// patience is how long a probe waits for what should happen at once.
const patience = 30 * time.Second

// Check finds out whether locks in the directory dir can be relied on, as IBM's amqmfsck does for
// multi-instance queue managers. It uses a second process: helper returns the command that starts it, a program that
// calls CheckHelper. That process may run on another machine: then the command is one that carries its standard input
// and output there (examples/lockcheck does), and is killed in its place.
//
// It works in a directory of its own, dir/.lockcheck-*, which it removes at the end, and takes a few seconds. What a
// check left that was killed, the next one removes when it is a day old. A file
// system that cannot carry a lock is not an error: the Report says so, and why. An error means that there is no
// report: dir cannot be written to, the helper does not start, or ctx ended, perhaps because the file system hangs; then
// a goroutine may be left in it.
//
// What no check of this kind can find out is how long a lock outlives the machine of its holder. What is known about
// that for some file systems stands in the package comment, and Report.Because repeats it.
func Check(ctx context.Context, dir string, helper func() *exec.Cmd) (*Report, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, wrap(err)
	}
	type result struct {
		report *Report
		err    error
	}
	done := make(chan result, 1)
	go func() {
		r, err := check(ctx, dir, helper, patience)
		done <- result{r, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		timer := time.NewTimer(lingering)
		defer timer.Stop()
		select {
		case r = <-done:
		case <-timer.C:
			return nil, fmt.Errorf("lockfile: the file system of %s does not answer: %w", dir, context.Cause(ctx))
		}
	}
	switch {
	case ctx.Err() != nil: // the helper was killed for it, and whatever was found means nothing
		return nil, wrap(context.Cause(ctx))
	case r.err != nil:
		return nil, wrap(r.err)
	}
	return r.report, nil
}

// checking is one run of Check.
type checking struct {
	here     *actor
	there    *helperProcess
	scratch  string // below dir
	patience time.Duration
	report   *Report
}

func check(ctx context.Context, dir string, helper func() *exec.Cmd, patience time.Duration) (r *Report, err error) {
	scratch, err := os.MkdirTemp(dir, scratchPrefix)
	if err != nil {
		return nil, err
	}
	defer func() { // last: Windows removes no open file
		began := time.Now()
		leftover := removeAll(ctx, scratch, patience)
		if r == nil {
			err = errors.Join(err, leftover)
			return
		}
		r.found(probe{what: "what was created can be removed"}, "", leftover, time.Since(began))
		r.judge()
	}()
	if err := removeStale(dir, scratch); err != nil {
		return nil, err
	}
	here, err := newActor(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, here.close()) }()
	there, err := startHelper(ctx, dir, helper())
	if err != nil {
		return nil, err
	}
	defer there.end()
	stop := context.AfterFunc(ctx, func() { there.cmd.Process.Kill() }) // a probe that waits for it goes on
	defer stop()
	c := &checking{here: here, there: there, scratch: filepath.Base(scratch), patience: patience}
	if c.report, err = c.describe(dir, scratch); err != nil {
		return nil, err
	}
	for _, p := range c.probes() {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		began := time.Now()
		detail, err := p.do()
		c.report.found(p, detail, err, time.Since(began))
		if err != nil && p.what == sameDirectory {
			break
		}
	}
	return c.report, nil
}

// staleAfter is far longer than any check takes, on any machine that shares the directory: one that goes on
// must not lose its files, and a lock cannot say so here.
const staleAfter = 24 * time.Hour

// removeStale removes what checks left that were killed. How old that is, is told by scratch, which the same file
// system has stamped now; the clock of this machine may be another. What cannot be removed belongs to somebody else.
func removeStale(dir, scratch string) error {
	now, err := os.Stat(scratch)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), scratchPrefix) {
			continue
		}
		if info, err := e.Info(); err == nil && now.ModTime().Sub(info.ModTime()) > staleAfter {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
	return nil
}

// removeAll tries again: a listing that is behind does not show what is still there, and NFS keeps removed files
// that were open for a moment.
func removeAll(ctx context.Context, dir string, patience time.Duration) error {
	for began := time.Now(); ; {
		err := os.RemoveAll(dir)
		if err == nil || time.Since(began) > patience {
			return err
		}
		if pause(ctx, time.Second) != nil {
			return err
		}
	}
}

func (r *Report) found(p probe, detail string, err error, took time.Duration) {
	f := Finding{Probe: p.what, OK: err == nil, Detail: detail, Took: took}
	if err != nil {
		f.Detail = err.Error()
	}
	r.Findings = append(r.Findings, f)
}

func (c *checking) describe(dir, scratch string) (*Report, error) {
	f, err := os.Create(filepath.Join(scratch, "probe")) // Windows asks by an open file
	if err != nil {
		return nil, err
	}
	defer f.Close()
	local, lockLease, err := fileSystem(f)
	if err != nil {
		return nil, err
	}
	self, err := identity("")
	if err != nil {
		return nil, err
	}
	r := &Report{Dir: dir, FileSystem: fileSystemName(f), Local: local, LockLease: lockLease, Primitive: primitive, Hosts: []string{self.Host}}
	if other := c.there.hello; other.Host != self.Host || other.BootID != self.BootID {
		r.Hosts = append(r.Hosts, other.Host)
	}
	return r, nil
}

// probe finds out one thing: how it went, or what is wrong.
type probe struct {
	what string
	do   func() (detail string, err error)
}

func (c *checking) probes() []probe {
	return []probe{
		{sameDirectory, c.sameDirectory},
		{"both sides use the same kind of lock", c.sameKind},
		{"two processes exclude each other", c.processesExclude},
		{"two descriptors exclude each other", c.descriptorsExclude},
		{"path and descriptor are told apart", c.identities},
		{"fsync answers", c.fsync},
		{"exclusive create is atomic", c.exclusiveCreate},
		{"rename is atomic", c.atomicRename},
		{"writers keep out of each other's blocks", c.concurrentWriters},
		{"what is written under the lock is seen", c.counter},
		{"new names are listed", c.listing},
		{"a killed holder's lock is released", c.releaseOnKill},
	}
}
