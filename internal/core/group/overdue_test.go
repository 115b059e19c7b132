package group

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// waits begins a check of a group of one and returns when its context ends.
func (s *stage) waits() (check Action) {
	s.t.Helper()
	s.outage(0, IsAlive) // which comes next
	s.now = s.due
	for _, a := range s.core.Step(s.now, Event{Kind: Wake}, nil) {
		switch {
		case a.Op.Asks():
			check = a
		case a.Op == SetTimer:
			s.due = a.At
		}
	}
	if check.Op != LooksAlive || !s.due.Equal(check.At) {
		s.t.Fatalf("asked for %+v, due at %v", check, s.due)
	}
	return check
}

// A check that dials with its own context had its say in the instant in which it was counted as overdue: which
// came first was a matter of two timers.
func TestCheckMaySpeakWhenItsContextHasEnded(t *testing.T) {
	for pending, kept := range map[time.Duration]time.Duration{3 * time.Minute: 5 * time.Second, 10 * time.Second: time.Second} {
		p := patient
		p.Pending = pending
		s := newStage(t, Member{Policy: p})
		check := s.waits()
		if got := check.At.Sub(s.now); got != pending-kept {
			t.Errorf("of %v: its context ends after %v", pending, got)
		}
		s.pass(pending - time.Nanosecond)
		s.tell(Event{Kind: Returned, Op: LooksAlive, Err: errAway, Elsewhere: true})
		s.expect(0, Up, errAway, 0)
	}
}

// A process that was stopped, as a virtual machine on the move is, finds every instant in the past.
func TestCheckMaySpeakAfterAStandstill(t *testing.T) {
	s := newStage(t, Member{Policy: patient})
	s.waits()
	s.now = s.now.Add(time.Hour)
	s.tell(Event{Kind: Wake})
	s.expect(0, Up, nil, 0)
	s.tell(Event{Kind: Returned, Op: LooksAlive, Err: errAway, Elsewhere: true})
	s.expect(0, Up, errAway, 0)
}

func TestCheckThatSaysNothingInTheEndIsOverdue(t *testing.T) {
	for _, pending := range []time.Duration{3 * time.Minute, 5 * time.Nanosecond} { // of which nothing can be kept
		p := patient
		p.Pending = pending
		s := newStage(t, Member{Policy: p})
		s.waits()
		end := s.now.Add(pending)
		var failed []Action
		for k := 0; len(failed) == 0 && k < 10; k++ {
			s.now = s.due
			failed = slices.DeleteFunc(s.core.Step(s.now, Event{Kind: Wake}, nil), func(a Action) bool {
				if a.Op == SetTimer {
					s.due = a.At
				}
				return a.Op != Report
			})
		}
		var overdue *OverdueError
		if !s.now.Equal(end) || len(failed) == 0 || !errors.As(failed[0].Err, &overdue) || overdue.Limit != pending || failed[0].Failures != 1 {
			t.Errorf("at %v of %v: %+v", s.now, end, failed)
		}
	}
}
