// Package crashdisk is a disk in memory that forgets what was not synced.
//
// A Disk is what two machines share, or one machine has to itself; a Machine is one process that has it
// mounted. Every operation of a Machine is counted and may be the one at which something happens: the
// machine stops before it, after it, or in the middle of a write; or the operation is done and its answer is
// lost, as NFS does when it repeats a call (Plan). PowerOff then leaves on the disk what a loss of power
// leaves there.
//
// What is durable follows fsync(2): the bytes and attributes of a file when it was synced, the names in a
// directory when that was synced, and nothing else. Of the rest PowerOff keeps nothing, all, or by chance
// some: of writes any of them, the last one torn at a sector; of the names in one directory the first so and
// so many changes, since file systems keep those in order, but each directory by itself. A rename from one
// directory into another is durable in both or in none, as ext4, xfs and btrfs do it.
package crashdisk

import (
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"
)

// Sector is the unit in which a write is torn.
const Sector = 512

// Disk is a file system in memory.
type Disk struct {
	// OnRename, if set, is told of each name that a rename made. It may call Take, and nothing else.
	OnRename func(name string)

	mu    sync.Mutex
	root  *inode
	last  uint64
	freed []uint64 // numbers of what was removed, for Put
	locks map[*inode]*handle
}

// inode is a file or a directory.
type inode struct {
	number uint64
	born   int64
	now    state
	synced state
	writes []write   // of a file, since it was synced
	turns  []*change // of a directory, since it was synced
}

// state is what an inode holds: data for a file, names for a directory.
type state struct {
	data     []byte
	mode     fs.FileMode
	modified time.Time
	names    map[string]*inode
}

// write is one change to a file that was not synced: bytes, or one attribute.
type write struct {
	offset   int64
	data     []byte
	mode     *fs.FileMode
	modified *time.Time
}

// New makes an empty disk.
func New() *Disk {
	d := &Disk{locks: map[*inode]*handle{}}
	d.root = d.newDir()
	return d
}

func (d *Disk) newFile() *inode {
	d.last++
	s := state{mode: 0o600, modified: time.Unix(0, 0)}
	return &inode{number: d.last, born: int64(d.last), now: s, synced: s}
}

func (d *Disk) newDir() *inode {
	d.last++
	return &inode{
		number: d.last,
		now:    state{mode: fs.ModeDir | 0o755, names: map[string]*inode{}},
		synced: state{mode: fs.ModeDir | 0o755, names: map[string]*inode{}},
	}
}

func (i *inode) dir() bool { return i.now.names != nil }

func (i *inode) write(w write) {
	i.now.apply(w)
	if w.data != nil {
		w.data = append([]byte{}, w.data...)
	}
	i.writes = append(i.writes, w)
}

func (s *state) apply(w write) {
	if w.mode != nil {
		s.mode = *w.mode
	}
	if w.modified != nil {
		s.modified = *w.modified
	}
	if need := int(w.offset) + len(w.data); need > len(s.data) {
		s.data = append(s.data, make([]byte, need-len(s.data))...)
	}
	copy(s.data[w.offset:], w.data)
}

// sync makes an inode durable: a file's bytes and attributes, or a directory's names.
func (i *inode) sync() {
	if i.dir() {
		i.syncTurns(nil)
		return
	}
	for _, w := range i.writes {
		i.synced.apply(w)
	}
	i.writes = nil
}

// syncData makes the bytes of a file durable, and leaves its attributes to chance.
func (i *inode) syncData() {
	rest := i.writes[:0]
	for _, w := range i.writes {
		if w.data == nil {
			rest = append(rest, w)
			continue
		}
		i.synced.apply(w)
	}
	i.writes = rest
}

// Kept says how much of what was not synced a loss of power leaves.
type Kept int

// What PowerOff keeps.
const (
	All  Kept = iota // as a process that is killed leaves it, or a cache that was written back in time
	None             //
	Some             // each by chance
)

func (k Kept) String() string { return [...]string{"all", "none", "some"}[k] }

// PowerOff leaves what a loss of power leaves. No machine may be at work.
func (d *Disk) PowerOff(k Kept, chance *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.locks)
	if k != All {
		d.forget(d.root, k, chance, d.keepTurns(k, chance), map[*inode]bool{})
	}
}

// forget goes through what was reachable before and what is reachable after, in an order that does not
// depend on the map.
func (d *Disk) forget(i *inode, k Kept, chance *rand.Rand, kept map[*inode]int, seen map[*inode]bool) {
	if seen[i] {
		return
	}
	seen[i] = true
	if !i.dir() {
		i.loseWrites(k, chance)
		return
	}
	for _, t := range i.turns[:kept[i]] {
		apply(i.synced.names, t.names)
	}
	i.turns = nil
	clear(i.now.names)
	apply(i.now.names, i.synced.names)
	for _, n := range sortedNames(i.now.names) {
		d.forget(i.now.names[n], k, chance, kept, seen)
	}
}

func (i *inode) loseWrites(k Kept, chance *rand.Rand) {
	s := i.synced
	s.data = append([]byte(nil), s.data...)
	if k == Some {
		for n, w := range i.writes {
			if chance.IntN(2) == 0 {
				continue
			}
			if n == len(i.writes)-1 && len(w.data) > Sector {
				w.data = w.data[:chance.IntN(len(w.data)/Sector)*Sector+Sector]
			}
			s.apply(w)
		}
	}
	i.now, i.synced, i.writes = s, s, nil
	i.synced.data = append([]byte(nil), s.data...)
}
