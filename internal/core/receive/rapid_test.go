package receive

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mqha/mqha/internal/core/stream"
)

// shell performs actions in any order that the lanes allow, with any result, and keeps its own
// books of what the core may want.
type shell struct {
	t    *rapid.T
	core *Transfer
	now  time.Time

	writes  []Action // in order
	calls   []Action // in any order
	record  []ActionKind
	created map[uint32]bool
	gone    map[uint32]bool // abandoned
	durable Checkpoint      // in the journal
	pending Checkpoint
	ended   bool

	repairing bool // when the last event came
	control   bool
	frames    []Event // of the Writes, in order
}

func newShell(t *rapid.T) *shell {
	cfg := Config{
		CheckpointBytes: int64(rapid.IntRange(1, 50).Draw(t, "checkpoint bytes")), CheckpointFiles: rapid.IntRange(1, 3).Draw(t, "checkpoint files"),
		CheckpointInterval: time.Second, MaxUndurable: 60, MaxPending: 4, AckFrames: 3, AckBytes: 20,
	}
	s := &shell{t: t, now: time.Unix(1, 0), created: map[uint32]bool{}, gone: map[uint32]bool{}}
	if rapid.Bool().Draw(t, "restored") {
		s.durable.Durable = stream.Pos{File: 2, Offset: rapid.Int64Range(0, 9).Draw(t, "offset")}
		if rapid.Bool().Draw(t, "committed") {
			s.durable.Files = []File{{Index: 1}}
		}
		s.pending = s.durable
		var buf []Action
		s.core, buf = Restore(cfg, s.durable.Durable, 3, 1, s.durable.Files, s.drawNoted(), nil)
		s.perform(buf)
		return s
	}
	s.core = NewOpened(cfg)
	s.open(1)
	return s
}

// drawNoted makes up a tail log that begins behind the journal's point.
func (s *shell) drawNoted() (noted []Noted) {
	at := s.durable.Durable
	for range rapid.IntRange(0, 6).Draw(s.t, "noted") {
		n := Noted{Pos: at, Length: rapid.IntRange(0, 9).Draw(s.t, "length"), Fin: rapid.Bool().Draw(s.t, "fin"), Name: uint32(len(noted))}
		noted, at = append(noted, n), n.following()
	}
	return noted
}

func (s *shell) open(nonce uint64) {
	s.control = true
	s.step(Event{Kind: Opened, Nonce: nonce})
}

func (s *shell) step(e Event) {
	before := s.core.Phase()
	s.repairing = before == Repairing
	actions := s.core.Step(s.now, e, nil)
	if e.Kind == Frame {
		placed := 0
		for _, a := range actions {
			if a.Kind == Drop || a.Kind == Write {
				placed++
			}
			if a.Kind == Write {
				s.frames = append(s.frames, e)
			}
		}
		if placed != 1 {
			s.t.Fatalf("%d places for one frame", placed)
		}
	}
	if before == Gone && slices.ContainsFunc(actions, func(a Action) bool { return a.Kind != Drop && a.Kind != Settle }) {
		s.t.Fatalf("wants %v when all is over", kindsOf(actions))
	}
	if s.core.Phase() < before && !(before == Loading && s.core.Phase() == Taking) {
		s.t.Fatalf("from phase %d back to %d", before, s.core.Phase())
	}
	s.perform(actions)
	s.checkDeadline()
}

func (s *shell) checkDeadline() {
	d := s.core.Deadline()
	if !d.IsZero() && s.core.Phase() != Taking {
		s.t.Fatalf("waits for %v in phase %d", d, s.core.Phase())
	}
	if !d.IsZero() && d.After(s.now.Add(time.Second)) {
		s.t.Fatalf("waits for %v, longer than the interval", d)
	}
}

func (s *shell) perform(actions []Action) {
	for _, a := range actions {
		switch a.Kind {
		case Create, Write, Abandon, Load, MakeDir, List, TakeOver, RemovePart, Reopen, Recheck:
			s.files(a)
			s.writes = append(s.writes, a)
		case SetMeta, Sync, SyncDir, Rename, Remove:
			s.named(a)
			s.calls = append(s.calls, a)
		case WriteOpen, WriteCheckpoint, WriteDone, WriteEnd, WriteForget, SyncRecord:
			s.journal(a)
		default:
			s.say(a)
		}
	}
}

func (s *shell) files(a Action) {
	switch a.Kind {
	case Create:
		if s.created[a.File] {
			s.t.Fatalf("file %d is created twice", a.File)
		}
		s.created[a.File] = true
	case Reopen:
		s.created[a.File] = true
	case Write, Recheck:
		if s.gone[a.File] {
			s.t.Fatalf("write to file %d, which was abandoned", a.File)
		}
	case Abandon:
		s.gone[a.File] = !s.repairing
		if s.repairing {
			delete(s.created, a.File)
		}
	}
}

func (s *shell) named(a Action) {
	committed := slices.ContainsFunc(s.durable.Files, func(f File) bool { return f.Index == a.File })
	switch {
	case (a.Kind == Sync || a.Kind == SetMeta) && s.gone[a.File]:
		s.t.Fatalf("sync of file %d, which was abandoned", a.File)
	case a.Kind == Rename && a.File > 0 && !committed:
		s.t.Fatalf("rename of file %d before COMMIT is durable", a.File)
	}
}

func (s *shell) journal(a Action) {
	if a.Kind != SyncRecord && len(s.record) > 0 && s.record[0] != WriteDone {
		s.t.Fatalf("record %d while %v is written", a.Kind, s.record)
	}
	if a.Kind == WriteCheckpoint {
		s.pending = a.Checkpoint
		s.pending.Files = slices.Clone(a.Checkpoint.Files)
	}
	s.record = append(s.record, a.Kind)
}

func (s *shell) say(a Action) {
	switch a.Kind {
	case Reply:
		if p := s.core.Phase(); p != Taking && p != Loading || a.Pos.Before(a.Durable) {
			s.t.Fatalf("answers %+v in phase %d", a, p)
		}
	case SendEnd:
		if !s.ended || s.core.Phase() != Over {
			s.t.Fatalf("last word in phase %d", s.core.Phase())
		}
	case Settle:
		if !s.control {
			s.t.Fatal("settles what was not given")
		}
		s.control = false
	case Ack:
		if s.durable.Durable.Before(a.Durable) {
			s.t.Fatalf("claims %v, durable is %v", a.Durable, s.durable.Durable)
		}
	}
}

// journalDone carries out the oldest operation on the journal.
func (s *shell) journalDone() {
	kind := s.record[0]
	s.record = s.record[1:]
	if kind != SyncRecord {
		s.ended = s.ended || kind == WriteEnd
		s.step(Event{Kind: RecordWritten})
		return
	}
	s.durable = s.pending
	s.step(Event{Kind: RecordSynced})
}

func (s *shell) writeDone() {
	a := s.writes[0]
	s.writes = s.writes[1:]
	failed := rapid.IntRange(0, 5).Draw(s.t, "failed") == 0
	switch a.Kind {
	case Write:
		e := s.frames[0]
		s.frames = s.frames[1:]
		s.step(Event{Kind: Written, File: a.File, Pos: a.Pos, Length: e.Length, Fin: e.Fin, Failed: failed || s.gone[a.File]})
	case Load:
		s.step(Event{Kind: Loaded, Last: 3, Dirs: 1, Failed: failed})
	case MakeDir:
		s.step(Event{Kind: DirMade, Dir: a.Dir, Failed: failed})
	case List:
		s.step(Event{Kind: Listed, Parts: []Part{{File: 2, Name: 1}, {File: 1, Name: 2, Stale: failed}, {File: 1, Name: 3}, {File: 3, Name: 4}}})
	case TakeOver:
		s.step(Event{Kind: TakenOver, File: a.File})
	case Reopen:
		s.step(Event{Kind: Reopened, Failed: failed})
	case Recheck:
		s.step(Event{Kind: Rechecked, Failed: failed})
	}
}

func (s *shell) callDone() {
	i := rapid.IntRange(0, len(s.calls)-1).Draw(s.t, "call")
	a := s.calls[i]
	s.calls = slices.Delete(s.calls, i, i+1)
	kind := map[ActionKind]EventKind{SetMeta: MetaSet, Sync: Synced, SyncDir: DirSynced, Rename: Renamed, Remove: Removed}[a.Kind]
	failed := a.Kind != SyncDir && a.Kind != Remove && rapid.IntRange(0, 5).Draw(s.t, "failed") == 0
	s.step(Event{Kind: kind, File: a.File, Dir: a.Dir, Failed: failed})
}

func (s *shell) message() {
	nonce := s.core.Nonce() + rapid.Uint64Range(0, 2).Draw(s.t, "nonce") - rapid.Uint64Range(0, min(1, s.core.Nonce())).Draw(s.t, "older")
	pos := s.core.At()
	switch rapid.IntRange(0, 9).Draw(s.t, "message") {
	case 0:
		s.step(Event{Kind: Asked, Nonce: nonce})
	case 1:
		s.control = false
		s.step(Event{Kind: LinkUp})
	case 2:
		if !s.control {
			s.open(nonce)
		}
	case 3:
		if s.core.Phase() == Over && !s.control {
			s.control = true
			s.step(Event{Kind: Confirmed})
		}
	case 4:
		s.step(Event{Kind: Frame, Nonce: nonce, Pos: pos.Advance(rapid.IntRange(0, 3).Draw(s.t, "gap")), Length: 3})
	default:
		s.step(Event{
			Kind: Frame, Nonce: s.core.Nonce(), Pos: pos, Length: rapid.IntRange(0, 9).Draw(s.t, "length"),
			Fin: rapid.Bool().Draw(s.t, "fin"), Skip: rapid.IntRange(0, 9).Draw(s.t, "skip") == 0,
		})
	}
}

// clock lets time pass, and the deadline with it: it must not stay.
func (s *shell) clock() {
	d := s.core.Deadline()
	if d.IsZero() {
		s.now = s.now.Add(100 * time.Millisecond)
		return
	}
	s.now = d
	s.step(Event{Kind: Tick})
	if s.core.Deadline().Equal(d) {
		s.t.Fatal("the deadline has passed and stays")
	}
}

func TestReceiverKeepsItsPromisesInAnyOrderOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newShell(t)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			switch what := rapid.IntRange(0, 5).Draw(t, "what"); {
			case what <= 1 && len(s.writes) > 0:
				s.writeDone()
			case what == 2 && len(s.calls) > 0:
				s.callDone()
			case what == 3 && len(s.record) > 0:
				s.journalDone()
			case what == 4:
				s.clock()
			default:
				s.message()
			}
		}
		s.rest()
	})
}

// rest completes everything: the core must come to rest by itself.
func (s *shell) rest() {
	s.step(Event{Kind: DrainStarted})
	for range 1000 {
		switch {
		case len(s.writes) > 0:
			s.writeDone()
		case len(s.calls) > 0:
			s.callDone()
		case len(s.record) > 0:
			s.journalDone()
		case !s.core.Deadline().IsZero():
			s.clock()
		default:
			if !s.core.Quiet() {
				s.t.Fatalf("nothing is under way, and not quiet in phase %d", s.core.Phase())
			}
			return
		}
	}
	s.t.Fatal("never comes to rest")
}

// Whatever the shell or the other side makes up, a core does not panic.
func TestReceiverSurvivesEventsThatMakeNoSense(t *testing.T) {
	small := rapid.Uint32Range(0, 4)
	event := rapid.Custom(func(t *rapid.T) Event {
		e := Event{
			Kind: EventKind(rapid.IntRange(0, int(DrainStarted)+1).Draw(t, "kind")), Nonce: rapid.Uint64Range(0, 3).Draw(t, "nonce"),
			Pos: stream.Pos{File: small.Draw(t, "file"), Offset: rapid.Int64Range(-1, 5).Draw(t, "offset")}, Length: rapid.IntRange(0, 5).Draw(t, "length"),
			Fin: rapid.Bool().Draw(t, "fin"), Skip: rapid.Bool().Draw(t, "skip"), Failed: rapid.Bool().Draw(t, "failed"),
			File: small.Draw(t, "file"), Dir: small.Draw(t, "dir"), Last: small.Draw(t, "last"), Dirs: small.Draw(t, "dirs"),
		}
		if rapid.Bool().Draw(t, "parts") {
			e.Parts = []Part{{File: e.File}, {File: 1}}
		}
		return e
	})
	rapid.Check(t, func(t *rapid.T) {
		core := NewOpened(testConfig)
		for i, e := range rapid.SliceOfN(event, 1, 60).Draw(t, "events") {
			core.Step(time.Unix(int64(i), 0), e, nil)
			core.Deadline()
			core.Quiet()
		}
	})
}
