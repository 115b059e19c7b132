package sim

import (
	"slices"

	"github.com/mqha/mqha/internal/core/receive"
)

// where a file is found.
type where uint8

const (
	nowhere where = iota
	asPart
	asFinal
	taken // by the consumer
)

// entryState is a directory entry of a file.
type entryState struct {
	where where
	epoch uint64 // of the part's name
}

// node is a file on the disk.
type node struct {
	file    uint32
	size    int64
	good    int64        // bytes from the beginning that are those of the source
	synced  int64        // of the good ones
	late    bool         // made by a stopped holder that woke; after the end nobody removes it
	entries []entryState // the first one is durable, the last one is seen; nothing else survives
}

func (n *node) seen() entryState { return n.entries[len(n.entries)-1] }

func (n *node) move(e entryState) { n.entries = append(n.entries, e) }

func (n *node) durablePart() bool { return len(n.entries) == 1 && n.seen().where == asPart }

// disk is the receiver's, with the consumer who takes delivered files away.
type disk struct {
	w       *world
	nodes   []*node
	made    []bool // directories
	durable []bool
	foreign []bool // somebody else's file has the name
}

func newDisk(w *world) *disk {
	n := len(w.plan.tree)
	d := &disk{w: w, made: make([]bool, n), durable: make([]bool, n), foreign: make([]bool, len(w.plan.sizes))}
	d.made[0], d.durable[0] = true, true
	return d
}

func (d *disk) part(file uint32, epoch uint64) *node {
	for _, n := range d.nodes {
		if n.file == file && n.seen() == (entryState{asPart, epoch}) {
			return n
		}
	}
	return nil
}

// delivered is how often a file is, or was before it was taken away, under its final name.
func (d *disk) delivered(file uint32) (count int) {
	for _, n := range d.nodes {
		if n.file == file && n.seen().where >= asFinal {
			count++
		}
	}
	return count
}

func (d *disk) create(file uint32, epoch uint64) *node {
	if dir := d.w.plan.dirs[file]; dir != receive.ManifestDir && !d.made[dir] || d.part(file, epoch) != nil {
		return nil
	}
	n := &node{file: file, entries: []entryState{{}, {asPart, epoch}}}
	d.nodes = append(d.nodes, n)
	return n
}

func (n *node) write(offset int64, length int) {
	end := offset + int64(length)
	if offset <= n.good {
		n.good = max(n.good, end)
	}
	n.size = max(n.size, end)
}

func (n *node) sync() { n.synced = n.good }

func (d *disk) remove(n *node) {
	if n != nil {
		n.move(entryState{})
	}
}

// rename gives a part its name. Only the manifest, which lies in a directory of its own, replaces
// what an earlier epoch may have left.
func (d *disk) rename(n *node) bool {
	for _, other := range d.nodes {
		if other.file != n.file || other.seen().where != asFinal {
			continue
		}
		if n.file != 0 {
			return false
		}
		d.remove(other)
	}
	if d.foreign[n.file] {
		return false
	}
	n.move(entryState{where: asFinal})
	d.offer(n)
	return true
}

// offer shows a file to the consumer, who takes it away at once, later or never.
func (d *disk) offer(n *node) {
	if n.file == 0 || d.w.chance(0.3) {
		return
	}
	take := func() {
		if n.seen().where == asFinal {
			n.move(entryState{where: taken})
			d.w.count("consumer took a file")
		}
	}
	if d.w.chance(0.5) {
		take()
		return
	}
	d.w.after(d.w.soon()+d.w.soon(), take)
}

func (d *disk) makeDir(dir uint32) bool {
	if !d.made[d.w.plan.tree[dir]] {
		return false
	}
	d.made[dir] = true
	return true
}

func (d *disk) syncDir(dir uint32) bool {
	if dir != receive.ManifestDir {
		if !d.made[dir] {
			return false
		}
		for child := 1; child < len(d.made); child++ {
			if d.w.plan.tree[child] == dir {
				d.durable[child] = d.made[child]
			}
		}
	}
	for _, n := range d.nodes {
		if d.w.plan.dirs[n.file] == dir {
			n.entries = n.entries[len(n.entries)-1:]
		}
	}
	return true
}

// list gives the parts, the newest epoch first; of what happens to them meanwhile it knows nothing.
func (d *disk) list() []*node {
	var parts []*node
	for _, n := range d.nodes {
		if n.seen().where == asPart {
			parts = append(parts, n)
		}
	}
	slices.SortStableFunc(parts, func(a, b *node) int { return int(b.seen().epoch) - int(a.seen().epoch) })
	return parts
}

// losePower forgets what was not synced, or a part of it.
func (d *disk) losePower() {
	for _, n := range d.nodes {
		kept := d.w.rng.IntN(len(n.entries))
		n.entries = n.entries[kept : kept+1]
		n.good = n.synced + d.w.rng.Int64N(n.good-n.synced+1)
		n.size = n.good + d.w.rng.Int64N(n.size-n.good+1)
		if n.seen().where == asFinal {
			d.offer(n)
		}
	}
	for i := range d.made {
		d.made[i] = d.durable[i] || d.made[i] && d.w.chance(0.5) && d.made[d.w.plan.tree[i]]
	}
}
