package transfer

import (
	"sync"

	"github.com/mqha/mqha/internal/core/stream"
)

// savedPoints are the states of the digest that may be needed again, in the order of the stream.
type savedPoints struct {
	mu     sync.Mutex
	points []savedPoint
	prefix digest // for the sums of points
}

// savedPoint holds a state without a pointer, so that to keep one a frame allocates nothing.
type savedPoint struct {
	pos   stream.Pos
	n     int
	state [maxState]byte
}

// maxState is the longest state of a digest: that of SHA-256 has 108 bytes.
const maxState = 128

// add keeps the state of d at pos. One that cannot be kept makes the prefix be read again.
func (s *savedPoints) add(pos stream.Pos, d digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.append(pos)
	if b, err := d.appendState(p.state[:0]); err == nil && len(b) <= maxState {
		p.n = len(b)
	}
}

// keep keeps a point of the journal, if this program can go on with it.
func (s *savedPoints) keep(kind Digest, pt point) {
	if len(pt.State) <= maxState && kind.resume(pt) != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		p := s.append(pt.Pos)
		p.n = copy(p.state[:], pt.State)
	}
}

// append gives a point at pos to be filled in. It is called with mu held.
func (s *savedPoints) append(pos stream.Pos) *savedPoint {
	for len(s.points) > 0 && !s.points[len(s.points)-1].pos.Before(pos) {
		s.points = s.points[:len(s.points)-1] // the stream was set back
	}
	s.points = append(s.points, savedPoint{pos: pos})
	return &s.points[len(s.points)-1]
}

// at gives the point at exactly pos, for the journal, and forgets what lies before it.
func (s *savedPoints) at(kind Digest, pos stream.Pos) point {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(s.points) && s.points[n].pos.Before(pos) {
		n++
	}
	s.points = append(s.points[:0], s.points[n:]...)
	if len(s.points) == 0 || s.points[0].pos != pos {
		return point{Pos: pos}
	}
	if s.prefix == nil {
		s.prefix = kind.begin()
	}
	state := s.points[0].state[:s.points[0].n]
	if s.prefix.load(state) != nil {
		return point{Pos: pos}
	}
	sum := s.prefix.sum()
	both := append(append(make([]byte, 0, len(state)+len(sum)), state...), sum[:]...)
	return point{Pos: pos, State: both[:len(state):len(state)], Sum: both[len(state):]}
}

// nearest gives the last state in pos's file at or before pos; nil: there is none.
func (s *savedPoints) nearest(kind Digest, pos stream.Pos) (digest, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.points) - 1; i >= 0; i-- {
		p := &s.points[i]
		if p.pos.File != pos.File || p.pos.Offset > pos.Offset {
			continue
		}
		if d := kind.begin(); p.n > 0 && d.load(p.state[:p.n]) == nil {
			return d, p.pos.Offset
		}
	}
	return nil, 0
}
