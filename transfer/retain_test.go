package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/stream"
	"pgregory.net/rapid"
)

// retainRig is an agent that sends to one that it can end the transfers of at will.
type retainRig struct {
	t    *testing.T
	seat *seat
	e    *Engine
	liar *liar
	stop func()
	x    string
}

func newRetainRig(t *testing.T) *retainRig {
	r := &retainRig{t: t, seat: newSeat(t, "A")}
	r.x = r.seat.file(t, "x", 1)
	return r
}

func (r *retainRig) open(f Fence, keep int) {
	r.t.Helper()
	r.e = r.seat.open(r.t, f, func(o *Options) { o.KeepEnded = keep })
	its, mine := Pipe()
	r.stop = start(r.e, its)
	r.liar = &liar{t: r.t, link: mine, head: header{From: "B", Incarnation: [16]byte{1}, Epoch: 1}}
}

func (r *retainRig) close() {
	r.t.Helper()
	r.stop()
	if err := r.e.Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *retainRig) submit(id ID) {
	r.t.Helper()
	if _, err := r.e.Submit(r.t.Context(), Request{ID: id, To: "B", Items: []Item{{Source: r.x, Destination: "x"}}}); err != nil {
		r.t.Fatal(err)
	}
}

// end has the receiver say its last word, and waits until the sender has done all that follows from it.
func (r *retainRig) end(id ID) {
	r.t.Helper()
	word, err := json.Marshal(result{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.liar.head.Transfer = id
	r.liar.send(header{Kind: kindEnd, Answer: stream.Completed}, word)
	synctest.Wait()
}

// knows compares what is remembered with want, by the numbers of the transfers in ids.
func (r *retainRig) knows(when string, ids []ID, want ...int) {
	r.t.Helper()
	var have []int
	for i, id := range ids {
		s, err := r.e.Status(id)
		_, waitErr := r.e.Wait(r.t.Context(), id)
		switch {
		case err == nil && waitErr == nil && s.State == Completed:
			have = append(have, i+1)
		case !errors.Is(err, ErrUnknown) || !errors.Is(waitErr, ErrUnknown):
			r.t.Errorf("%s: number %d: %v, %v, %v", when, i+1, s.State, err, waitErr)
		}
	}
	if !slices.Equal(have, want) {
		r.t.Errorf("%s: %v are known, want %v", when, have, want)
	}
	_ = r.e.call(r.t.Context(), func() {
		out, records, places := len(r.e.out), len(r.e.state.out), len(r.e.state.ends.place)
		if out != len(want) || records != len(want) || places != len(want) {
			r.t.Errorf("%s: %d transfers in memory, %d records and %d places, want %d", when, out, records, places, len(want))
		}
	})
}

// TestEndedTransfersAreForgottenInTheOrderInWhichTheyEnded: the records of all that an agent had ever sent stayed, in memory,
// in the journal and in the time of each takeover.
func TestEndedTransfersAreForgottenInTheOrderInWhichTheyEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetainRig(t)
		r.open(goodLease(1), 3)
		ids := make([]ID, 6)
		for i := range ids {
			ids[i] = NewID()
			r.submit(ids[i])
		}
		for _, i := range []int{4, 2, 5, 1, 3} {
			r.end(ids[i-1])
		}
		// 6 has not ended, and its number is the highest.
		r.end(ids[5])
		r.knows("before", ids, 1, 3, 6)
		r.close()
		r.open(goodLease(2), 2) // reads a journal that has all of them still, without a rotation
		r.knows("after a takeover", ids, 3, 6)
		r.close()
		r.open(goodLease(3), 2)
		r.knows("after another, which reads a snapshot", ids, 3, 6)
		r.submit(ids[5]) // comes again: sends nothing
		r.knows("after a Submit that came again", ids, 3, 6)
		r.submit(ids[3]) // this one has gone, so it is sent again
		r.end(ids[3])
		r.knows("after a Submit of one that had gone", ids, 4, 6)
		r.end(ids[0]) // its receiver never heard that its last word had arrived
		for r.liar.head.Transfer = ids[0]; ; {
			if h, _ := r.liar.expect(kindConfirm); h.Transfer == ids[0] {
				break
			}
		}
		r.close()
		r.open(goodLease(4), -1)
		r.knows("where all are kept that are still in the journal", ids, 3, 4, 6)
		r.close()
	})
}

// TestNumberIsNotGivenTwiceWhenItsTransferIsForgotten: the next number comes from the highest in the journal. Receivers refuse
// one that they had before.
func TestNumberIsNotGivenTwiceWhenItsTransferIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetainRig(t)
		r.open(goodLease(1), 1)
		ids := []ID{NewID(), NewID(), NewID(), NewID()}
		for _, id := range ids[:3] {
			r.submit(id)
		}
		for _, i := range []int{3, 1, 2} {
			r.end(ids[i-1])
		}
		r.knows("before", ids, 3)
		for epoch := range uint64(2) {
			r.close()
			r.open(goodLease(epoch+2), 1)
			r.knows("after a takeover", ids, 3)
		}
		r.submit(ids[3])
		_ = r.e.call(t.Context(), func() {
			if n := r.e.out[ids[3]].rec.Number; n != 4 {
				t.Errorf("the fourth transfer has number %d", n)
			}
		})
		r.close()
	})
}

// TestTransferIsForgottenAfterItsLists: they have its ID in their names, so that a late unlink would meet those of the same
// transfer submitted again.
func TestTransferIsForgottenAfterItsLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		fence := &hookFence{epoch: 1}
		fence.set(func(stack string) error {
			if strings.Contains(stack, "removeLists") {
				<-hang
			}
			return nil
		})
		r := newRetainRig(t)
		r.open(fence, 1)
		ids := []ID{NewID(), NewID(), NewID()}
		for _, id := range ids {
			r.submit(id)
		}
		for _, id := range ids {
			r.end(id)
		}
		r.knows("while their lists are there", ids, 1, 2, 3)
		close(hang)
		synctest.Wait()
		r.knows("after that", ids, 3)
		r.close()
	})
}

// TestEndedTransfersDoNotQueueBehindOneThatWaits: they stayed in memory as long as an older one to the same agent did.
func TestEndedTransfersDoNotQueueBehindOneThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetainRig(t)
		r.open(goodLease(1), 1)
		r.submit(NewID()) // never ends
		for range 40 {
			id := NewID()
			r.submit(id)
			r.end(id)
			_ = r.e.call(t.Context(), func() {
				if all := len(r.e.turns.all["B"]); all > 4 {
					t.Fatalf("one transfer to B has not ended, %d are queued", all)
				}
				if lowest := r.e.lowest("B"); lowest != 1 {
					t.Errorf("the lowest is %d", lowest)
				}
			})
		}
		r.close()
	})
}

func idsOf(records []*outRecord) (ids []ID) {
	for _, o := range records {
		ids = append(ids, o.ID)
	}
	return ids
}

// TestSnapshotKeepsTheOrderOfEnds, also the second and third, and which sources are still to be deleted does not end.
func TestSnapshotKeepsTheOrderOfEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newState()
		var ids, want []ID
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch what := rapid.IntRange(0, 2).Draw(t, "step"); {
			case what == 0 || len(ids) == 0:
				out := &outRecord{ID: NewID(), Number: s.next}
				if rapid.Bool().Draw(t, "moves") {
					out.Moving = new(moving)
				}
				s.apply(record{Out: out})
				ids = append(ids, out.ID)
			default:
				id := rapid.SampledFrom(ids).Draw(t, "which")
				was := s.out[id].over()
				if what == 1 && s.out[id].Answer == stream.Unknown {
					s.apply(record{OutEnd: &endRecord{ID: id, Answer: stream.Completed}})
				} else if s.out[id].deletes() {
					s.apply(record{Deleting: &deletingRecord{ID: id}})
				}
				if !was && s.out[id].over() {
					want = append(want, id)
				}
			}
		}
		for range 3 {
			if have := idsOf(s.over()); !slices.Equal(have, want) {
				t.Fatalf("ended %v, want %v", have, want)
			}
			next := newState()
			for _, r := range s.snapshot() {
				next.apply(r)
			}
			if len(next.out) != len(ids) || next.next != s.next {
				t.Fatalf("%d transfers, next %d; want %d and %d", len(next.out), next.next, len(ids), s.next)
			}
			s = next
		}
	})
}

// TestOrderOfEndsThatAnEarlierReleaseDidNotWrite: the older by number go first, and before those that end now.
func TestOrderOfEndsThatAnEarlierReleaseDidNotWrite(t *testing.T) {
	s := newState()
	for _, n := range []uint64{3, 1, 4, 2} {
		s.apply(record{Out: &outRecord{ID: ID{byte(n)}, Number: n, Answer: stream.Completed}})
	}
	s.apply(record{Out: &outRecord{ID: ID{9}, Number: 5}})
	s.apply(record{Out: &outRecord{ID: ID{8}, Number: 6}})
	s.apply(record{OutEnd: &endRecord{ID: ID{8}, Answer: stream.Completed}})
	s.apply(record{OutEnd: &endRecord{ID: ID{9}, Answer: stream.Completed}})
	kept, gone := s.retain(s.over(), 3)
	if !slices.Equal(gone, []ID{{1}, {2}, {3}}) || len(kept) != 3 || len(s.out) != 3 {
		t.Errorf("%v have gone, %d are kept, %d in the state", gone, len(kept), len(s.out))
	}
}

// TestSnapshotIsOfOneMoment: it is written by the journal's lane while the state goes on.
func TestSnapshotIsOfOneMoment(t *testing.T) {
	out, in, late := ID{1}, ID{2}, []FileFailure{{Name: "late", Reason: "later"}}
	s := newState()
	p := s.peer("B")
	p.Incarnation = incarnation{1}
	p.confirm(7)
	p.Confirmed = slices.Grow(p.Confirmed, 8)
	s.apply(record{Out: &outRecord{ID: out, Number: 1, Moving: new(moving), Failures: []FileFailure{{Name: "x"}}}})
	s.apply(record{In: &inRecord{ID: in, Number: 9, From: "B", Incarnation: incarnation{1}, Point: point{State: []byte{1}}, Committed: []receive.File{{Index: 1}}}})
	before, err := appendEntries(s.snapshot())
	if err != nil {
		t.Fatal(err)
	}
	snapshot := s.snapshot()
	for _, r := range []record{
		{Mark: &markRecord{ID: out, Point: point{Pos: stream.Pos{File: 1}}}},
		{Cancel: &cancelRecord{ID: out, Reason: "late"}},
		{OutEnd: &endRecord{ID: out, Answer: stream.Completed, result: result{Failed: 1, Failures: late}}},
		{Deleting: &deletingRecord{ID: out, First: 1, Last: 1, Left: 1, LeftFiles: late}},
		{Commit: &checkRecord{ID: in, Epoch: 5, Failed: 1, Failures: late, Files: []receive.File{{Index: 2}}}},
		{Done: &doneRecord{ID: in}},
		{InEnd: &endRecord{ID: in, Answer: stream.Completed}},
		{Forget: &in},
	} {
		s.apply(r)
	}
	after, err := appendEntries(snapshot)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the snapshot has become\n%q, %v, was\n%q", after, err, before)
	}
}
