package remove

import (
	"slices"
	"testing"
)

// story answers the actions of a Removal one after the other.
type story struct {
	t *testing.T
	r *Removal
	a []Action
}

func begin(t *testing.T, cfg Config) *story {
	t.Helper()
	r := New(cfg)
	return &story{t, r, r.Begin(nil)}
}

// wants holds the actions against their kinds.
func (s *story) wants(kinds ...ActionKind) *story {
	s.t.Helper()
	var got []ActionKind
	for _, a := range s.a {
		got = append(got, a.Kind)
	}
	if !slices.Equal(got, kinds) {
		s.t.Fatalf("%+v, want kinds %v", s.a, kinds)
	}
	return s
}

func (s *story) step(e Event) *story {
	s.t.Helper()
	s.a = s.r.Step(e, nil)
	return s
}

func (s *story) started() *story {
	s.t.Helper()
	return s.wants(WriteDeleting).step(Event{Kind: Written}).wants(Sync).step(Event{Kind: Synced})
}

var (
	same    = Event{Kind: Looked, Found: Same}
	other   = Event{Kind: Looked, Found: Other}
	missing = Event{Kind: Looked, Found: Missing}
	done    = Event{Kind: Done}
	failed  = Event{Kind: Done, Failed: true}
	renamed = Event{Kind: Renamed}
)

func TestSourceIsLookedAtTwiceBeforeItIsUnlinked(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7}, Batch: 10}).started()
	s.wants(Look).step(same).wants(MakeAside).step(done).wants(SetAside).step(renamed).wants(LookAside).step(same)
	s.wants(Unlink).step(done).wants(RemoveAside).step(done).wants(SyncDir).step(done)
	s.wants(WriteDeleted).step(Event{Kind: Written}).wants(Sync).step(Event{Kind: Synced}).wants(Finished)
	if s.r.Busy() {
		t.Error("busy after its end")
	}
}

func TestFileThatTookTheNameInBetweenIsPutBack(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7}, Batch: 10}).started()
	s.wants(Look).step(same).wants(MakeAside).step(done).wants(SetAside).step(renamed).wants(LookAside).step(other)
	s.wants(PutBack).step(done).wants(Leave, RemoveAside)
}

func TestWhatIsNotTheSourceIsNotTouched(t *testing.T) {
	for _, e := range []Event{other, {Kind: Looked}} {
		begin(t, Config{Dirs: []uint32{7}, Batch: 10}).started().wants(Look).step(e).wants(Leave, WriteDeleted)
	}
	begin(t, Config{Dirs: []uint32{7}, Batch: 10}).started().wants(Look).step(missing).wants(WriteDeleted)
	begin(t, Config{Dirs: []uint32{7}, Batch: 10, Stay: map[uint32]bool{1: true}}).started().wants(WriteDeleted)
}

func TestDirectoryThatCannotBeWrittenKeepsItsFiles(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7, 7}, Batch: 10}).started()
	s.wants(Look).step(same).wants(MakeAside).step(failed).wants(Leave, Look)
	s.step(same).wants(MakeAside).step(failed).wants(Leave, RemoveAside) // perhaps it was made
	s.step(done).wants(SyncDir).step(done).wants(WriteDeleted)
}

func TestFileThatCannotBeUnlinkedIsPutBack(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7}, Batch: 10}).started()
	s.step(same).step(done).step(renamed).step(same).wants(Unlink).step(failed).wants(PutBack).step(done).wants(Leave, RemoveAside)
}

// The answer of a rename is lost, and the repeated call finds no source.
func TestRenameOfUnknownOutcomeIsLookedAfter(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7}, Batch: 10}).started()
	s.step(same).step(done).wants(SetAside).step(Event{Kind: Renamed, Failed: true, Missing: true})
	s.wants(Look).step(missing).wants(RemoveAside).step(Event{Kind: Done, Failed: true})
	s.wants(ListAside).step(Event{Kind: Listed, Entries: []Entry{{File: 1}}}).wants(LookAside).step(same).wants(Unlink).step(done).wants(RemoveAside)

	s = begin(t, Config{Dirs: []uint32{7}, Batch: 10}).started()
	s.step(same).step(done).wants(SetAside).step(Event{Kind: Renamed, Failed: true}).wants(LookAside).step(missing).wants(Leave, RemoveAside)
}

// A stopped holder removed the private directory late.
func TestPrivateDirectoryThatVanishesIsMadeAgain(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7}, Batch: 10}).started()
	s.step(same).wants(MakeAside).step(done)
	for range rounds {
		s.wants(SetAside).step(Event{Kind: Renamed, Failed: true, Missing: true}).wants(Look).step(same)
		if len(s.a) == 1 {
			s.wants(MakeAside).step(done)
		}
	}
	s.wants(Leave, RemoveAside)
}

// What an earlier instance has set aside is ended first, and its name is then somebody else's.
func TestSuccessorEndsWhatItsPredecessorBegan(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7, 7, 8}, Batch: 2, First: 1, Last: 2})
	s.wants(ListAside).step(Event{Kind: Listed, Entries: []Entry{{File: 1, Epoch: 3}, {File: 99, Epoch: 3}}})
	s.wants(LookAside).step(same).wants(Unlink).step(done).wants(Look)
	if s.a[0].File != 2 {
		t.Errorf("looks at %+v", s.a[0])
	}
	s.step(missing).wants(RemoveAside).step(done).wants(SyncDir).step(done).wants(WriteDeleting)
	if s.a[0].First != 3 || s.a[0].Last != 3 {
		t.Errorf("%+v", s.a[0])
	}
}

func TestDirectoryThatIsNotDurableIsSaid(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7}, Batch: 10}).started()
	s.step(same).step(done).step(renamed).step(same).step(done).wants(RemoveAside).step(done).wants(SyncDir).step(failed)
	s.wants(Leave, WriteDeleted)
}

// A name that a producer uses again keeps a file aside; the directory stays with it.
func TestFileThatCannotBePutBackStaysAside(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7}, Batch: 10}).started()
	s.step(same).step(done).step(renamed).step(other).wants(PutBack).step(failed).wants(Leave, RemoveAside)
	for range rounds {
		s.step(failed).wants(ListAside).step(Event{Kind: Listed, Entries: []Entry{{File: 1}}}).wants(RemoveAside)
	}
	s.step(failed).wants(LeaveAside, SyncDir).step(done).wants(WriteDeleted)
}

func TestPauseEndsAfterTheFileThatIsBeingDeleted(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7, 7}, Batch: 10}).started()
	s.step(same).step(done)
	s.r.Pause()
	s.step(renamed).wants(LookAside).step(same).wants(Unlink)
	if !s.r.Busy() {
		t.Error("not busy while it unlinks")
	}
	if s.step(done).wants(); s.r.Busy() {
		t.Error("busy")
	}
}

// A stopped holder put back late what its successor was about to unlink.
func TestEntryThatIsMissingWhenItIsUnlinkedIsLookedFor(t *testing.T) {
	gone := Event{Kind: Done, Failed: true, Missing: true}
	s := begin(t, Config{Dirs: []uint32{7}, Batch: 10, First: 1, Last: 1})
	s.wants(ListAside).step(Event{Kind: Listed, Entries: []Entry{{File: 1, Epoch: 3}}})
	s.wants(LookAside).step(same).wants(Unlink).step(gone).wants(Look).step(same).wants(SetAside)
	s.step(renamed).wants(LookAside).step(same).wants(Unlink).step(gone).wants(Look).step(same).wants(Leave, RemoveAside)

	s = begin(t, Config{Dirs: []uint32{7}, Batch: 10}).started()
	s.step(same).step(done).step(renamed).step(same).wants(Unlink).step(gone).wants(Look).step(missing).wants(RemoveAside)
}

// Of a private directory that cannot be listed nobody knows what lies in it.
func TestDirectoryThatCannotBeListedIsSaid(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7}, Batch: 10, First: 1, Last: 1})
	for range rounds {
		s.wants(ListAside).step(Event{Kind: Listed, Failed: true})
	}
	s.wants(ListAside).step(Event{Kind: Listed, Failed: true}).wants(LeaveAside, Look)
}

// The rename of a stopped holder takes a new file of a name whose source was deleted in an earlier batch.
func TestFileOfAnEarlierBatchIsPutBack(t *testing.T) {
	s := begin(t, Config{Dirs: []uint32{7, 7}, Batch: 1, First: 2, Last: 2})
	s.wants(ListAside).step(Event{Kind: Listed, Entries: []Entry{{File: 1, Epoch: 3}}})
	s.wants(LookAside).step(other).wants(PutBack).step(done).wants(Look)
}
