package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/mqha/mqha/mqconn/mqtest"
)

// report is the last line of the demo.
type report struct {
	Identical   bool          `json:"identical"`
	Files       int           `json:"files"`
	Bytes       int64         `json:"bytes"`
	Seconds     float64       `json:"seconds"` // from the submit to the end of the transfer
	TakeoverMS  int64         `json:"takeover_ms"`
	ReconnectMS int64         `json:"reconnect_ms"`
	Resent      int64         `json:"resent"` // bytes of files
	Kills       []killReport  `json:"kills"`
	Libraries   []library     `json:"libraries"`       // through which the agents were connected, as their connections say
	Connections []connections `json:"connections"`     // as the queue manager says
	Links       []string      `json:"links,omitempty"` // in the source; refused by name, not compared
	Problems    []string      `json:"problems,omitempty"`
}

type killReport struct {
	What           string  `json:"what"`
	AtPercent      float64 `json:"at_percent"`
	ResumedPercent float64 `json:"resumed_percent"`
	Resent         int64   `json:"resent"`
	Epoch          uint64  `json:"epoch"`                    // of the instance that is active afterwards
	TakeoverMS     int64   `json:"takeover_ms"`              // from the kill to an active instance that holds all queues
	FirstFrameMS   int64   `json:"first_frame_ms,omitempty"` // from the kill of the source to the first frame that its successor sent after it resumed
	ReconnectMS    int64   `json:"reconnect_ms,omitempty"`   // from the queue manager listening to the transfer going on
}

// String is what became of a kill, in a line.
func (k killReport) String() string {
	s := fmt.Sprintf("%s killed at %.2f %%: takeover %d ms", k.What, k.AtPercent, k.TakeoverMS)
	switch k.What {
	case theSource:
		s += fmt.Sprintf(", first resumed frame %d ms", k.FirstFrameMS)
	case theQueueManager:
		s += fmt.Sprintf(", reconnect %d ms", k.ReconnectMS)
	}
	return s + fmt.Sprintf("; resumed at %.2f %%, re-sent %d bytes", k.ResumedPercent, k.Resent)
}

// What resuming means: at most this much is sent again for a kill, and nothing that was durable.
const resendLimit = 64 << 20

// successorShare of the bytes must be sent for the first time by the instance that took over; else the
// kill came too late to show anything. What it sends again does not count.
const successorShare = 0.10

// judgeLibraries names what the agents were connected through, which must be one and the same.
func (r *report) judgeLibraries(connections map[library]int) {
	for l := range connections {
		r.Libraries = append(r.Libraries, l)
	}
	if len(r.Libraries) != 1 {
		r.problem("the agents were connected through %d client libraries: %v", len(r.Libraries), r.Libraries)
	}
}

// clientOf is the kind of client library below each transport, as the queue manager sees it.
func clientOf(through string) mqtest.Library {
	if through == throughTest {
		return mqtest.LibraryGo
	}
	return mqtest.LibraryC
}

// judgeConnections adds up what the queue manager has counted. Every single connection must have been made through
// the library that was asked for, that of the clients which submit and ask included: what another one had done
// would pass for the work of this one. told are the connections that the agents say they made.
func (r *report) judgeConnections(through string, counted []connections, told map[library]int) {
	sums := make(map[connections]int)
	total := 0
	for _, c := range counted {
		sums[connections{Application: c.Application, Library: c.Library}] += c.Count
		total += c.Count
	}
	for kind, n := range sums {
		kind.Count = n
		r.Connections = append(r.Connections, kind)
		if kind.Library != clientOf(through) {
			r.problem("%d connections of %s were made through the %s, not the %s", n, kind.Application, kind.Library, clientOf(through))
		}
	}
	slices.SortFunc(r.Connections, func(a, b connections) int {
		return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.Library, b.Library))
	})
	of := 0
	for _, n := range told {
		of += n
	}
	if total < of || total == 0 {
		r.problem("the agents tell of %d connections, the queue manager counted %d", of, total)
	}
}

func percent(n, of int64) float64 { return 100 * float64(n) / float64(max(of, 1)) }

func hundredths(x float64) float64 { return math.Round(100*x) / 100 }

func (r *report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// judgeKills adds what became of the kills, and what is wrong with it. frames are those of each source
// process by name.
func (r *report) judgeKills(kills []kill, planned int, resumes []resume, frames map[string][]sentFrame, total int64) {
	r.Kills = []killReport{}
	if len(kills) != planned {
		r.problem("%d of %d kills were carried out", len(kills), planned)
	}
	a, err := addUp(inOrder(frames), resumes, total)
	if err != nil {
		r.problem("counting: %v", err)
		return
	}
	r.Resent = a.resent
	for i, k := range kills {
		var until time.Time
		if i+1 < len(kills) {
			until = kills[i+1].at
		}
		kr := killReport{
			What: k.what, AtPercent: hundredths(percent(k.durable, total)), ResumedPercent: hundredths(percent(k.resumed.offset, total)),
			Resent: resentFor(k, until, resumes, a), Epoch: k.epoch, TakeoverMS: k.takeover.Milliseconds(),
		}
		switch k.what {
		case theQueueManager:
			kr.ReconnectMS = k.reconnect.Milliseconds()
			r.ReconnectMS = kr.ReconnectMS
		case theSource:
			r.TakeoverMS = kr.TakeoverMS
			kr.FirstFrameMS = r.judgeSuccessor(k, frames[k.successor], a.fresh[k.successor], total)
		}
		r.judgeKill(k, kr)
		r.Kills = append(r.Kills, kr)
	}
}

// resentFor adds up what was sent again at the resumes between a kill and the next.
func resentFor(k kill, until time.Time, resumes []resume, a account) (n int64) {
	for i, s := range resumes {
		if s.at.After(k.at) && (until.IsZero() || !s.at.After(until)) {
			n += a.back[i]
		}
	}
	return n
}

func (r *report) judgeKill(k kill, kr killReport) {
	if k.finished {
		r.problem("killing the %s met a finished transfer: give it more to do", k.what)
		return
	}
	if kr.AtPercent < earliest || kr.AtPercent > tooLate {
		r.problem("killed the %s at %.2f %%, not between %v and %v %%: give it more to do", k.what, kr.AtPercent, earliest, tooLate)
	}
	// Durable is what the receiver had acknowledged, and is behind what had been sent: a transfer of any
	// size, however small, that goes on before it has lost something.
	if k.resumed.offset < k.durable {
		r.problem("killed the %s with %d bytes durable, but resumed at %d", k.what, k.durable, k.resumed.offset)
	}
	if kr.Resent > resendLimit {
		r.problem("re-sent %d bytes after killing the %s, more than %d", kr.Resent, k.what, int64(resendLimit))
	}
}

func (r *report) judgeSuccessor(k kill, frames []sentFrame, fresh, total int64) (firstFrameMS int64) {
	if float64(fresh) < successorShare*float64(total) {
		r.problem("%s took over, but sent only %d of %d bytes that had not been sent", k.successor, fresh, total)
	}
	for _, f := range frames {
		if !f.at.Before(k.resumed.at) {
			return f.at.Sub(k.at).Milliseconds()
		}
	}
	return 0
}

// write writes the last lines.
func (r *report) write(out io.Writer, asJSON bool) error {
	r.Identical = len(r.Problems) == 0
	for _, l := range r.Links {
		fmt.Fprintf(out, "not compared: %s\n", l)
	}
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	if !r.Identical {
		for _, p := range r.Problems {
			fmt.Fprintf(out, "wrong: %s\n", p)
		}
		_, err := fmt.Fprintf(out, "not as it should be: %d problems\n", len(r.Problems))
		return err
	}
	for _, k := range r.Kills {
		fmt.Fprintln(out, k)
	}
	times := ""
	if len(r.Kills) > 0 {
		times = fmt.Sprintf("takeover %d ms; reconnect %d ms; ", r.TakeoverMS, r.ReconnectMS)
	}
	_, err := fmt.Fprintf(out, "identical: %d files, %d bytes, %.1f s; %sre-sent %d bytes\n", r.Files, r.Bytes, r.Seconds, times, r.Resent)
	return err
}
