package transfer

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/send"
	"github.com/mqha/mqha/internal/core/stream"
)

// frameArrived decides whether a frame is listened to at all, and whom it is for.
func (e *Engine) frameArrived(now time.Time, f *inFrame) {
	if f.run != e.run {
		return // of a link that is gone, and its frames with it
	}
	h := &f.head
	if h.Kind.control() {
		e.control = f
	}
	switch e.state.peer(h.From).judge(h.Incarnation, h.Epoch) {
	case older:
		e.tell(Event{Kind: EventDropped, Transfer: h.Transfer, Peer: h.From,
			Reason: fmt.Sprintf("a message of epoch %d, which is over", h.Epoch)})
		e.finish(f)
		return
	case newer:
		// What is known of the peer must be durable before the frame has an effect, or a
		// restart would listen to the older instance again.
		e.record(record{Peer: e.state.peer(h.From).raised(h.Incarnation, h.Epoch)}, nil)
		e.raising++
		e.syncJournal(func(now time.Time) {
			e.raising--
			e.giveUpOrphans(now, f.head.From)
			e.deliverFrame(now, f)
		})
		return
	}
	e.deliverFrame(now, f)
}

// giveUpOrphans cancels what an earlier incarnation of an agent began to send: its messages are not listened to any more,
// and the present one does not know of it.
func (e *Engine) giveUpOrphans(now time.Time, from string) {
	for _, in := range e.in {
		if in.rec.From == from {
			e.giveUpOrphan(now, in)
		}
	}
}

func (e *Engine) giveUpOrphan(now time.Time, in *incoming) {
	if in.rec.Incarnation == e.state.peer(in.rec.From).Incarnation {
		return
	}
	if !in.full && in.core.Phase() < receive.Ending {
		in.rec.Reason = "agent " + in.rec.From + " has lost its state directory, and with it this transfer"
	}
	e.stepIn(now, in, receive.Event{Kind: receive.Orphaned})
}

func (e *Engine) deliverFrame(now time.Time, f *inFrame) {
	if f.run != e.run {
		return
	}
	switch f.head.Kind {
	case kindAsk, kindOpen, kindData, kindConfirm, kindCancel:
		e.toReceiver(now, f)
	default:
		e.toSender(now, f)
	}
}

// finish gives back a frame that was not passed on: a control frame is settled.
func (e *Engine) finish(f *inFrame) {
	if e.control == f {
		e.settle()
		return
	}
	e.release(f)
}

// finishSent settles a control frame once the reply to it has left. When the link is lost before,
// the frame comes again; when there is no way to the peer it is settled all the same, so that one
// peer cannot hold up the others.
func (e *Engine) finishSent(f *inFrame) func(time.Time, bool) {
	return func(_ time.Time, failed bool) {
		if !failed || f.run.ctx.Err() == nil {
			e.finish(f)
		}
	}
}

// toReceiver handles what the sender of a transfer sent.
func (e *Engine) toReceiver(now time.Time, f *inFrame) {
	h := &f.head
	in := e.in[h.Transfer]
	// A sender that lost its state directory confirms what it does not know.
	foreign := in != nil && (in.rec.From != h.From || in.rec.Incarnation != h.Incarnation && h.Kind != kindConfirm)
	if foreign {
		e.finish(f)
		return
	}
	if in == nil {
		e.unknownIncoming(now, f)
		return
	}
	if in.full {
		e.finish(f)
		return
	}
	switch h.Kind {
	case kindAsk, kindOpen:
		e.settleBelow(h)
		in.window = h.Credit
		ev := receive.Event{Kind: receive.Asked, Nonce: h.Nonce}
		if h.Kind == kindOpen {
			ev.Kind = receive.Opened
			e.stepIn(now, in, ev)
			return
		}
		e.stepIn(now, in, ev)
		e.release(f)
	case kindConfirm:
		e.stepIn(now, in, receive.Event{Kind: receive.Confirmed})
	case kindCancel:
		if in.core.Phase() < receive.Ending {
			in.rec.Reason = cancelReason(f.payload)
		}
		e.stepIn(now, in, receive.Event{Kind: receive.Cancel})
	case kindData:
		e.data(now, in, f)
	}
}

// data gives a frame of file bytes to the core. One that does not fit the manifest fails its file:
// the size of a file is what the manifest says and not what arrives.
func (e *Engine) data(now time.Time, in *incoming, f *inFrame) {
	h := &f.head
	ev := receive.Event{
		Kind: receive.Frame, Nonce: h.Nonce, Pos: h.Pos, Length: len(f.payload),
		Fin: h.Flags&flagFin != 0, Skip: h.Flags&flagSkip != 0,
	}
	if !e.fits(in, &ev) {
		e.release(f)
		return
	}
	if ev.Skip && in.core.Takes(h.Nonce, h.Pos) {
		e.failFile(in, h.Pos.File, printable(f.payload))
	}
	in.frame = f
	e.stepIn(now, in, ev)
}

// fits says whether a frame lies within its file and ends it exactly where the manifest does. A
// sender of this package sends no other; those of a liar are dropped.
func (e *Engine) fits(in *incoming, ev *receive.Event) bool {
	size := in.rec.Manifest
	if ev.Pos.File > 0 {
		if in.layout == nil || int64(ev.Pos.File) > int64(len(in.layout.manifest.Files)) {
			return false
		}
		size = in.layout.manifest.Files[ev.Pos.File-1].Size
	}
	end := ev.Pos.Offset + int64(ev.Length)
	if ev.Skip {
		return ev.Pos.Offset <= size
	}
	return end >= ev.Pos.Offset && end <= size && ev.Fin == (end == size) && (ev.Length > 0 || ev.Fin)
}

// printable keeps a reason that came over the network to one short line.
func printable(b []byte) string {
	const longest = 200
	s := []rune(string(b[:min(len(b), longest)]))
	for i, r := range s {
		if r < ' ' || r == 0x7f {
			s[i] = ' '
		}
	}
	return "the sender: " + string(s)
}

func cancelReason(payload []byte) string {
	if len(payload) == 0 {
		return "cancelled at the sender"
	}
	return printable(payload)
}

// unknownIncoming answers for a transfer that is not, or no longer, known here.
func (e *Engine) unknownIncoming(now time.Time, f *inFrame) {
	h := &f.head
	switch h.Kind {
	case kindAsk:
		e.post(h.From, &header{Kind: kindAnswer, Transfer: h.Transfer, Nonce: h.Nonce, Answer: stream.Unknown}, nil, nil)
	case kindOpen:
		e.announced(now, f)
		return
	case kindCancel: // it was cancelled before it began here
		e.endUnknown(f, stream.Cancelled, cancelReason(f.payload))
		return
	}
	e.finish(f)
}

// announced begins a transfer, or refuses it: an old one that is over must not begin again.
func (e *Engine) announced(now time.Time, f *inFrame) {
	h := &f.head
	e.settleBelow(h)
	peer := e.state.peer(h.From)
	var a announcement
	reason := ""
	switch err := json.Unmarshal(f.payload, &a); {
	case err != nil:
		reason = "the announcement is not readable: " + err.Error()
	case e.files == nil:
		reason = "agent " + e.opt.Name + " receives no files: it has no WriteRoot"
	case e.draining:
		e.finish(f)
		return
	case a.Digest != "" && !a.Digest.known():
		reason = fmt.Sprintf("the digest %.20q is not known here: bring both agents to the same release, or set the sender's Options.Digest to %s", a.Digest, SHA256)
	case peer.over(h.Frames):
		reason = "a transfer with this number was completed and confirmed long ago"
	case a.ManifestBytes <= 0 || a.ManifestBytes > maxManifestBytes || a.Files < 0 || a.Files > maxFiles || a.Bytes < 0:
		reason = fmt.Sprintf("an absurd announcement: %d files, %d bytes, a list of %d bytes", a.Files, a.Bytes, a.ManifestBytes)
	}
	if reason != "" {
		e.refuse(f, reason)
		return
	}
	in := &incoming{
		rec: &inRecord{ID: h.Transfer, Number: h.Frames, From: h.From, Incarnation: h.Incarnation,
			Root: e.root, Manifest: a.ManifestBytes, Files: a.Files, Bytes: a.Bytes, Digest: a.Digest},
		core: receive.NewOpened(e.receiveConfig()), parts: map[uint32]*part{}, window: h.Credit,
	}
	e.in[h.Transfer] = in
	e.stepIn(now, in, receive.Event{Kind: receive.LinkUp})
	e.stepIn(now, in, receive.Event{Kind: receive.Opened, Nonce: h.Nonce})
}

// settleBelow takes the sender's word for which of its transfers are over. The journal has it before
// anything that follows from it.
func (e *Engine) settleBelow(h *header) {
	p := *e.state.peer(h.From)
	if p.settle(uint64(h.Bytes)) {
		e.record(record{Peer: &p}, nil)
	}
}

// refuse keeps no record of the transfer: asked again, the answer is the same. But what the
// announcement said of the sender's other transfers is durable before it is settled.
func (e *Engine) refuse(f *inFrame, reason string) {
	h := &f.head
	e.tell(Event{Kind: EventRefused, Transfer: h.Transfer, Peer: h.From, Reason: reason})
	e.endUnknown(f, stream.Refused, reason)
}

// endUnknown gives the last word on a transfer of which nothing is recorded here.
func (e *Engine) endUnknown(f *inFrame, a stream.Answer, reason string) {
	h := &f.head
	body, err := json.Marshal(result{Reason: reason})
	if err != nil {
		e.fail(err)
		return
	}
	e.syncJournal(func(time.Time) {
		e.post(h.From, &header{Kind: kindEnd, Transfer: h.Transfer, Answer: a}, body, e.finishSent(f))
	})
}

// toSender handles what the receiver of a transfer sent.
func (e *Engine) toSender(now time.Time, f *inFrame) {
	h := &f.head
	o := e.out[h.Transfer]
	if o == nil || o.rec.To != h.From {
		e.strange(f)
		return
	}
	ev := send.Event{Nonce: h.Nonce, Answer: h.Answer, Pos: h.Pos, Durable: h.Durable, Frames: h.Frames, Bytes: h.Bytes, Credit: h.Credit}
	switch h.Kind {
	case kindAnswer:
		ev.Kind = send.Answered
		if h.Answer == stream.Receiving && !o.opened {
			e.emit(o, EventOpened, "", "")
		}
	case kindNudge:
		ev.Kind = send.Nudged
	case kindAck:
		ev.Kind = send.Acked
	case kindEnd:
		if h.Answer < stream.Completed || json.Unmarshal(f.payload, &o.result) != nil {
			e.finish(f)
			return
		}
		ev.Kind = send.Finished
		e.stepOut(now, o, ev)
		return
	}
	e.stepOut(now, o, ev)
	e.release(f)
}

// strange answers for a transfer that this agent does not know: its last word is confirmed, so that
// the receiver can forget it.
func (e *Engine) strange(f *inFrame) {
	h := &f.head
	if h.Kind != kindEnd || e.out[h.Transfer] != nil {
		e.finish(f)
		return
	}
	e.post(h.From, &header{Kind: kindConfirm, Transfer: h.Transfer}, nil, e.finishSent(f))
}
