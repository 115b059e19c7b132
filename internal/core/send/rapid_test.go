package send

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mqha/mqha/internal/core/stream"
)

// shell performs actions in any order that the lanes allow, among messages that are true, late or
// made up, and keeps its own books of what the core may want.
type shell struct {
	t       *rapid.T
	core    *Transfer
	now     time.Time
	up      bool
	source  []Action // one at a time
	outlet  []Action
	journal []ActionKind
	durable bool // the end
	control int
	nonce   uint64
}

func (s *shell) step(e Event) {
	before := s.core.Phase()
	for _, a := range s.core.Step(s.now, e, nil) {
		s.perform(a)
	}
	if before == Ended && s.core.Phase() != Ended || before == Ending && s.core.Phase() < Ending {
		s.t.Fatalf("from phase %d back to %d", before, s.core.Phase())
	}
	if d := s.core.Deadline(); !d.IsZero() && (!s.up || d.After(s.now.Add(testConfig.RetryMax))) {
		s.t.Fatalf("waits for %v, link %v", d, s.up)
	}
}

func (s *shell) perform(a Action) {
	switch a.Kind {
	case Ask, Announce:
		if !s.up || a.Nonce < s.nonce || s.core.Phase() != Asking {
			s.t.Fatalf("%+v in phase %d, link %v", a, s.core.Phase(), s.up)
		}
		s.nonce = a.Nonce
	case Seek, Read:
		if len(s.source) > 0 {
			s.t.Fatalf("%+v while %+v", a, s.source)
		}
		if a.Kind == Read && (s.core.Phase() != Sending || a.Pos.File > testConfig.Last) {
			s.t.Fatalf("%+v in phase %d", a, s.core.Phase())
		}
		s.source = append(s.source, a)
	case Send:
		s.outlet = append(s.outlet, a)
		if s.core.Phase() != Sending || len(s.outlet) > testConfig.Buffers+testConfig.CreditFrames {
			s.t.Fatalf("%d frames to be sent in phase %d", len(s.outlet), s.core.Phase())
		}
	case WriteEnd, SyncEnd:
		s.journal = append(s.journal, a.Kind)
	case Confirm:
		if !s.durable {
			s.t.Fatal("confirms what is not durable")
		}
		s.outlet = append(s.outlet, a)
	case Settle:
		if s.control--; s.control < 0 {
			s.t.Fatal("settles what was not given")
		}
	}
}

func (s *shell) message() {
	nonce := s.core.Nonce() - rapid.Uint64Range(0, 1).Draw(s.t, "older")
	pos := stream.Pos{File: rapid.Uint32Range(0, 4).Draw(s.t, "file"), Offset: rapid.Int64Range(0, 3).Draw(s.t, "offset")}
	durable := stream.Pos{File: rapid.Uint32Range(0, 3).Draw(s.t, "durable")}
	switch rapid.IntRange(0, 7).Draw(s.t, "message") {
	case 0:
		s.up = true
		s.step(Event{Kind: LinkUp})
	case 1:
		s.up, s.control = false, 0
		s.step(Event{Kind: LinkDown})
	case 2:
		s.step(Event{Kind: Nudged})
	case 3:
		if s.up && s.control == 0 {
			s.control++
			s.step(Event{Kind: Finished, Answer: stream.Completed})
		}
	case 4:
		s.step(Event{Kind: Acked, Nonce: nonce, Durable: durable, Frames: rapid.Uint64Range(0, 5).Draw(s.t, "frames"), Bytes: pos.Offset})
	default:
		s.step(Event{Kind: Answered, Nonce: nonce, Answer: stream.Answer(rapid.IntRange(0, 3).Draw(s.t, "answer")), Pos: pos, Durable: durable})
	}
}

func (s *shell) work() {
	failed := rapid.IntRange(0, 4).Draw(s.t, "failed") == 0
	switch lane := rapid.IntRange(0, 2).Draw(s.t, "lane"); {
	case lane == 0 && len(s.source) > 0:
		a := s.source[0]
		s.source = nil
		if a.Kind == Seek {
			s.step(Event{Kind: Sought, Nonce: a.Nonce})
			return
		}
		s.step(Event{Kind: ReadDone, Nonce: a.Nonce, Length: 3, Fin: failed, Failed: rapid.Bool().Draw(s.t, "vanished") && failed})
	case lane == 1 && len(s.outlet) > 0:
		a := s.outlet[0]
		s.outlet = s.outlet[1:]
		s.step(Event{Kind: map[ActionKind]EventKind{Send: Sent, Confirm: ConfirmSent}[a.Kind], Nonce: a.Nonce, Failed: failed || !s.up})
	case lane == 2 && len(s.journal) > 0:
		kind := s.journal[0]
		s.journal = s.journal[1:]
		if kind == SyncEnd {
			s.durable = true
			s.step(Event{Kind: EndSynced})
			return
		}
		s.step(Event{Kind: EndWritten})
	}
}

// clock lets the deadline pass: it must not stay.
func (s *shell) clock() {
	d := s.core.Deadline()
	if d.IsZero() {
		return
	}
	s.now = d
	s.step(Event{Kind: Tick})
	if s.core.Deadline().Equal(d) {
		s.t.Fatal("the deadline has passed and stays")
	}
}

func TestSenderKeepsItsPromisesInAnyOrderOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &shell{t: t, core: New(testConfig, stream.Pos{}), now: time.Unix(1, 0)}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				s.clock()
			case 1, 2:
				s.message()
			default:
				s.work()
			}
		}
	})
}

// Whatever the shell or the other side makes up, a core does not panic.
func TestSenderSurvivesEventsThatMakeNoSense(t *testing.T) {
	event := rapid.Custom(func(t *rapid.T) Event {
		return Event{
			Kind: EventKind(rapid.IntRange(0, int(DrainStarted)+1).Draw(t, "kind")), Nonce: 100 + rapid.Uint64Range(0, 3).Draw(t, "nonce"),
			Answer: stream.Answer(rapid.IntRange(0, 4).Draw(t, "answer")),
			Pos:    stream.Pos{File: rapid.Uint32Range(0, 4).Draw(t, "file"), Offset: rapid.Int64Range(-1, 5).Draw(t, "offset")},
			Frames: rapid.Uint64().Draw(t, "frames"), Bytes: rapid.Int64().Draw(t, "bytes"), Length: rapid.IntRange(0, 5).Draw(t, "length"),
			Fin: rapid.Bool().Draw(t, "fin"), Failed: rapid.Bool().Draw(t, "failed"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		core := New(testConfig, stream.Pos{})
		for i, e := range rapid.SliceOfN(event, 1, 60).Draw(t, "events") {
			core.Step(time.Unix(int64(i), 0), e, nil)
			core.Deadline()
			core.Quiet(false)
		}
	})
}
