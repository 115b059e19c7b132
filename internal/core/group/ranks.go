package group

import (
	"cmp"
	"container/heap"
	"math/bits"
	"slices"
	"time"
)

// ranks is a set of members by rank.
type ranks []uint64

func newRanks(n int) ranks { return make(ranks, (n+63)/64) }

func (r ranks) add(rank int)    { r[rank/64] |= 1 << (rank % 64) }
func (r ranks) remove(rank int) { r[rank/64] &^= 1 << (rank % 64) }
func (r ranks) clear()          { clear(r) }

func (r ranks) addAll(other ranks) {
	for w := range other {
		r[w] |= other[w]
	}
}

// ascend visits the members in order. Those that do adds are visited when they come later.
func (r ranks) ascend(do func(rank int)) {
	for w := range r {
		for seen := uint64(0); ; {
			left := r[w] &^ seen
			if left == 0 {
				break
			}
			bit := bits.TrailingZeros64(left)
			seen |= 1<<bit | (1<<bit - 1)
			do(w*64 + bit)
		}
	}
}

// descend visits the members in reverse order. Those that do adds are visited when they come earlier.
func (r ranks) descend(do func(rank int)) {
	for w := len(r) - 1; w >= 0; w-- {
		for open := ^uint64(0); ; {
			left := r[w] & open
			if left == 0 {
				break
			}
			bit := 63 - bits.LeadingZeros64(left)
			open = 1<<bit - 1
			do(w*64 + bit)
		}
	}
}

// dues is a heap of members by the instant at which they have to be looked at.
type dues []*member

func (d dues) Len() int           { return len(d) }
func (d dues) Less(i, j int) bool { return d[i].dueAt.Before(d[j].dueAt) }
func (d dues) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].slot, d[j].slot = i, j
}

// Push is for package heap.
func (d *dues) Push(x any) {
	m := x.(*member)
	m.slot = len(*d)
	*d = append(*d, m)
}

// Pop is for package heap.
func (d *dues) Pop() any {
	last := len(*d) - 1
	m := (*d)[last]
	*d, m.slot = (*d)[:last], -1
	return m
}

// set moves a member to an instant; zero: takes it out.
func (d *dues) set(m *member, at time.Time) {
	switch {
	case at.IsZero() && m.slot >= 0:
		heap.Remove(d, m.slot)
	case at.IsZero() || m.slot >= 0 && at.Equal(m.dueAt):
	case m.slot < 0:
		m.dueAt = at
		heap.Push(d, m)
	default:
		m.dueAt = at
		heap.Fix(d, m.slot)
	}
}

func (d dues) first() time.Time {
	if len(d) == 0 {
		return time.Time{}
	}
	return d[0].dueAt
}

// passed takes out the members whose instant has come, in the order in which they were described.
func (d *dues) passed(now time.Time) []*member {
	var out []*member
	for len(*d) > 0 && !now.Before((*d)[0].dueAt) {
		out = append(out, heap.Pop(d).(*member))
	}
	slices.SortFunc(out, func(a, b *member) int { return cmp.Compare(a.index, b.index) })
	return out
}
