package send

import (
	"testing"

	"github.com/mqha/mqha/internal/core/stream"
)

// TestReceiverThatIsAwayForLongIsNotToldAgainAndAgain: a persistent Cancel every ten seconds, for each transfer and for
// as long as the receiver was away, lay on a queue then, and each cost the receiver a unit of work and an answer.
func TestReceiverThatIsAwayForLongIsNotToldAgainAndAgain(t *testing.T) {
	s := begun(t)
	s.step(Event{Kind: CancelAsked}).wants(WriteCancel)
	s.step(Event{Kind: CancelWritten}).wants(SyncCancel)
	s.step(Event{Kind: CancelSynced}).wants(Cancel)
	for range 1000 {
		s.passed().wants(Ask)
	}
	nonce := s.last[0].Nonce
	s.step(Event{Kind: Answered, Nonce: nonce - 1, Answer: stream.Receiving}).wants()
	s.step(Event{Kind: Answered, Nonce: nonce, Answer: stream.Receiving}).wants(Cancel)
	for range 1000 { // the answers to the other questions
		s.step(Event{Kind: Answered, Nonce: nonce, Answer: stream.Receiving}).wants()
	}
	s.passed().wants(Ask)
	s.step(Event{Kind: Answered, Nonce: nonce, Answer: stream.Unknown}).wants(Cancel)
}

// TestTransferIsAnnouncedOnceForManyAnswers: each question that had waited for a receiver which comes back was answered
// that it knows of no such transfer, and each of these answers sent another persistent announcement.
func TestTransferIsAnnouncedOnceForManyAnswers(t *testing.T) {
	s := begun(t)
	for range 1000 {
		s.passed().wants(Ask)
	}
	s.step(Event{Kind: Answered, Nonce: 101, Answer: stream.Unknown}).wants(Announce)
	for range 1000 {
		s.step(Event{Kind: Answered, Nonce: 101, Answer: stream.Unknown}).wants()
	}
	s.passed().wants(Ask)
	s.step(Event{Kind: Answered, Nonce: 101, Answer: stream.Unknown}).wants(Announce)
}
