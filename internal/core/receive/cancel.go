package receive

import "github.com/mqha/mqha/internal/core/stream"

// cancelled notes that the sender has given up. Nothing more is taken in; what was committed gets its names
// first. A frame that says so is settled at once: if this is forgotten, the sender says it again.
func (t *Transfer) cancelled(buf []Action) []Action {
	switch t.phase {
	case Over:
		buf = append(buf, Action{Kind: SendEnd, Answer: t.answer})
	case Ending, Gone:
	default:
		t.cancel = true
	}
	return buf
}

// giveUpAll removes what was received and has no name, once nothing is under way.
func (t *Transfer) giveUpAll(buf []Action) []Action {
	if t.phase != Taking || t.check.stage != idle || t.writes > 0 || t.record != noRecord {
		return buf
	}
	for _, f := range t.pending {
		buf = append(buf, Action{Kind: Abandon, File: f.Index})
	}
	if t.created && !t.failed {
		buf = append(buf, Action{Kind: Abandon, File: t.pos.File})
	}
	t.pending, t.created, t.failed = nil, false, true
	if t.durable.File == 0 {
		return t.end(stream.Cancelled, buf) // the parts of the manifest are not among those that are listed
	}
	t.removed = true
	return t.complete(buf)
}

// lastWord is what is said in the end.
func (t *Transfer) lastWord() stream.Answer {
	if t.cancel {
		return stream.Cancelled
	}
	return stream.Completed
}
