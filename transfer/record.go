package transfer

import (
	"slices"

	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/stream"
)

// record is one entry of the journal; exactly one field is set. It is JSON, so that an operator can
// read a journal with strings(1).
type record struct {
	Peer   *peerRecord   `json:"peer,omitempty"`   // what is known of another agent
	Out    *outRecord    `json:"out,omitempty"`    // an outgoing transfer as a whole
	In     *inRecord     `json:"in,omitempty"`     // an incoming transfer as a whole
	Mark   *markRecord   `json:"mark,omitempty"`   // outgoing: durable at the receiver
	Commit *checkRecord  `json:"commit,omitempty"` // incoming: a checkpoint; its files are about to be renamed
	Done   *doneRecord   `json:"done,omitempty"`   // incoming: the files of the last commit have their names
	Cancel *cancelRecord `json:"cancel,omitempty"` // outgoing: to be given up
	OutEnd *endRecord    `json:"outend,omitempty"`
	// Deleting: outgoing, completed: its sources. An older release passes over it, and leaves them.
	Deleting *deletingRecord `json:"deleting,omitempty"`
	InEnd    *endRecord      `json:"inend,omitempty"`
	Forget   *ID             `json:"forget,omitempty"` // incoming: confirmed
}

// point is a place in the stream and the digest of the file up to there.
type point struct {
	Pos   stream.Pos `json:"pos"`
	State []byte     `json:"state,omitempty"` // of the digest, as encoding.BinaryAppender gives it
	Sum   []byte     `json:"sum,omitempty"`   // the digest of the prefix: a state of another Go release is found out by it
}

type outRecord struct {
	ID         ID            `json:"id"`
	Number     uint64        `json:"number"` // in this agent's sequence
	To         string        `json:"to"`
	Lists      uint64        `json:"lists"`    // epoch in the names of its lists
	Manifest   int64         `json:"manifest"` // bytes
	Digest     Digest        `json:"digest,omitempty"`
	Files      int           `json:"files"`
	Bytes      int64         `json:"bytes"`
	Point      point         `json:"point"`
	Cancelling bool          `json:"cancelling,omitempty"`
	Answer     stream.Answer `json:"answer,omitempty"`
	Failed     int           `json:"failed,omitempty"`
	Failures   []FileFailure `json:"failures,omitempty"`
	Reason     string        `json:"reason,omitempty"`
	Moving     *moving       `json:"moving,omitempty"` // nil: the sources stay
}

type inRecord struct {
	ID          ID             `json:"id"`
	Number      uint64         `json:"number"` // in the sender's sequence
	From        string         `json:"from"`
	Incarnation incarnation    `json:"incarnation"`
	Root        uint64         `json:"root"`     // inode of WriteRoot
	Manifest    int64          `json:"manifest"` // bytes
	Digest      Digest         `json:"digest,omitempty"`
	Lists       uint64         `json:"lists,omitempty"` // epoch in the manifest's name, once it is accepted
	Files       int            `json:"files"`
	Bytes       int64          `json:"bytes"`
	Epoch       uint64         `json:"epoch,omitempty"` // in which Point was written
	Point       point          `json:"point"`
	Committed   []receive.File `json:"committed,omitempty"`
	Answer      stream.Answer  `json:"answer,omitempty"`
	Failed      int            `json:"failed,omitempty"`
	Failures    []FileFailure  `json:"failures,omitempty"`
	Reason      string         `json:"reason,omitempty"`
}

func (r *inRecord) result() result {
	return result{Failed: r.Failed, Failures: r.Failures, Reason: r.Reason}
}

type markRecord struct {
	ID    ID    `json:"id"`
	Point point `json:"point"`
}

type cancelRecord struct {
	ID     ID     `json:"id"`
	Reason string `json:"reason"`
}

type checkRecord struct {
	ID       ID             `json:"id"`
	Epoch    uint64         `json:"epoch"`
	Point    point          `json:"point"`
	Lists    uint64         `json:"lists,omitempty"` // epoch in the manifest's name, in the first
	Files    []receive.File `json:"files,omitempty"`
	Failed   int            `json:"failed,omitempty"`
	Failures []FileFailure  `json:"failures,omitempty"` // the first of them
}

type doneRecord struct {
	ID       ID            `json:"id"`
	Failed   int           `json:"failed,omitempty"`
	Failures []FileFailure `json:"failures,omitempty"`
}

type endRecord struct {
	ID     ID            `json:"id"`
	Answer stream.Answer `json:"answer"`
	result
}

// state is what the journal says, record by record. The engine changes it only through apply, so
// that a replay gives the same.
type state struct {
	peers map[string]*peerRecord
	out   map[ID]*outRecord
	in    map[ID]*inRecord
	next  uint64 // number of the next outgoing transfer
	ends  endOrder
}

func newState() *state {
	return &state{peers: map[string]*peerRecord{}, out: map[ID]*outRecord{}, in: map[ID]*inRecord{}, next: 1, ends: newEndOrder()}
}

func (s *state) apply(r record) {
	switch {
	case r.Peer != nil:
		s.peers[r.Peer.Name] = r.Peer
	case r.Out != nil:
		s.out[r.Out.ID] = r.Out
		s.next = max(s.next, r.Out.Number+1)
	case r.In != nil:
		s.in[r.In.ID] = r.In
	case r.Mark != nil:
		if o := s.out[r.Mark.ID]; o != nil {
			o.Point = r.Mark.Point
		}
	case r.Cancel != nil:
		if o := s.out[r.Cancel.ID]; o != nil {
			o.Cancelling, o.Reason = true, r.Cancel.Reason
		}
	case r.OutEnd != nil:
		s.endOut(r.OutEnd)
	case r.Deleting != nil:
		if o := s.out[r.Deleting.ID]; o != nil && o.Moving != nil {
			if o.Moving.apply(r.Deleting); o.Moving.Over {
				s.ends.add(o.ID)
			}
		}
	default:
		s.applyIn(r)
	}
}

func (s *state) endOut(e *endRecord) {
	o := s.out[e.ID]
	if o == nil {
		return
	}
	s.ends.add(o.ID)
	if o.Answer != stream.Unknown { // the record of a snapshot that tells its place; earlier releases pass over it
		return
	}
	o.Answer, o.Reason, o.Point = e.Answer, e.Reason, point{}
	o.Failed += e.Failed
	o.Failures = addFailures(o.Failures, e.Failures)
	if o.Moving != nil {
		o.Moving.end(e)
	}
}

func (s *state) applyIn(r record) {
	switch {
	case r.Commit != nil:
		if in := s.in[r.Commit.ID]; in != nil {
			in.Epoch, in.Point, in.Committed = r.Commit.Epoch, r.Commit.Point, r.Commit.Files
			in.fail(r.Commit.Failed, r.Commit.Failures)
			if r.Commit.Lists > 0 {
				in.Lists = r.Commit.Lists
			}
		}
	case r.Done != nil:
		if in := s.in[r.Done.ID]; in != nil {
			in.Committed = nil
			in.fail(r.Done.Failed, r.Done.Failures)
		}
	case r.InEnd != nil:
		if in := s.in[r.InEnd.ID]; in != nil {
			in.Answer, in.Reason = r.InEnd.Answer, r.InEnd.Reason
			in.Point.State, in.Point.Sum = nil, nil
		}
	case r.Forget != nil:
		if in := s.in[*r.Forget]; in != nil {
			if p := s.peer(in.From); p.Incarnation == in.Incarnation { // else its numbers mean nothing any more
				p.confirm(in.Number)
			}
			delete(s.in, *r.Forget)
		}
	}
}

func (r *inRecord) fail(n int, f []FileFailure) {
	r.Failed += n
	r.Failures = addFailures(r.Failures, f)
}

func addFailures(have, more []FileFailure) []FileFailure {
	room := maxFailures - len(have)
	return append(slices.Clip(have), more[:max(0, min(room, len(more)))]...)
}

func (s *state) peer(name string) *peerRecord {
	p := s.peers[name]
	if p == nil {
		p = &peerRecord{Name: name}
		s.peers[name] = p
	}
	return p
}

// snapshot gives the records that make this state from an empty one. They are copies: the state goes on while they are
// written. What has ended comes in its order, and after each record one that says that it ends here.
func (s *state) snapshot() []record {
	rs := make([]record, 0, len(s.peers)+2*len(s.out)+len(s.in))
	for _, p := range s.peers {
		c := *p
		rs = append(rs, record{Peer: &c})
	}
	outs := make([]outRecord, 0, len(s.out)) // one allocation, not one a transfer
	add := func(o *outRecord) {
		outs = append(outs, *o)
		c := &outs[len(outs)-1]
		if c.Moving != nil {
			m := *c.Moving
			c.Moving = &m
		}
		rs = append(rs, record{Out: c})
	}
	for _, o := range s.out {
		if !o.over() {
			add(o)
		}
	}
	for _, o := range s.over() {
		add(o)
		rs = append(rs, record{OutEnd: &endRecord{ID: o.ID, Answer: o.Answer}})
	}
	for _, in := range s.in {
		c := *in
		rs = append(rs, record{In: &c})
	}
	return rs
}
