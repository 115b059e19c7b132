package receive

import (
	"testing"

	"github.com/mqha/mqha/internal/core/stream"
)

// killed is a transfer of three files whose last process wrote noted after its last checkpoint.
func killed(t *testing.T, durable stream.Pos, noted ...Noted) *story {
	t.Helper()
	s := restored(t, durable)
	s.core, s.last = Restore(testConfig, durable, 3, 0, nil, noted, nil)
	return s.wants(List)
}

func noted(file uint32, offset int64, length int, fin bool) Noted {
	return Noted{Pos: stream.Pos{File: file, Offset: offset}, Length: length, Fin: fin, Name: uint32(offset)}
}

// What a killed process had written is taken in without a word to the sender, and is durable only when a
// checkpoint says so.
func TestFramesOfAKilledProcessAreNotAskedForAgain(t *testing.T) {
	s := killed(t, stream.Pos{File: 1, Offset: 50}, noted(1, 50, 10, false), noted(1, 60, 5, true), noted(2, 0, 7, false))
	s.step(Event{Kind: Asked, Nonce: 1}).wants()
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1}, {File: 2}}}).wants(TakeOver, TakeOver)
	s.step(Event{Kind: TakenOver, File: 1})
	s.step(Event{Kind: TakenOver, File: 2}).wants(Reopen)
	s.step(Event{Kind: Reopened}).wants(Recheck)
	s.step(Event{Kind: Rechecked}).wants(Recheck)
	s.step(Event{Kind: Rechecked}).wants(Reopen)
	s.step(Event{Kind: Reopened}).wants(Recheck)
	s.step(Event{Kind: Rechecked}).wants(Reply)
	if a := s.last[0]; a.Pos != (stream.Pos{File: 2, Offset: 7}) || a.Durable != (stream.Pos{File: 1, Offset: 50}) {
		t.Errorf("goes on at %v and says that %v is durable", a.Pos, a.Durable)
	}
	s.frame(2, 7, 3, false).wants(Write)
	s.step(Event{Kind: DrainStarted}).wants(SetMeta, Sync, SyncDir)
}

// The first frame that is not there as it was sent ends it, and the parts behind it do not keep the names of
// those that will be created.
func TestFirstFrameThatIsNotThereEndsTheRecheck(t *testing.T) {
	s := killed(t, stream.Pos{File: 1, Offset: 50}, noted(1, 50, 10, false), noted(1, 60, 5, true), noted(2, 0, 7, true), noted(3, 0, 1, false))
	s.step(Event{Kind: Asked, Nonce: 1})
	s.step(Event{Kind: Listed, Parts: []Part{{File: 3}, {File: 2}, {File: 1}}})
	for file := range uint32(3) {
		s.step(Event{Kind: TakenOver, File: file + 1})
	}
	s.step(Event{Kind: Reopened}).wants(Recheck)
	s.step(Event{Kind: Rechecked}).wants(Recheck)
	s.step(Event{Kind: Rechecked, Failed: true}).wants(Abandon, Abandon, Reply)
	if a := s.last[2]; a.Pos != (stream.Pos{File: 1, Offset: 60}) {
		t.Errorf("goes on at %v", a.Pos)
	}
	s.frame(1, 60, 5, true).wants(Write)
	s.frame(2, 0, 7, true).wants(Create, Write)
}

// Bytes without the part that they were written to are none, and no part is kept behind a gap.
func TestNotedFramesWithoutTheirPartAreForgotten(t *testing.T) {
	s := killed(t, stream.Pos{File: 1}, noted(1, 0, 5, true), noted(2, 0, 7, true), noted(3, 0, 1, false))
	s.step(Event{Kind: Asked, Nonce: 1})
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1}, {File: 2, Stale: true}, {File: 3}}}).wants(TakeOver, RemovePart, RemovePart)
	s.step(Event{Kind: TakenOver, File: 1}).wants(Reopen)
	s.step(Event{Kind: Reopened}).wants(Recheck)
	s.step(Event{Kind: Rechecked}).wants(Reply)
}

func TestPartOfNotedFramesThatCannotBeReopenedIsRemoved(t *testing.T) {
	s := killed(t, stream.Pos{File: 1}, noted(1, 0, 5, false), noted(1, 5, 5, true), noted(2, 0, 7, true))
	s.step(Event{Kind: Asked, Nonce: 1})
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1}, {File: 2}}})
	s.step(Event{Kind: TakenOver, File: 1})
	s.step(Event{Kind: TakenOver, File: 2}).wants(Reopen)
	s.step(Event{Kind: Reopened, Failed: true}).wants(Abandon, Abandon, Reply)
	s.frame(1, 0, 5, false).wants(Create, Write)
}

// A file that was skipped leaves no frame behind: what came after it is asked for again.
func TestGapEndsTheTail(t *testing.T) {
	s := killed(t, stream.Pos{File: 1}, noted(2, 0, 5, true), noted(3, 0, 7, true))
	s.step(Event{Kind: Asked, Nonce: 1})
	s.step(Event{Kind: Listed, Parts: []Part{{File: 2}}}).wants(RemovePart, Reply)
}
