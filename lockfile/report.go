package lockfile

import (
	"fmt"
	"strings"
	"time"
)

// Verdict is what a Report comes to.
type Verdict string

// The verdicts.
const (
	Can      Verdict = "can carry a lock"
	OnlyWith Verdict = "can carry a lock only with"
	Cannot   Verdict = "cannot carry a lock"
)

// Report is what Check found out about a directory. It is made for people (String) and for programs
// (encoding/json); durations are nanoseconds in JSON.
type Report struct {
	Dir        string        `json:"dir"`
	FileSystem string        `json:"fileSystem"` // as the operating system calls it, such as ext4, nfs4 or fuse.glusterfs; empty if unknown
	Local      bool          `json:"local"`      // a disk of this machine
	LockLease  time.Duration `json:"lockLeaseNs,omitempty"`
	Primitive  string        `json:"primitive"`
	Hosts      []string      `json:"hosts"` // the machines that took part: one or two
	Findings   []Finding     `json:"findings"`
	Verdict    Verdict       `json:"verdict"`
	Because    []string      `json:"because,omitempty"` // OnlyWith: the conditions. Cannot: the reasons
}

// Finding is the outcome of one probe.
type Finding struct {
	Probe  string        `json:"probe"`
	OK     bool          `json:"ok"`
	Detail string        `json:"detail,omitempty"`
	Took   time.Duration `json:"tookNs"`
}

// String is the report as text, with the verdict in the last lines.
func (r *Report) String() string {
	var b strings.Builder
	name := r.FileSystem
	if name == "" {
		name = "unknown"
	}
	place := "network or unknown"
	if r.Local {
		place = "local"
	}
	fmt.Fprintf(&b, "directory    %s\nfile system  %s (%s)\nlock         %s\n", r.Dir, name, place, r.Primitive)
	if r.LockLease > 0 {
		fmt.Fprintf(&b, "lock lease   %v\n", r.LockLease)
	}
	fmt.Fprintf(&b, "hosts        %s\n\n", strings.Join(r.Hosts, ", "))
	for _, f := range r.Findings {
		mark := "ok     "
		if !f.OK {
			mark = "FAILED "
		}
		fmt.Fprintf(&b, "%s %-38s %9v  %s\n", mark, f.Probe, f.Took.Round(10*time.Microsecond), f.Detail)
	}
	fmt.Fprintf(&b, "\n%s %s", r.Dir, r.Verdict)
	for _, line := range r.Because {
		fmt.Fprintf(&b, "\n  - %s", line)
	}
	b.WriteString("\n")
	return b.String()
}

// judge sets the verdict from the findings and from what is known of the file system.
func (r *Report) judge() {
	for _, f := range r.Findings {
		if !f.OK {
			r.Verdict = Cannot
			r.Because = append(r.Because, f.Probe+": "+f.Detail)
		}
	}
	known := knowledgeOf(r.FileSystem)
	if known.verdict == Cannot {
		r.Verdict = Cannot
		r.Because = append(r.Because, known.because...)
	}
	if r.Verdict == Cannot {
		for _, setting := range known.because {
			if known.verdict != Cannot {
				r.Because = append(r.Because, "it may be able to with "+setting)
			}
		}
		return
	}
	r.Because = append(r.Because, known.because...)
	if !r.Local && len(r.Hosts) < 2 {
		r.Because = append(r.Because, "a check between two of the machines that will share it: this one saw one machine only")
	}
	if r.LockLease > 0 {
		r.Because = append(r.Because, fmt.Sprintf("a takeover that waits up to %v, the server's lock lease, after the holder's machine is gone", r.LockLease))
	}
	r.Verdict = Can
	if len(r.Because) > 0 {
		r.Verdict = OnlyWith
	}
}
