package crashdisk

import (
	"errors"
	"sync"

	"github.com/mqha/mqha/internal/vfs"
)

// ErrStopped is what every operation of a machine answers that has stopped.
var ErrStopped = errors.New("crashdisk: the machine has stopped")

// Op is one operation of a machine.
type Op struct {
	Number int    // from 1
	Kind   string // the method of vfs.Dir or vfs.File
	Name   string
}

// Fate is what becomes of an operation.
type Fate struct {
	// Done: the operation has its effect. Torn: a write has the first half of it; a sync of a file fails and leaves
	// what it did not write in the cache, taken for written, so that no later sync writes it either (Linux: ext4, XFS).
	Done, Torn bool
	// Err is the answer in place of the operation's own; nil: its own.
	Err error
	// Stop: from now on every operation of the machine answers ErrStopped.
	Stop bool
}

// Goes is the fate of an operation to which nothing happens.
var Goes = Fate{Done: true}

// A Plan decides the fate of each operation. It may wait, as a process that was stopped does between two of
// its calls; the operation then has its effect when the plan returns, on the disk as that is by then. It is
// called by several goroutines.
type Plan func(op Op) Fate

// Machine is one process that has disks mounted.
type Machine struct {
	plan Plan

	mu      sync.Mutex
	count   int
	stopped bool
}

// NewMachine makes a machine; a nil plan lets everything go.
func NewMachine(p Plan) *Machine {
	if p == nil {
		p = func(Op) Fate { return Goes }
	}
	return &Machine{plan: p}
}

// Count is how many operations the machine has begun.
func (m *Machine) Count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// Stop ends the machine: every operation from now on answers ErrStopped.
func (m *Machine) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
}

// Mount gives the machine d. The mount's argument is a path on d.
func (m *Machine) Mount(d *Disk) vfs.Mount {
	return func(dir string) (vfs.Dir, error) {
		var out vfs.Dir
		err := m.do("Mount", dir, func(bool) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			i := d.at(dir)
			if i == nil || !i.dir() {
				return notExist("open", dir)
			}
			out = &mounted{m, d, i, dir}
			return nil
		})
		return out, err
	}
}

// do carries out one operation as the plan says.
func (m *Machine) do(kind, name string, op func(torn bool) error) error {
	m.mu.Lock()
	if m.stopped {
		m.mu.Unlock()
		return ErrStopped
	}
	m.count++
	o := Op{m.count, kind, name}
	m.mu.Unlock()
	f := m.plan(o)
	if f.Stop {
		m.Stop()
	}
	var err error
	if f.Done || f.Torn {
		err = op(f.Torn)
	}
	switch {
	case f.Err != nil:
		return f.Err
	case f.Stop:
		return ErrStopped
	}
	return err
}
