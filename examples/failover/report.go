package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"
)

// report is the last line of the demo.
type report struct {
	Identical   bool         `json:"identical"`
	Files       int          `json:"files"`
	Bytes       int64        `json:"bytes"`
	Seconds     float64      `json:"seconds"` // from the submit to the end of the transfer
	TakeoverMS  int64        `json:"takeover_ms"`
	ReconnectMS int64        `json:"reconnect_ms"`
	Resent      int64        `json:"resent"` // bytes of files
	Kills       []killReport `json:"kills"`
	Libraries   []library    `json:"libraries"`       // through which the agents were connected, as their connections say
	Links       []string     `json:"links,omitempty"` // in the source; refused by name, not compared
	Problems    []string     `json:"problems,omitempty"`
}

type killReport struct {
	What           string  `json:"what"`
	AtPercent      float64 `json:"at_percent"`
	ResumedPercent float64 `json:"resumed_percent"`
	Resent         int64   `json:"resent"`
	Epoch          uint64  `json:"epoch,omitempty"`       // of the instance that is active afterwards
	TakeoverMS     int64   `json:"takeover_ms,omitempty"` // from the kill to an active instance that holds all queues
	FirstFrameMS   int64   `json:"first_frame_ms,omitempty"`
	ReconnectMS    int64   `json:"reconnect_ms,omitempty"` // from the queue manager listening to the transfer going on
}

// What resuming means: at most this much is sent again for a kill, or was lost by it.
const resendLimit = 64 << 20

// successorShare of the bytes must be left for the instance that took over; else the kill came too late
// to show anything.
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
			Resent: resentFor(k, until, resumes, a), Epoch: k.epoch,
		}
		switch k.what {
		case theQueueManager:
			kr.ReconnectMS = k.recovered.Milliseconds()
			r.ReconnectMS = kr.ReconnectMS
		case theSource:
			kr.TakeoverMS = k.recovered.Milliseconds()
			r.TakeoverMS = kr.TakeoverMS
			kr.FirstFrameMS = r.judgeSuccessor(k, frames[k.successor], total)
		default:
			kr.TakeoverMS = k.recovered.Milliseconds()
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
	switch {
	case k.finished:
		r.problem("killing the %s met a finished transfer: give it more to do", k.what)
	case k.durable-k.resumed.offset > resendLimit:
		r.problem("killed the %s with %d bytes durable, but resumed at %d: more than %d before", k.what, k.durable, k.resumed.offset, int64(resendLimit))
	case kr.Resent > resendLimit:
		r.problem("re-sent %d bytes after killing the %s, more than %d", kr.Resent, k.what, int64(resendLimit))
	}
}

func (r *report) judgeSuccessor(k kill, frames []sentFrame, total int64) (firstFrameMS int64) {
	if moved := payload(frames); float64(moved) < successorShare*float64(total) {
		r.problem("%s took over, but sent only %d of %d bytes", k.successor, moved, total)
	}
	if len(frames) == 0 {
		return 0
	}
	return frames[0].at.Sub(k.at).Milliseconds()
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
	times := ""
	if len(r.Kills) > 0 {
		times = fmt.Sprintf("takeover %d ms; reconnect %d ms; ", r.TakeoverMS, r.ReconnectMS)
	}
	_, err := fmt.Fprintf(out, "identical: %d files, %d bytes, %.1f s; %sre-sent %d bytes\n", r.Files, r.Bytes, r.Seconds, times, r.Resent)
	return err
}
