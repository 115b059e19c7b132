package mqconn_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// The queue manager backs the unit of work out (2003), as one that its log is too small for, each time. That ends the
// Session, but is no lost connection, which would not count.
func TestMessageWhoseCommitTheQueueManagerBacksOutIsMoved(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: poisonMQSC})
	p := newPoison(t, mqconn.PoisonOptions{Queue: mqconn.Address{Queue: "IN.POISON"}, Threshold: 3})
	c, err := mqconn.New(mqconn.Config{Dialer: blind{qm.Dialer()}})
	must(t, err)
	given := 0
	err = c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "in", true)
		must(t, err)
		if s.Generation() == 1 {
			put(t, ctx, conn, "IN", "bad")
		}
		var m mqconn.Message
		if err := p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}); errors.Is(err, mqconn.ErrNoMessage) {
			return errEnough
		} else if err != nil {
			return err
		}
		if given++; given == 20 {
			return errEnough
		}
		qm.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Reason: mqrc.BackedOut})
		return conn.Commit(ctx)
	})
	depth, depthErr := qm.Depth("IN.POISON")
	must(t, depthErr)
	if !errors.Is(err, errEnough) || given != 3 || depth != 1 {
		t.Errorf("%v, given to the program %d times with Threshold 3, %d messages moved", err, given, depth)
	}
}

// The answer of the commit that moves a message is lost. To move it twice is what happens at worst, so nothing is in doubt
// for the program: Run goes on, also where it must not repeat anything by accident, and tells of nothing.
func TestLostAnswerOfAMoveLeavesNothingInDoubt(t *testing.T) {
	for _, lost := range []mqtest.Break{mqtest.BeforeWork, mqtest.AfterWork} {
		qm := mqtest.New(t, mqtest.Options{MQSC: poisonMQSC})
		p := newPoison(t, mqconn.PoisonOptions{Queue: mqconn.Address{Queue: "IN.POISON"}, Threshold: 1})
		c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer()})
		must(t, err)
		given, generations := 0, uint64(0)
		err = c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
			conn, err := s.Open(ctx, "in", true)
			must(t, err)
			if generations = s.Generation(); generations == 1 {
				put(t, ctx, conn, "IN", "bad")
			}
			if s.Unknown() != nil {
				t.Errorf("told of %v", s.Unknown())
			}
			for {
				var m mqconn.Message
				if err := p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}); errors.Is(err, mqconn.ErrNoMessage) {
					return errEnough
				} else if err != nil {
					return err
				}
				given++
				must(t, conn.Backout(ctx))
				qm.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Break: lost})
			}
		})
		depth, depthErr := qm.Depth("IN.POISON")
		must(t, depthErr)
		if !errors.Is(err, errEnough) || given != 1 || depth != 1 || generations != 2 {
			t.Errorf("%v after %d generations, given %d times, %d messages moved", err, generations, given, depth)
		}
	}
}

// The message was delivered when it was got, and the move is not told as another arrival and delivery. Other reports stay.
func TestMoveIsNoArrivalThatIsReported(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: poisonMQSC + "\nDEFINE QLOCAL(REPLY)"})
	p := newPoison(t, mqconn.PoisonOptions{Queue: mqconn.Address{Queue: "IN.POISON"}, Threshold: 1})
	c, err := mqconn.New(mqconn.Config{Dialer: qm.Dialer()})
	must(t, err)
	must(t, c.Run(t.Context(), func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "in", true)
		must(t, err)
		must(t, conn.Put(ctx, mqconn.Address{Queue: "IN"}, &mqconn.Message{Persistent: true, ReplyTo: mqconn.Address{Queue: "REPLY"},
			Report: mqconn.ReportArrival | mqconn.ReportDelivery | mqconn.ReportException}))
		must(t, conn.Commit(ctx))
		var m mqconn.Message
		must(t, p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}))
		must(t, conn.Backout(ctx))
		if err := p.Get(ctx, conn, "IN", &m, mqconn.GetOptions{}); !errors.Is(err, mqconn.ErrNoMessage) {
			t.Errorf("not moved: %v", err)
		}
		must(t, conn.Get(ctx, "IN.POISON", &m, mqconn.GetOptions{}))
		if m.Report != mqconn.ReportException {
			t.Errorf("report options %#x", m.Report)
		}
		return conn.Commit(ctx)
	}))
	if depth, err := qm.Depth("REPLY"); err != nil || depth != 2 {
		t.Errorf("%d reports, want one arrival and one delivery: %v", depth, err)
	}
}
