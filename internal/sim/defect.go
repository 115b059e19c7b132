package sim

import "github.com/mqha/mqha/internal/core/send"

// Defect is a mistake that another file-transfer agent once made (the name is IBM's number for it), made
// here on purpose to see that the simulation finds it.
type Defect string

// The defects.
const (
	LostCompletion     Defect = "IT05583" // the last message was lost, and nobody asked for it
	CompletionRace     Defect = "IT05585" // completion was not understood while positions were negotiated
	NegotiationTimeOut Defect = "IT37869" // a time-out in the negotiation ended the agent
	UnknownDestination Defect = "IT29902" // one request to an unknown agent put all others into recovery
)

// spoils says that a defect keeps e from the sender's core.
func (s *sender) spoils(e send.Event) bool {
	phase := s.core.Phase()
	negotiating := phase == send.Asking || phase == send.Seeking
	switch s.w.defect {
	case LostCompletion:
		return e.Kind == send.Tick && phase == send.Sending && s.core.At().File > s.w.plan.send.Last
	case CompletionRace:
		if e.Kind == send.Finished && negotiating {
			s.w.wire.settle(atSender)
			return true
		}
	case NegotiationTimeOut:
		if e.Kind == send.Tick && negotiating {
			s.w.wire.disconnect(atSender)
			s.alive, s.core = false, nil
			return true
		}
	}
	return false
}

// neighbour is another transfer of the same agent, to one that nobody knows. Its puts fail, and that is
// nobody else's business.
func (s *sender) neighbour(epoch uint64) {
	if !s.alive || s.epoch != epoch {
		return
	}
	if s.w.wire.up[atSender] {
		s.w.count("put to an unknown agent failed")
		if s.w.defect == UnknownDestination {
			s.disconnect(false)
		}
	}
	s.w.after(s.w.plan.send.Retry, func() { s.neighbour(epoch) })
}
