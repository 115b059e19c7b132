package send

import (
	"slices"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/core/credit"
	"github.com/mqha/mqha/internal/core/stream"
)

var testConfig = Config{
	Last: 2, CreditBytes: 1000, CreditFrames: 4, Buffers: 8,
	Retry: time.Second, RetryMax: 8 * time.Second, Stall: 5 * time.Second, Nonce: 100,
}

// story steps a transfer and remembers what it wanted last.
type story struct {
	t    *testing.T
	core *Transfer
	now  time.Time
	last []Action
}

func begun(t *testing.T) *story {
	t.Helper()
	s := &story{t: t, core: New(testConfig, stream.Pos{}), now: time.Unix(1, 0)}
	return s.step(Event{Kind: LinkUp}).wants(Ask)
}

// sending is a transfer whose manifest is accepted, and that stands at the beginning of file 1.
func sending(t *testing.T) *story {
	t.Helper()
	s := begun(t)
	first := stream.Pos{File: 1}
	s.step(Event{Kind: Answered, Nonce: 101, Answer: stream.Receiving, Pos: first, Durable: first}).wants(Seek)
	return s.step(Event{Kind: Sought, Nonce: 101}).wants(Read)
}

func (s *story) step(e Event) *story {
	s.t.Helper()
	s.last = s.core.Step(s.now, e, nil)
	return s
}

func (s *story) wants(kinds ...ActionKind) *story {
	s.t.Helper()
	var got []ActionKind
	for _, a := range s.last {
		got = append(got, a.Kind)
	}
	if !slices.Equal(got, kinds) {
		s.t.Fatalf("wants %v, not %v", got, kinds)
	}
	return s
}

// passed lets the time of the deadline come.
func (s *story) passed() *story {
	s.t.Helper()
	if s.core.Deadline().IsZero() {
		s.t.Fatal("waits for ever")
	}
	s.now = s.core.Deadline()
	return s.step(Event{Kind: Tick})
}

func TestFilesWaitForTheManifest(t *testing.T) {
	s := begun(t)
	s.step(Event{Kind: Answered, Nonce: 101, Answer: stream.Receiving}).wants(Seek)
	s.step(Event{Kind: Sought, Nonce: 101}).wants(Read)
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10, Fin: true}).wants(Send)
	s.step(Event{Kind: Sent}).wants()
	s.step(Event{Kind: Acked, Nonce: 101, Frames: 1, Bytes: 10}).wants()
	s.step(Event{Kind: Acked, Nonce: 101, Frames: 1, Bytes: 10, Durable: stream.Pos{File: 1}}).wants(Mark, Read)
}

func TestCreditBoundsWhatIsInFlight(t *testing.T) {
	s := sending(t)
	for range 3 {
		s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Send, Read)
	}
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Send)
	s.step(Event{Kind: Sent}).wants()
	s.step(Event{Kind: Acked, Nonce: 100, Frames: 4, Bytes: 40}).wants() // of an older session
	s.step(Event{Kind: Acked, Nonce: 101, Frames: 9, Bytes: 40}).wants() // of what was never sent
	s.step(Event{Kind: Acked, Nonce: 101, Frames: 1, Bytes: 10}).wants(Read)
}

// What the receiver grants may shrink and grow while frames are in flight, and never exceeds the configured.
func TestGrantOfTheReceiverBoundsWhatIsInFlight(t *testing.T) {
	s := begun(t)
	first := stream.Pos{File: 1}
	few := func(n int) credit.Limit { return credit.Limit{Bytes: 1000, Frames: n} }
	s.step(Event{Kind: Answered, Nonce: 101, Answer: stream.Receiving, Pos: first, Durable: first, Credit: few(1)}).wants(Seek)
	s.step(Event{Kind: Sought, Nonce: 101}).wants(Read)
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Send)
	s.step(Event{Kind: Acked, Nonce: 101, Frames: 1, Bytes: 10, Credit: few(9)}).wants(Read)
	for range 3 {
		s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Send, Read)
	}
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Send) // testConfig allows 4
	s.step(Event{Kind: Acked, Nonce: 101, Frames: 4, Bytes: 40, Credit: few(1)}).wants()
	s.step(Event{Kind: Acked, Nonce: 101, Frames: 5, Bytes: 50, Credit: credit.Limit{Bytes: 5, Frames: 4}}).wants(Read)
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Send)
	s.step(Event{Kind: Acked, Nonce: 101, Frames: 6, Bytes: 60}).wants(Read) // an older release grants nothing
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Send, Read)
}

// The receiver lowered its grant while the sender went to the place where it was to go on: that was passed over, and
// more was in flight than the queue had room for.
func TestGrantThatComesWhileTheSenderSeeksCounts(t *testing.T) {
	s := begun(t)
	first := stream.Pos{File: 1}
	s.step(Event{Kind: Answered, Nonce: 101, Answer: stream.Receiving, Pos: first, Durable: first, Credit: credit.Limit{Bytes: 1000, Frames: 4}}).wants(Seek)
	s.step(Event{Kind: Acked, Nonce: 100, Credit: credit.Limit{Bytes: 1000, Frames: 2}}).wants() // of an older session
	s.step(Event{Kind: Acked, Nonce: 101, Credit: credit.Limit{Bytes: 1000, Frames: 1}}).wants()
	s.step(Event{Kind: Sought, Nonce: 101}).wants(Read)
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Send)
}

// IT05583: the file had arrived, but the transfer stayed in recovery for ever, because the last
// message was lost.
func TestSenderAsksForALastWordThatIsMissing(t *testing.T) {
	s := sending(t)
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10, Fin: true}).wants(Send, Read)
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10, Fin: true}).wants(Send)
	s.step(Event{Kind: Acked, Nonce: 101, Frames: 2, Bytes: 20, Durable: stream.Pos{File: 3}}).wants(Mark)
	for range 5 {
		s.passed().wants(Ask)
	}
	s.step(Event{Kind: Finished, Answer: stream.Completed}).wants(WriteEnd)
}

// IT05585: completion raced with a resynchronisation. Whichever comes first, the end counts.
func TestLastWordEndsAResynchronisation(t *testing.T) {
	s := sending(t)
	s.step(Event{Kind: Nudged}).wants(Ask)
	s.step(Event{Kind: Finished, Answer: stream.Completed}).wants(WriteEnd)
	s.step(Event{Kind: Answered, Nonce: 102, Answer: stream.Receiving, Pos: stream.Pos{File: 1}}).wants()
	s.step(Event{Kind: Nudged}).wants()
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Discard)
	s.step(Event{Kind: EndWritten}).wants(SyncEnd)
	s.step(Event{Kind: EndSynced}).wants(Confirm)
	s.step(Event{Kind: ConfirmSent}).wants(Settle)
}

// IT37869: a time-out during negotiation crashed the agent when the other side came back.
func TestTimeOutAndLastWordDuringNegotiation(t *testing.T) {
	s := begun(t)
	for range 20 {
		s.passed().wants(Ask)
	}
	if s.last[0].Nonce != 101 {
		t.Error("a repeated question has another nonce")
	}
	s.step(Event{Kind: Answered, Nonce: 101, Answer: stream.Unknown}).wants(Announce)
	s.passed().wants(Ask)
	s.step(Event{Kind: LinkDown}).wants()
	s.now = s.now.Add(time.Hour)
	s.step(Event{Kind: Tick}).wants()
	s.step(Event{Kind: LinkUp}).wants(Ask)
	s.step(Event{Kind: Finished, Answer: stream.Refused}).wants(WriteEnd)
	s.step(Event{Kind: Tick}).wants()
}

// IT38745: a way that fails is not tried in a loop without delay.
func TestNothingThatFailsIsRepeatedAtOnce(t *testing.T) {
	s := sending(t)
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Send, Read)
	s.step(Event{Kind: Sent, Nonce: 101, Failed: true}).wants()
	if wait := s.core.Deadline().Sub(s.now); wait < testConfig.Retry {
		t.Errorf("asks after %v", wait)
	}
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Discard)
	s.now = s.core.Deadline().Add(-1)
	s.step(Event{Kind: Tick}).wants()
	s.passed().wants(Ask)
	for wait := 2 * testConfig.Retry; wait < testConfig.RetryMax; wait *= 2 {
		if got := s.core.Deadline().Sub(s.now); got != wait {
			t.Errorf("waits %v, not %v", got, wait)
		}
		s.passed().wants(Ask)
	}
}

// A frame of the link that is gone could not be sent, which is heard when the next session flows: it waited, and
// asked anew.
func TestFailureOfAnOlderSessionIsNoNews(t *testing.T) {
	s := sending(t)
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Send, Read)
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Send, Read)
	s.step(Event{Kind: Nudged}).wants(Ask)
	s.step(Event{Kind: Answered, Nonce: 102, Answer: stream.Receiving, Pos: stream.Pos{File: 1}, Durable: stream.Pos{File: 1}}).wants()
	s.step(Event{Kind: ReadDone, Nonce: 101, Length: 10}).wants(Discard, Seek)
	s.step(Event{Kind: Sought, Nonce: 102}).wants(Read)
	s.step(Event{Kind: Sent, Nonce: 101, Failed: true}).wants()
	if s.core.Phase() != Sending {
		t.Errorf("phase %d", s.core.Phase())
	}
	s.step(Event{Kind: Sent, Nonce: 102, Failed: true}).wants()
	if s.core.Phase() != Asking {
		t.Errorf("phase %d", s.core.Phase())
	}
}

// A confirmation that could not be sent on a link that lives left its control frame unsettled, and
// everything behind it in the queue, until the link was lost.
func TestConfirmationThatCouldNotBeSentIsSentAgain(t *testing.T) {
	s := &story{t: t, core: NewEnded(testConfig, stream.Completed), now: time.Unix(1, 0)}
	s.step(Event{Kind: LinkUp}).wants()
	s.step(Event{Kind: Finished, Answer: stream.Completed}).wants(Confirm)
	s.step(Event{Kind: ConfirmSent, Failed: true}).wants()
	if wait := s.core.Deadline().Sub(s.now); wait < testConfig.Retry {
		t.Errorf("tries again after %v", wait)
	}
	s.passed().wants(Confirm)
	s.step(Event{Kind: ConfirmSent}).wants(Settle)
	if !s.core.Deadline().IsZero() {
		t.Error("waits for something")
	}
}

// A link that is lost redelivers the frame; what was wanted for the old one is forgotten.
func TestLostLinkForgetsWhatWasToBeSettled(t *testing.T) {
	s := &story{t: t, core: NewEnded(testConfig, stream.Completed), now: time.Unix(1, 0)}
	s.step(Event{Kind: LinkUp})
	s.step(Event{Kind: Finished, Answer: stream.Completed}).wants(Confirm)
	s.step(Event{Kind: LinkDown})
	s.step(Event{Kind: ConfirmSent, Failed: true}).wants()
	s.step(Event{Kind: LinkUp}).wants()
	s.step(Event{Kind: Finished, Answer: stream.Completed}).wants(Confirm)
	s.step(Event{Kind: ConfirmSent}).wants(Settle)
}

func TestLateAnswersAreNotNews(t *testing.T) {
	s := begun(t)
	s.step(Event{Kind: Answered, Nonce: 100, Answer: stream.Receiving, Pos: stream.Pos{File: 2}}).wants()
	s.step(Event{Kind: LinkDown}).step(Event{Kind: LinkUp}).wants(Ask)
	s.step(Event{Kind: Answered, Nonce: 101, Answer: stream.Receiving, Pos: stream.Pos{File: 2}}).wants()
	s.step(Event{Kind: Answered, Nonce: 102, Answer: stream.Receiving, Pos: stream.Pos{File: 9}}).wants() // no such place
	s.step(Event{Kind: Answered, Nonce: 102, Answer: stream.Receiving}).wants(Seek)
}

// A receiver that passed over the confirmation asks on the next link, and must not keep its record for ever.
func TestNudgeAfterTheEndIsConfirmedAgain(t *testing.T) {
	s := &story{t: t, core: NewEnded(testConfig, stream.Completed), now: time.Unix(1, 0)}
	s.step(Event{Kind: LinkUp})
	s.step(Event{Kind: Nudged}).wants(Confirm)
	s.step(Event{Kind: ConfirmSent}).wants()
}
