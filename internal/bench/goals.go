package main

import "math"

// goal is one of the goals that package transfer was written for.
type goal struct {
	name    string
	clauses []clause
}

// clause compares one figure with another, or with a constant.
type clause struct {
	text  string
	of    quantity
	over  quantity // zero: of is compared as it is
	least float64  // one of the two is set
	most  float64
	unit  string // without over

	// ceiling is what this machine gives for the work that of has to do at least, compared with the same over: a goal
	// that lies beyond it cannot be reached here.
	ceiling     quantity
	ceilingText string
}

// quantity is a figure of a variant.
type quantity struct {
	variant string
	figure  figure
}

// figure computes one number from what a variant showed.
type figure func(m *measurement, samples []sample) float64

func speed(variant string) quantity { return quantity{variant, rate} }

// faster compares two rates.
func faster(variant, than string, by float64) clause {
	return clause{text: variant + " to " + than, of: speed(variant), over: speed(than), least: by}
}

// under adds the ceiling of what c compares.
func (c clause) under(text string, q quantity) clause {
	c.ceilingText, c.ceiling = text, q
	return c
}

// processorsOf is the ceiling of what keeps all processors at work: a variant's own work, and nothing between.
func processorsOf(variant string) (string, quantity) {
	return "all processors' work for " + variant, quantity{variant, processorBound}
}

func atMost(text, variant string, f figure, most float64, unit string) clause {
	return clause{text: text, of: quantity{variant, f}, most: most, unit: unit}
}

// allGoals are those that are measured here; the others are the business of tests.
var allGoals = []goal{
	{"G1", []clause{faster("engine-crc", "ref-crc", 0.90), faster("engine-crc", "raw", 0.80)}},
	{"G2", []clause{
		faster("engine-sha256", "ref-sha256", 0.90),
		{text: "engine-sha256 to all processors' work for ref-sha256", of: speed("engine-sha256"),
			over: quantity{"ref-sha256", processorBound}, least: 0.80},
	}},
	// Not the engine with one sync in the end: it has the disk begin as early as with checkpoints, and so loses
	// nothing by that.
	{"G3", []clause{faster("engine-crc", "ref-crc-final", 1.25), faster("engine-sha256", "ref-sha256-final", 1.25)}},
	{"G4", []clause{faster("engine-tcp-crc", "ref-tcp-crc", 0.90), faster("engine-tcp-crc", "rsyncd", 1.3)}},
	{"G5", []clause{
		faster("engine-sha256", "rsync", 1.3).under(processorsOf("ref-sha256")), faster("engine-sha256", "rclone", 1.4),
		faster("engine-sha256", "sftp", 1.5), faster("engine-sha256", "serial", 1.0),
	}},
	{"G6", []clause{faster("engine-crc", "rsync", 2.5).under("disk", speed("disk")), faster("engine-crc", "cp", 1.1)}},
	{"G7", []clause{
		faster("engine-tcp-sha256", "rsync", 1.0).under(processorsOf("ref-tcp-sha256")), faster("engine-tcp-sha256", "ref-tcp-sha256", 0.90),
		atMost("processor time of both ends", "engine-tcp-sha256", processorTime, 2.7, "s/GiB").
			under("ref-tcp-sha256", quantity{"ref-tcp-sha256", processorTime}),
	}},
	{"G8", []clause{
		faster("engine-crc-8MiB", "engine-crc", 0.88), faster("engine-crc-4MiB", "engine-crc", 0.80),
		faster("engine-sha256-8MiB", "engine-sha256", 0.88), faster("engine-sha256-4MiB", "engine-sha256", 0.80),
	}},
	{"G12", []clause{
		atMost("resume, process start to end", "engine-resume", seconds, 0.2, "s"),
		atMost("read again", "engine-resume", reread, 32, "MiB"),
		faster("engine-resume", "rsync-partial", 10), faster("engine-resume", "rsync-append", 3),
	}},
	{"G14", []clause{
		{text: "allocations a frame, both ends, as testing.AllocsPerRun counts", of: quantity{"engine-sha256-4MiB", allocations}, most: 0},
		atMost("garbage collections while it flows", "engine-sha256-4MiB", collections, 1, "/GiB"),
		atMost("memory of both ends in process", "engine-sha256-4MiB", memory, 24, "MiB"),
		atMost("memory of the larger end over TCP", "engine-tcp-sha256", memory, 24, "MiB"),
	}},
}

func (g goal) Name() string { return g.name }

// needs are the variants that must run for a verdict.
func (g goal) needs() []string {
	var all []string
	for _, c := range g.clauses {
		all = append(all, c.of.variant)
		for _, q := range []quantity{c.over, c.ceiling} {
			if q.figure != nil {
				all = append(all, q.variant)
			}
		}
	}
	return all
}

// verdict is what became of a goal or a clause of it.
type verdict string

const (
	pass        verdict = "PASS"
	fail        verdict = "FAIL"
	notMeasured verdict = "NOT MEASURED"
)

// judge says what became of a clause, its value, and why there is none. Ours that fails to run has failed
// the goal; nobody else's.
func (m *measurement) judge(c clause) (v verdict, value float64, why string) {
	of, over := m.results[c.of.variant], m.results[c.over.variant]
	switch {
	case of.missing != nil:
		return notMeasured, 0, of.missing.Error()
	case of.failed != nil:
		return fail, 0, of.failed.Error()
	case over != nil && over.missing != nil:
		return notMeasured, 0, over.missing.Error()
	case over != nil && over.failed != nil:
		return notMeasured, 0, over.failed.Error()
	}
	value = c.of.figure(m, of.samples)
	if over != nil {
		value /= c.over.figure(m, over.samples)
	}
	if math.IsNaN(value) {
		return notMeasured, 0, "cannot be told on this system, or of a file of this size"
	}
	if c.least > 0 && value >= c.least || c.least == 0 && value <= c.most {
		return pass, value, ""
	}
	return fail, value, ""
}

// ceilingOf is what a clause could come to on this machine, 0 where that was not measured.
func (m *measurement) ceilingOf(c clause) float64 {
	if c.ceiling.figure == nil {
		return 0
	}
	value := 1.0
	for _, q := range []quantity{c.over, c.ceiling} {
		if q.figure == nil {
			continue
		}
		r := m.results[q.variant]
		if r.missing != nil || r.failed != nil {
			return 0
		}
		value = q.figure(m, r.samples) / value // first over itself, where there is one, then the ceiling by it
	}
	return value
}

// together is the verdict of a goal: as bad as the worst of its clauses, and no better than what was
// measured.
func together(all []verdict) verdict {
	sum := pass
	for _, v := range all {
		if v == fail {
			return fail
		}
		if v == notMeasured {
			sum = notMeasured
		}
	}
	return sum
}
