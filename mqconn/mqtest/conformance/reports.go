package conformance

import (
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

func reportsTell(r rig) {
	c := r.dial(false)
	answers := mqconn.Address{Queue: "B"}
	r.put(c, "A", "asks for nothing", false)
	if m := r.get(c, "A", "asks for nothing"); m.Report != 0 || m.Feedback != 0 {
		r.Errorf("report %#x, feedback %d of a message without", m.Report, m.Feedback)
	}
	r.wantDepth("B", 0)

	sent := mqconn.Message{Body: []byte("x"), CorrelationID: mqconn.ID{23: 1}, Priority: 7, ReplyTo: answers,
		Report: mqconn.ReportArrival | mqconn.ReportDelivery}
	r.must(c.Put(mqconn.Address{Queue: "A"}, &sent))
	r.report(c, sent, mqconn.FeedbackArrival)
	if m := r.get(c, "A", "x"); m.Report != sent.Report || m.Feedback != 0 {
		r.Errorf("report %#x, feedback %d, put was report %#x", m.Report, m.Feedback, sent.Report)
	}
	r.report(c, sent, mqconn.FeedbackDelivery)

	reportsAreInTheUnitOfTheirCause(r, c)
	for _, option := range []mqconn.Report{mqconn.ReportException, mqconn.ReportExpiration, mqconn.ReportPassMessageID,
		mqconn.ReportPassCorrelationID} {
		oneOption(r, c, option)
	}
	err := c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{Report: mqconn.ReportArrival})
	r.wantReason(err, mqrc.MissingReplyToQ)
	r.wantDepth("A", 0)
	r.wantDepth("B", 0)
}

func reportsAreInTheUnitOfTheirCause(r rig, outside mqconn.Transport) {
	c := r.dial(true)
	sent := mqconn.Message{Body: []byte("x"), Persistent: true, ReplyTo: mqconn.Address{Queue: "B"},
		Report: mqconn.ReportArrival | mqconn.ReportDelivery}
	r.must(c.Put(mqconn.Address{Queue: "A"}, &sent))
	r.must(c.Backout())
	r.must(c.Put(mqconn.Address{Queue: "A"}, &sent))
	r.get(outside, "B", "")
	r.must(c.Commit())
	r.report(outside, sent, mqconn.FeedbackArrival)
	r.get(c, "A", "x")
	r.must(c.Backout())
	r.get(outside, "B", "")
	r.get(c, "A", "x")
	r.must(c.Commit())
	r.report(outside, sent, mqconn.FeedbackDelivery)
}

// oneOption asks for what a transport may refuse, as its Info says. Nobody makes the cause of an exception or an expiration
// here, so that of these no more is tested than that the wish arrives.
func oneOption(r rig, c mqconn.Transport, option mqconn.Report) {
	r.Helper()
	sent := mqconn.Message{Body: []byte("x"), CorrelationID: mqconn.ID{1, 23: 1}, ReplyTo: mqconn.Address{Queue: "B"},
		Report: mqconn.ReportArrival | option}
	err := c.Put(mqconn.Address{Queue: "A"}, &sent)
	if c.Info().Reports&option == 0 {
		r.wantReason(err, mqrc.ReportOptionsError)
		return
	}
	r.must(err)
	r.report(c, sent, mqconn.FeedbackArrival)
	if m := r.get(c, "A", "x"); m.Report != sent.Report {
		r.Errorf("report %#x, put was %#x", m.Report, sent.Report)
	}
}

// report expects the next message of queue B to be a report about sent.
func (r rig) report(c mqconn.Transport, sent mqconn.Message, want mqconn.Feedback) {
	r.Helper()
	var m mqconn.Message
	r.must(c.Get("B", &m, mqconn.GetOptions{}))
	if m.Feedback != want || m.Report != 0 || len(m.Body) != 0 || m.Persistent != sent.Persistent || m.Priority != sent.Priority ||
		m.Expiry != 0 {
		r.Errorf("got %+v, want feedback %d", m, want)
	}
	if passed := sent.Report&mqconn.ReportPassMessageID != 0; passed != (m.ID == sent.ID) {
		r.Errorf("the report has identifier %x, the message %x, and it is to be passed: %v", m.ID, sent.ID, passed)
	}
	correlation := sent.ID
	if sent.Report&mqconn.ReportPassCorrelationID != 0 {
		correlation = sent.CorrelationID
	}
	if m.CorrelationID != correlation {
		r.Errorf("the report has correlation identifier %x, want %x", m.CorrelationID, correlation)
	}
}
