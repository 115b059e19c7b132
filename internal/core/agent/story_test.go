package agent

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// story drives a Core by hand and keeps what it asked for, as text.
type story struct {
	t    *testing.T
	core *Core
	now  time.Time
}

func newStory(t *testing.T, o Options) *story {
	o.StopLimit, o.DrainLimit, o.LossLimit = 30*time.Second, 10*time.Second, 2*time.Second
	return &story{t: t, core: New(o), now: time.Unix(0, 0)}
}

var noteNames = map[Note]string{Elected: "elected", Active: "active", Disconnected: "disconnected", LeaseGone: "lease gone", SteppingDown: "stepping down", Stopped: "stopped"}

func text(a Action) string {
	switch a.Kind {
	case Start:
		return "start " + a.Part.String()
	case Cancel:
		return "cancel " + a.Part.String()
	case EndGeneration:
		return "end generation"
	case Arm:
		return "arm"
	case HardStop:
		return "hard stop for " + a.Overdue[0].String()
	case Report:
		return "say " + noteNames[a.Note]
	default:
		if a.Err != nil {
			return "finish: " + a.Err.Error()
		}
		return "finish"
	}
}

func (s *story) is(ev Event, want ...string) {
	s.t.Helper()
	var got []string
	for _, a := range s.core.Step(s.now, ev, nil) {
		got = append(got, text(a))
	}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		s.t.Fatalf("after %+v\n got %s\nwant %s", ev, strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

func done(p Part) Event      { return Event{Kind: Ended, Part: p} }
func cancelled(p Part) Event { return Event{Kind: Ended, Part: p, Outcome: Cancelled} }
func failing(p Part) Event {
	return Event{Kind: Ended, Part: p, Outcome: Failed, Err: errors.New("broken")}
}

func (s *story) electedAndConnected() {
	s.t.Helper()
	s.is(Event{Kind: Begin}, "start campaign")
	s.is(done(Campaign), "say elected", "start resource group")
	s.is(Event{Kind: Online, Part: Group}, "start opening of the journals")
	s.is(done(OpenEngine), "start connection")
	s.is(Event{Kind: Connected, Generation: 1}, "start lease verification")
}

func (s *story) active() {
	s.t.Helper()
	s.electedAndConnected()
	s.fenced()
}

func (s *story) fenced() {
	s.t.Helper()
	s.is(done(Verify), "start hold of the input queue")
	s.is(done(HoldInput), "start hold of the command queue")
	s.is(done(HoldCommands), "say active", "start transfer engine", "start command loop", "start work")
}

var full = Options{Group: true, Engine: true, Work: true}

// APAR IT35878: the queue manager restarted after the lock was taken and before initialisation was
// complete; the agent went on without taking the lock again, and two were active.
func TestIT35878ReconnectVerifiesAndFencesAgainBeforeAnyWork(t *testing.T) {
	s := newStory(t, full)
	s.electedAndConnected()
	s.is(done(Verify), "start hold of the input queue")
	s.is(Event{Kind: SessionEnded, Generation: 1, Err: errors.New("2009")}, "say disconnected", "cancel hold of the input queue", "arm")
	s.is(cancelled(HoldInput), "end generation")
	s.is(Event{Kind: Connected, Generation: 2}, "start lease verification")
	s.fenced()
}

// A hold that ends because the session did says so before the session's own end is reported: the
// agent waits for that report instead of starting again on a dead session.
func TestPartCancelledWithItsSessionIsNotStartedAgainOnIt(t *testing.T) {
	s := newStory(t, full)
	s.electedAndConnected()
	s.is(cancelled(Verify))
	s.is(Event{Kind: SessionEnded, Generation: 1}, "say disconnected", "end generation")
}

// Two instances may see different things of one queue manager: the network of a node fails, or the queue manager moved and
// its old node knows its name, too (2059, not 2058).
func TestInstanceWithoutASessionGivesWayToAStandbyThatHasOne(t *testing.T) {
	o := full
	o.Yield = true
	s := newStory(t, o)
	s.is(Event{Kind: Begin}, "start campaign", "start connection of the standby")
	s.is(done(Campaign), "say elected", "cancel connection of the standby", "start resource group")
	s.is(cancelled(Warm))
	s.is(Event{Kind: Online, Part: Group}, "start opening of the journals")
	s.is(done(OpenEngine), "start connection", "start look for a connected standby")
	s.is(Event{Kind: Connected, Generation: 1}, "start lease verification")
	s.is(failing(Yield), "start look for a connected standby") // it found one in the instant before: nobody gives way with a session
	s.is(done(Verify), "start hold of the input queue")
	s.is(done(HoldInput), "start hold of the command queue")
	s.is(done(HoldCommands), "say active", "start transfer engine", "start command loop", "start work", "cancel look for a connected standby")
	s.is(cancelled(Yield))
	s.is(Event{Kind: SessionEnded, Generation: 1}, "say disconnected", "cancel transfer engine", "cancel command loop", "cancel work", "arm", "start look for a connected standby")
	s.is(cancelled(RunEngine))
	s.is(cancelled(Commands))
	s.is(cancelled(Work), "end generation")
	s.is(failing(Yield), "say stepping down", "start closing of the journals", "arm")
	s.is(done(CloseEngine), "cancel connection", "arm")
	s.is(cancelled(Connector), "cancel resource group")
	s.is(cancelled(Group), "start release of the lease")
	s.is(done(Release), "start stand back")
	s.is(done(StandBack), "start campaign", "start connection of the standby")
}

// Each connection that broke before the agent was active began the look anew, and one that flapped never gave way.
func TestConnectionThatBreaksBeforeItWorksDoesNotEndTheLook(t *testing.T) {
	s := newStory(t, Options{Yield: true})
	s.is(Event{Kind: Begin}, "start campaign", "start connection of the standby")
	s.is(done(Campaign), "say elected", "cancel connection of the standby", "start connection", "start look for a connected standby")
	s.is(cancelled(Warm))
	for g := uint64(1); g < 4; g++ {
		s.is(Event{Kind: Connected, Generation: g}, "start lease verification")
		s.is(done(Verify), "start hold of the command queue")
		s.is(Event{Kind: SessionEnded, Generation: g}, "say disconnected", "cancel hold of the command queue", "arm")
		s.is(cancelled(HoldCommands), "end generation")
	}
	s.is(failing(Yield), "say stepping down", "cancel connection", "arm")
}

func TestControlledStopDrainsBeforeAnythingEnds(t *testing.T) {
	s := newStory(t, full)
	s.active()
	s.is(Event{Kind: Stop, Drain: true}, "say stepping down", "cancel command loop", "arm")
	s.is(cancelled(Commands), "start drain", "arm")
	s.is(done(Drain), "cancel transfer engine", "cancel work", "arm")
	s.is(cancelled(RunEngine))
	s.is(cancelled(Work), "start closing of the journals", "arm")
	s.is(done(CloseEngine), "cancel connection", "arm")
	s.is(cancelled(Connector), "cancel resource group")
	s.is(cancelled(Group), "start release of the lease")
	s.is(done(Release), "say stopped", "finish")
}

func TestImmediateStopDuringDrainSuspends(t *testing.T) {
	s := newStory(t, full)
	s.active()
	s.is(Event{Kind: Stop, Drain: true}, "say stepping down", "cancel command loop", "arm")
	s.is(cancelled(Commands), "start drain", "arm")
	s.is(Event{Kind: Stop}, "cancel drain")
	s.is(cancelled(Drain), "cancel transfer engine", "cancel work", "arm")
}

func TestLossOfTheLeaseCancelsWorkThenDisconnectsAtOnce(t *testing.T) {
	s := newStory(t, full)
	s.active()
	s.is(Event{Kind: LeaseLost, Err: errors.New("lost")}, "say lease gone",
		"cancel transfer engine", "cancel command loop", "cancel work", "cancel connection", "arm")
}

func TestLossOfTheLeaseOvertakesAStopThatDrains(t *testing.T) {
	s := newStory(t, full)
	s.active()
	s.is(Event{Kind: Stop, Drain: true}, "say stepping down", "cancel command loop", "arm")
	s.is(cancelled(Commands), "start drain", "arm")
	s.is(Event{Kind: LeaseLost, Err: errors.New("lost")}, "say lease gone",
		"cancel transfer engine", "cancel work", "cancel drain", "cancel connection", "arm")
}

func TestWorkThatDoesNotEndKeepsTheLeaseAndIsNamed(t *testing.T) {
	s := newStory(t, Options{Work: true})
	s.is(Event{Kind: Begin}, "start campaign")
	s.is(done(Campaign), "say elected", "start connection")
	s.is(Event{Kind: Connected, Generation: 1}, "start lease verification")
	s.is(done(Verify), "start hold of the command queue")
	s.is(done(HoldCommands), "say active", "start command loop", "start work")
	s.is(Event{Kind: Stop}, "say stepping down", "cancel command loop", "arm")
	s.is(cancelled(Commands), "cancel work", "arm")
	s.is(Event{Kind: Timer, Timer: 2}, "hard stop for work", "cancel connection", "arm")
	s.is(cancelled(Connector), "say stopped", "finish")
	s.is(cancelled(Work))
}

func TestResourceThatDoesNotGoOfflineKeepsTheLease(t *testing.T) {
	s := newStory(t, Options{Group: true})
	s.is(Event{Kind: Begin}, "start campaign")
	s.is(done(Campaign), "say elected", "start resource group")
	s.is(Event{Kind: Stop}, "say stepping down", "cancel resource group")
	s.is(Event{Kind: Ended, Part: Group, Outcome: Hangs, Err: errors.New("umount hangs")},
		"hard stop for resource group", "say stopped", "finish: umount hangs")
}

func TestFailureOfAResourceStandsBackAndCampaignsAgain(t *testing.T) {
	s := newStory(t, Options{Group: true})
	s.is(Event{Kind: Begin}, "start campaign")
	s.is(done(Campaign), "say elected", "start resource group")
	s.is(failing(Group), "say stepping down", "start release of the lease")
	s.is(done(Release), "start stand back")
	s.is(done(StandBack), "start campaign")
}

func TestStopWhileStandingBackEndsWithoutTheOldError(t *testing.T) {
	s := newStory(t, Options{Group: true})
	s.is(Event{Kind: Begin}, "start campaign")
	s.is(done(Campaign), "say elected", "start resource group")
	s.is(failing(Group), "say stepping down", "start release of the lease")
	s.is(done(Release), "start stand back")
	s.is(Event{Kind: Stop, Drain: true}, "cancel stand back")
	s.is(cancelled(StandBack), "say stopped", "finish")
}

func TestExitOnLossFinishesWithTheError(t *testing.T) {
	s := newStory(t, Options{Group: true, ExitOnLoss: true})
	s.is(Event{Kind: Begin}, "start campaign")
	s.is(done(Campaign), "say elected", "start resource group")
	s.is(failing(Group), "say stepping down", "start release of the lease")
	s.is(done(Release), "say stopped", "finish: broken")
}

// A late election: the lock was granted while the campaign was being cancelled.
func TestElectionThatComesAfterTheStopIsReleased(t *testing.T) {
	s := newStory(t, full)
	s.is(Event{Kind: Begin}, "start campaign")
	s.is(Event{Kind: Stop}, "say stepping down", "cancel campaign", "arm")
	s.is(done(Campaign), "say elected", "start release of the lease")
	s.is(done(Release), "say stopped", "finish")
}
