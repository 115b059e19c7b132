package send

import "time"

// cancelStep makes a cancellation durable before the receiver hears of it.
func (t *Transfer) cancelStep(now time.Time, k EventKind, buf []Action) []Action {
	switch k {
	case CancelAsked:
		if t.phase < Ending && !t.asked {
			t.asked = true
			buf = append(buf, Action{Kind: WriteCancel})
		}
	case CancelWritten:
		buf = append(buf, Action{Kind: SyncCancel})
	case CancelSynced:
		t.cancel = true
		if t.up && t.phase < Ending {
			buf = t.tellCancel(now, buf)
		}
	}
	return buf
}

// begin says what is first said on a new link.
func (t *Transfer) begin(now time.Time, buf []Action) []Action {
	if t.cancel {
		return t.tellCancel(now, buf)
	}
	return t.ask(now, buf)
}

// tellCancel ends the session and asks for the last word. A cancellation that comes too late gets another one
// than Cancelled, and that one counts. While there is none it is asked for by questions, which are not persistent: a
// receiver may be away for days.
func (t *Transfer) tellCancel(now time.Time, buf []Action) []Action {
	t.phase, t.told = Cancelling, true
	t.nonce++
	t.wait = t.cfg.Retry
	t.deadline = now.Add(t.wait)
	return append(buf, Action{Kind: Cancel, Nonce: t.nonce})
}
