package crashdisk

import "math/rand/v2"

// change is one change to a directory: the names it gave and took, together.
type change struct {
	dir    *inode
	names  map[string]*inode // nil: the name is gone
	other  *change           // of a rename from one directory into another, the half there
	synced bool
}

// turn changes names in a directory.
func (i *inode) turn(names map[string]*inode) *change {
	apply(i.now.names, names)
	c := &change{dir: i, names: names}
	i.turns = append(i.turns, c)
	return c
}

// turnBoth changes names in two directories, at once also for a loss of power.
func turnBoth(a *inode, inA map[string]*inode, b *inode, inB map[string]*inode) {
	ca, cb := a.turn(inA), b.turn(inB)
	ca.other, cb.other = cb, ca
}

func apply(to, names map[string]*inode) {
	for n, in := range names {
		if in == nil {
			delete(to, n)
		} else {
			to[n] = in
		}
	}
}

// syncTurns makes the changes of a directory durable up to last, all if that is nil, and with a rename what
// came before it in the other directory.
func (i *inode) syncTurns(last *change) {
	for len(i.turns) > 0 {
		c := i.turns[0]
		i.turns, c.synced = i.turns[1:], true
		apply(i.synced.names, c.names)
		if c.other != nil && !c.other.synced {
			c.other.dir.syncTurns(c.other)
		}
		if c == last {
			return
		}
	}
}

// keepTurns says how many changes of each directory a loss of power leaves.
func (d *Disk) keepTurns(k Kept, chance *rand.Rand) map[*inode]int {
	kept := map[*inode]int{}
	var dirs []*inode
	var find func(i *inode)
	find = func(i *inode) {
		if _, known := kept[i]; known || !i.dir() {
			return
		}
		kept[i] = 0
		if k == Some {
			kept[i] = chance.IntN(len(i.turns) + 1)
		}
		dirs = append(dirs, i)
		names := []map[string]*inode{i.synced.names, i.now.names}
		for _, c := range i.turns {
			names = append(names, c.names)
			if c.other != nil {
				names = append(names, map[string]*inode{"": c.other.dir})
			}
		}
		for _, m := range names {
			for _, n := range sortedNames(m) {
				if m[n] != nil {
					find(m[n])
				}
			}
		}
	}
	find(d.root)
	for changed := true; changed; {
		changed = false
		for _, i := range dirs {
			for at, c := range i.turns[:kept[i]] {
				if c.other != nil && !c.other.kept(kept) {
					kept[i], changed = at, true
					break
				}
			}
		}
	}
	return kept
}

func (c *change) kept(kept map[*inode]int) bool {
	for _, k := range c.dir.turns[:kept[c.dir]] {
		if k == c {
			return true
		}
	}
	return c.synced
}
