package receive

import (
	"slices"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/core/credit"
	"github.com/mqha/mqha/internal/core/stream"
)

var testConfig = Config{
	CheckpointBytes: 100, CheckpointInterval: time.Second, CheckpointFiles: 10,
	MaxUndurable: 1000, MaxPending: 20, AckFrames: 100, AckBytes: 1000,
}

// story steps a transfer and remembers what it wanted last.
type story struct {
	t    *testing.T
	core *Transfer
	now  time.Time
	last []Action
}

func (s *story) step(e Event) *story {
	s.t.Helper()
	s.last = s.core.Step(s.now, e, nil)
	return s
}

func (s *story) wants(kinds ...ActionKind) *story {
	s.t.Helper()
	got := kindsOf(s.last)
	if !slices.Equal(got, kinds) {
		s.t.Fatalf("wants %v, not %v", got, kinds)
	}
	return s
}

func kindsOf(actions []Action) []ActionKind {
	var kinds []ActionKind
	for _, a := range actions {
		kinds = append(kinds, a.Kind)
	}
	return kinds
}

func (s *story) frame(file uint32, offset int64, length int, fin bool) *story {
	s.t.Helper()
	return s.step(Event{Kind: Frame, Nonce: 1, Pos: stream.Pos{File: file, Offset: offset}, Length: length, Fin: fin})
}

func (s *story) written(file uint32, offset int64, length int, fin bool) *story {
	s.t.Helper()
	return s.step(Event{Kind: Written, File: file, Dir: 0, Pos: stream.Pos{File: file, Offset: offset}, Length: length, Fin: fin})
}

func (s *story) record() *story {
	s.t.Helper()
	return s.step(Event{Kind: RecordWritten}).wants(SyncRecord).step(Event{Kind: RecordSynced})
}

func announced(t *testing.T) *story {
	t.Helper()
	s := &story{t: t, core: NewOpened(testConfig), now: time.Unix(1, 0)}
	s.step(Event{Kind: Opened, Nonce: 1}).wants(WriteOpen)
	return s.record().wants(Reply, Settle)
}

// taking is a transfer of files whose manifest was accepted.
func taking(t *testing.T, files uint32) *story {
	t.Helper()
	s := announced(t)
	s.frame(0, 0, 10, true).wants(Create, Write)
	s.written(0, 0, 10, true).wants(Sync)
	s.step(Event{Kind: Synced}).wants(Rename)
	s.step(Event{Kind: Renamed}).wants(SyncDir)
	s.step(Event{Kind: DirSynced, Dir: ManifestDir}).wants(Load)
	s.step(Event{Kind: Loaded, Last: files}).wants(SyncDir)
	s.step(Event{Kind: DirSynced}).wants(WriteCheckpoint)
	return s.record()
}

func restored(t *testing.T, durable stream.Pos, committed ...File) *story {
	t.Helper()
	s := &story{t: t, now: time.Unix(1, 0)}
	s.core, s.last = Restore(testConfig, durable, 1, 0, committed, nil, nil)
	return s.wants(List)
}

func TestFileIsNamedOnlyWhenCommitIsDurable(t *testing.T) {
	s := taking(t, 1)
	s.frame(1, 0, 5, true).wants(Create, Write)
	s.written(1, 0, 5, true).wants(SetMeta, SyncDir)
	s.step(Event{Kind: DirSynced}).wants()
	s.step(Event{Kind: MetaSet, File: 1}).wants(Sync)
	s.step(Event{Kind: Synced, File: 1}).wants(WriteCheckpoint)
	s.record().wants(Rename)
	s.step(Event{Kind: Renamed, File: 1}).wants(SyncDir)
	s.step(Event{Kind: DirSynced}).wants(WriteDone)
	s.step(Event{Kind: RecordWritten}).wants(Progressed, Ack, WriteEnd)
	s.record().wants(SendEnd)
	s.step(Event{Kind: Confirmed}).wants(WriteForget)
	s.record().wants(Forgotten, Settle)
}

// A sender that was granted less than Config acknowledges at once would wait for the next checkpoint.
func TestAcknowledgementComesBeforeASmallGrantIsUsedUp(t *testing.T) {
	for _, l := range []credit.Limit{{Bytes: 1000, Frames: 3}, {Bytes: 20, Frames: 90}} {
		s := taking(t, 1)
		s.core.Granted(l)
		s.frame(1, 0, 5, false).wants(Create, Write)
		s.frame(1, 5, 5, false).wants(Write)
		s.frame(1, 10, 5, false).wants(Write)
		s.frame(1, 15, 5, false).wants(Write)
		s.written(1, 0, 5, false).wants()
		s.written(1, 5, 5, false).wants(Ack)
		s.written(1, 10, 5, false).wants()
		s.written(1, 15, 5, false).wants(Ack)
	}
}

// Credit came back when a frame was taken off the link: a receiver that was killed had all in hand that waits to be
// written, beside what was in flight. And what was taken off for an older question returns no credit for the new one.
func TestCreditComesBackForWhatIsWritten(t *testing.T) {
	s := taking(t, 1)
	s.core.Granted(credit.Limit{Bytes: 1000, Frames: 2})
	s.frame(1, 0, 5, false).wants(Create, Write)
	s.frame(1, 5, 5, false).wants(Write)
	s.step(Event{Kind: Asked, Nonce: 2}).wants(Reply)
	s.written(1, 0, 5, false).wants()
	s.step(Event{Kind: Frame, Nonce: 2, Pos: stream.Pos{File: 1, Offset: 10}, Length: 5}).wants(Write)
	s.written(1, 5, 5, false).wants()
	s.written(1, 10, 5, false).wants(Ack)
	if a := s.last[0]; a.Nonce != 2 || a.Frames != 1 || a.Bytes != 5 {
		t.Errorf("%+v", a)
	}
}

// The last frame of the manifest is taken in before it is written, and the next place is in file 1:
// a checkpoint made then took the manifest for accepted, and delivered nothing as "completed".
func TestManifestInFlightIsNotCheckpointed(t *testing.T) {
	s := announced(t)
	s.frame(0, 0, 200, false).wants(Create, Write)
	s.frame(0, 200, 200, true).wants(Write)
	s.written(0, 0, 200, false).wants()
	if !s.core.Deadline().IsZero() {
		t.Error("a checkpoint is due while the manifest arrives")
	}
	s.step(Event{Kind: DrainStarted}).wants()
	s.now = s.now.Add(time.Hour)
	s.step(Event{Kind: Tick}).wants()
}

// Syncing a file does not sync its directory entry. A committed file whose part vanished with the
// power counted as delivered.
func TestEntryOfThePartIsDurableBeforeCommit(t *testing.T) {
	s := taking(t, 1)
	s.frame(1, 0, 5, true)
	s.written(1, 0, 5, true).wants(SetMeta, SyncDir)
	s.step(Event{Kind: MetaSet, File: 1}).wants(Sync)
	s.step(Event{Kind: Synced, File: 1}).wants()
	s.step(Event{Kind: DirSynced}).wants(WriteCheckpoint)
}

// The second outstanding write of a refused manifest began the manifest again after the end.
func TestWritesOfARefusedManifestNoLongerCount(t *testing.T) {
	s := announced(t)
	s.frame(0, 0, 5, false)
	s.frame(0, 5, 5, true)
	s.step(Event{Kind: Written, Failed: true}).wants(Abandon, WriteEnd)
	s.written(0, 5, 5, true).wants()
	s.record().wants(SendEnd)
	if s.core.Answer() != stream.Refused || s.core.Phase() != Over {
		t.Errorf("answer %d in phase %d", s.core.Answer(), s.core.Phase())
	}
}

// A part that could not be reopened kept the name of the new one, whose creation then failed.
func TestPartThatCannotBeReopenedIsRemoved(t *testing.T) {
	s := restored(t, stream.Pos{File: 1, Offset: 50})
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1}}}).wants(TakeOver)
	s.step(Event{Kind: TakenOver, File: 1}).wants(Reopen)
	s.step(Event{Kind: Reopened, Failed: true}).wants(Abandon, WriteCheckpoint)
}

// The journal said "50 bytes of file 1" while file 1 was received anew. After a loss of power the
// new part had 50 bytes that were never synced, and was gone on with.
func TestJournalSaysThatAFileBeginsAnew(t *testing.T) {
	s := restored(t, stream.Pos{File: 1, Offset: 50})
	s.step(Event{Kind: Listed}).wants(Reopen)
	s.step(Event{Kind: Asked, Nonce: 1})
	s.step(Event{Kind: Reopened, Failed: true}).wants(Abandon, WriteCheckpoint)
	if got := s.last[1].Checkpoint.Durable; got != (stream.Pos{File: 1}) {
		t.Errorf("checkpoint at %v", got)
	}
	s.frame(1, 0, 5, true).wants(Drop)
	s.record().wants(Reply)
	s.frame(1, 0, 5, true).wants(Create, Write)
}

// A stopped holder that wakes may create a part after its file was committed and delivered by the
// successor. Given the name, an empty file was delivered a second time.
func TestStalePartIsNeverTakenForACommittedFile(t *testing.T) {
	s := restored(t, stream.Pos{File: 2}, File{Index: 1})
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1, Stale: true}}}).wants(List)
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1, Stale: true}}}).wants(RemovePart, Rename)
}

// The forget record was not synced, and CONFIRM is sent once: after a loss of power the transfer
// waited for it for ever.
func TestConfirmationIsSettledWhenItIsDurable(t *testing.T) {
	s := &story{t: t, core: NewOver(testConfig, stream.Completed), now: time.Unix(1, 0)}
	s.step(Event{Kind: Confirmed}).wants(WriteForget)
	s.step(Event{Kind: LinkUp}).wants(Nudge)
	s.step(Event{Kind: Confirmed}).wants() // again, by the new link
	s.step(Event{Kind: RecordWritten}).wants(SyncRecord)
	s.step(Event{Kind: RecordSynced}).wants(Forgotten, Settle)
}

// IT05583: the file had arrived, and the transfer stayed in recovery for ever, because the last
// message was lost.
func TestLastWordIsSaidAgainWhenAsked(t *testing.T) {
	s := &story{t: t, core: NewOver(testConfig, stream.Completed), now: time.Unix(1, 0)}
	for nonce := uint64(1); nonce < 4; nonce++ {
		s.step(Event{Kind: Asked, Nonce: nonce}).wants(SendEnd)
	}
}

// IT05585: completion raced with a resynchronisation, and neither came to an end.
func TestQuestionWhileTheEndIsWrittenIsAnsweredByTheEnd(t *testing.T) {
	s := taking(t, 0).wants(Progressed, Ack, WriteEnd)
	s.step(Event{Kind: Asked, Nonce: 2}).wants()
	s.step(Event{Kind: LinkUp}).wants()
	s.step(Event{Kind: Asked, Nonce: 3}).wants()
	s.record().wants(SendEnd)
	s.step(Event{Kind: Asked, Nonce: 2}).wants() // late
	s.step(Event{Kind: Asked, Nonce: 3}).wants(SendEnd)
}

// A drain waited for ever when the unfinished file had failed, since its offset went back.
func TestDrainEndsAlthoughTheUnfinishedFileFailed(t *testing.T) {
	s := taking(t, 2)
	s.frame(1, 0, 100, false)
	s.written(1, 0, 100, false).wants(Sync, SyncDir)
	s.step(Event{Kind: Synced, File: 1})
	s.step(Event{Kind: DirSynced}).wants(WriteCheckpoint)
	s.record().wants(Progressed, Ack)
	s.frame(1, 100, 5, false)
	s.step(Event{Kind: Written, File: 1, Pos: stream.Pos{File: 1, Offset: 100}, Failed: true}).wants(Abandon)
	s.step(Event{Kind: DrainStarted})
	if !s.core.Quiet() {
		t.Error("not quiet")
	}
}

// Nor may it wait for a manifest, which no checkpoint makes durable.
func TestDrainEndsInTheMiddleOfTheManifest(t *testing.T) {
	s := announced(t)
	s.frame(0, 0, 5, false)
	s.step(Event{Kind: DrainStarted})
	s.written(0, 0, 5, false).wants()
	if !s.core.Quiet() {
		t.Error("not quiet")
	}
}

// The removal of a part was undone by a loss of power after the end, when nobody looked any more.
func TestNothingIsLeftBehindWhenAFileFailed(t *testing.T) {
	s := taking(t, 1)
	s.frame(1, 0, 5, true)
	s.step(Event{Kind: Written, File: 1, Failed: true}).wants(Abandon, WriteCheckpoint)
	s.record().wants(Progressed, Ack, List)
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1}}}).wants(RemovePart, List)
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1}}}).wants(RemovePart, SyncDir) // it cannot be removed
	s.step(Event{Kind: DirSynced}).wants(WriteEnd)
}

// A checkpoint that began while writes to a skipped file were outstanding synced the part that was
// just removed, and called its bytes durable.
func TestCheckpointLeavesTheSkippedFileOut(t *testing.T) {
	s := taking(t, 2)
	s.frame(1, 0, 60, false)
	s.frame(1, 60, 60, false)
	s.written(1, 0, 60, false).wants()
	s.step(Event{Kind: Frame, Nonce: 1, Pos: stream.Pos{File: 1, Offset: 120}, Skip: true}).wants(Abandon, Drop)
	s.now = s.now.Add(time.Hour)
	s.step(Event{Kind: Tick}).wants(SyncDir)
	s.step(Event{Kind: DirSynced}).wants(WriteCheckpoint)
	if got := s.last[0].Checkpoint.Durable; got != (stream.Pos{File: 1}) {
		t.Errorf("checkpoint at %v", got)
	}
}

func TestQuestionLetsTheReceiverNudgeAgain(t *testing.T) {
	s := taking(t, 1)
	s.frame(1, 5, 5, false).wants(Drop, Nudge)
	s.frame(1, 10, 5, false).wants(Drop)
	s.step(Event{Kind: Asked, Nonce: 2}).wants(Reply)
	s.frame(1, 5, 5, false).wants(Drop) // of the older session
	s.step(Event{Kind: Frame, Nonce: 2, Pos: stream.Pos{File: 1, Offset: 5}, Length: 5}).wants(Drop, Nudge)
}

// A part that is gone after COMMIT counts as delivered, so one whose name is taken must stay until
// the journal says that it failed.
func TestPartWhoseNameIsTakenStaysUntilTheJournalSaysSo(t *testing.T) {
	s := restored(t, stream.Pos{File: 2}, File{Index: 1})
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1}}}).wants(TakeOver)
	s.step(Event{Kind: TakenOver, File: 1}).wants(Rename)
	s.step(Event{Kind: Renamed, File: 1, Failed: true}).wants(WriteDone)
	s.step(Event{Kind: RecordWritten}).wants(SyncRecord)
	s.step(Event{Kind: RecordSynced}).wants(Remove)
}

// A stopped holder that wakes may give a part the name of its own epoch after the successor has
// listed it. The successor found nothing under the old name, took the file for delivered, and removed
// the part in the end.
func TestPartThatSlippedAwayIsLookedForAgain(t *testing.T) {
	s := restored(t, stream.Pos{File: 2}, File{Index: 1})
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1, Name: 0}}}).wants(TakeOver)
	s.step(Event{Kind: TakenOver, File: 1, Failed: true}).wants(List)
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1, Name: 1}}}).wants(TakeOver)
	s.step(Event{Kind: TakenOver, File: 1}).wants(Rename)
}

// A part that is renamed while the directory is read may be missing from the list under both names.
func TestCommittedFileCountsAsDeliveredAfterASecondLook(t *testing.T) {
	s := restored(t, stream.Pos{File: 2}, File{Index: 1})
	s.step(Event{Kind: Listed}).wants(List)
	s.step(Event{Kind: Listed, Parts: []Part{{File: 1}}}).wants(TakeOver)

	s = restored(t, stream.Pos{File: 2}, File{Index: 1})
	s.step(Event{Kind: Listed}).wants(List)
	s.step(Event{Kind: Listed}).wants(Rename)
}

// A receiver that came to its end without a link had said its last word to nobody. The sender found
// out only when it asked about data that stayed unacknowledged, after five seconds.
func TestReceiverThatEndedWithoutALinkAsksToBeAsked(t *testing.T) {
	s := &story{t: t, core: NewOver(testConfig, stream.Completed), now: time.Unix(1, 0)}
	s.step(Event{Kind: LinkUp}).wants(Nudge)
	s.step(Event{Kind: Asked, Nonce: 1}).wants(SendEnd)
}
