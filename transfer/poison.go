package transfer

import "fmt"

// mostAttempts is how often a control frame is taken in hand. One that comes again after that has perhaps ended
// the process each time, and would hold up everything behind it for ever. A link that is lost counts as well,
// since the queue manager cannot tell the two apart; that is harmless, because every control frame is sent
// again when its effect stays away. A confirmation is so only on the next link: nothing on this one waits for it but
// the receiver's record of the transfer, and the receiver asks for it when its link is up again.
const mostAttempts = 5

// poison says which frame is passed over. It reads no more of it than that takes: what ended the process
// may lie in the reading.
func poison(f *inFrame) Event {
	ev := Event{Kind: EventDropped, Reason: fmt.Sprintf("a control frame of %d bytes was received %d times and never settled: it may have ended this agent each time, and is passed over", len(f.Body), f.Attempts)}
	if len(f.Body) >= HeaderBytes {
		ev.Transfer = ID(f.Body[8:24])
		if from := string(trimName(f.Body[48:76])); validName(from) {
			ev.Peer = from
		}
	}
	return ev
}
